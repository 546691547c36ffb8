"""What both ends of a video path write down, and how their notes become samples."""

from __future__ import annotations

from pathlib import Path

import msgspec

PATIENCE_S = 30.0


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """One decoded picture at the receiver."""

    rtp: int
    """RTP timestamp as sent; -1: unknown on this path."""
    number: int
    """From the pixels; -1: unreadable."""
    time_us: int
    """From the pixels."""
    arrived_ns: int
    """Last packet; 0: unknown."""
    begun_ns: int
    """Decoding began; 0: unknown."""
    decoded_ns: int
    presented_ns: int = 0
    """0: not presented, or a path without a screen."""


class Quality(msgspec.Struct, frozen=True):
    """Likeness of one decoded picture to its source."""

    psnr_db: float
    ssim: float


class ReceiverLog(msgspec.Struct, frozen=True):
    """Everything a receiver noted."""

    seen: list[Seen] = []
    quality: list[Quality] = []
    errors: int = 0
    cpu_percent: float = 0.0
    smaller: int = 0
    """Pictures that were sent below their full size."""


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """One picture at the sender."""

    rtp: int
    number: int
    """From the source; -1: unknown here (the pixels say it)."""
    acquired_ns: int
    begun_ns: int = 0
    """Encoding began; 0: unknown."""
    encoded_ns: int = 0
    size: int = 0
    first_sent_ns: int = 0
    last_sent_ns: int = 0


class SenderLog(msgspec.Struct, frozen=True):
    """Everything a sender noted."""

    sent: list[Sent] = []
    cpu_percent: float = 0.0
    keyframes: int = 0


def write(path: Path, log: ReceiverLog | SenderLog) -> None:
    """Store a log."""
    path.write_bytes(msgspec.json.encode(log))


def read_receiver(path: Path) -> ReceiverLog:
    """Read what a receiver stored."""
    return msgspec.json.decode(path.read_bytes(), type=ReceiverLog)


def read_sender(path: Path) -> SenderLog:
    """Read what a sender stored."""
    return msgspec.json.decode(path.read_bytes(), type=SenderLog)
