"""One viewer's stream: numbering, pacing, duplicates, retransmission. Nothing waits in a queue.

A packet is protected once. In band repair is the same bytes again a few milliseconds later (the
viewer's SRTP replay window drops the copy it does not need), which costs bandwidth but no round
trip; a retransmission on request is the backstop.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from aiortc.rtcrtpsender import RTCRtpSender

from transport.local.clock import now_ns
from transport.webrtc.patches.sender import ReceiverReport, Wire

HISTORY = 1024
"""Packets kept for retransmission: the SRTP replay window of aiortc, a second at 8 Mbit/s."""
REPEAT_NS = 5_000_000
"""A packet is not sent again within this time: requests are repeated, copies are on their way."""
ROUND_TRIP_NS = 200_000_000
"""How often the round trip is measured, as often as Chromium reports at these rates."""
BACKLOG_BYTES = 65_536
"""What the socket may still hold when a picture is due; more means that the link does not move."""


@dataclass(frozen=True, slots=True)
class Shaping:
    """How packets leave."""

    pacing_ms: float = 0.0
    """Time over which the packets of one picture are spread; 0: all at once."""
    duplicate_after_ms: float = 0.0
    """Send every packet a second time after this time; 0: do not."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """When one picture left for one viewer (monotonic, ns); duplicates are not counted."""

    rtp_timestamp: int
    first_ns: int
    last_ns: int
    packets: int
    size: int
    """Bytes of H.264 payload."""


@dataclass(slots=True)
class _Kept:
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    protected: bytes
    again_ns: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Packets of a picture that leave together."""

    payloads: Sequence[bytes]
    picture: SentPicture
    last: bool
    shaping: Shaping


class Viewer(Protocol):
    """What one viewer asks, reports and is sent."""

    def keyframe_wanted(self) -> None:
        """It cannot go on without a keyframe."""

    def packet_missed(self) -> None:
        """It misses a packet."""

    def reported(self, report: ReceiverReport) -> None:
        """It reported on the stream."""

    def picture_sent(self, sent: SentPicture) -> None:
        """A picture has left."""


class ViewerStream:
    """Sends payloads to one viewer."""

    def __init__(self, sender: RTCRtpSender, viewer: Viewer) -> None:
        self._viewer = viewer
        self._wire = Wire(sender, self)
        self._loop = asyncio.get_running_loop()
        # In the lower half: a wrap right after the start would confuse SRTP's rollover counter.
        self._sequence = secrets.randbits(15)
        self._repair_sequence = secrets.randbits(15)
        self._kept: list[_Kept | None] = [None] * HISTORY
        self._waiting: deque[_Part] = deque()
        self._asked_ns = 0
        self.repeated = 0
        """Packets sent again because the viewer asked."""

    @property
    def is_open(self) -> bool:
        """True while packets can leave."""
        return self._wire.is_open

    @property
    def is_stuck(self) -> bool:
        """True when the socket still holds what was sent before."""
        return self._wire.backlog() > BACKLOG_BYTES

    def keyframe_wanted(self) -> None:
        """Hand PLI and FIR on."""
        self._viewer.keyframe_wanted()

    def reported(self, report: ReceiverReport) -> None:
        """Hand a report on."""
        self._viewer.reported(report)

    def send(self, payloads: Sequence[bytes], timestamp: int, shaping: Shaping) -> None:
        """Send one picture: now, or from now on over the pacing time."""
        self._flush()  # what the last picture still holds back: packets of two are never mixed
        size, first_ns = sum(map(len, payloads)), now_ns()
        steps = max(1, min(round(shaping.pacing_ms) + 1, len(payloads)))
        each = -(-len(payloads) // steps)
        sent = SentPicture(timestamp, first_ns, first_ns, len(payloads), size)
        for at in range(0, len(payloads), each):
            last = at + each >= len(payloads)
            self._waiting.append(_Part(payloads[at : at + each], sent, last, shaping))
        self._next()
        for step in range(1, len(self._waiting) + 1):
            delay_s = step * shaping.pacing_ms / (steps - 1) / 1e3
            self._loop.call_later(delay_s, self._due, sent)
        self._wire.account(timestamp, len(payloads), size)
        if first_ns - self._asked_ns >= ROUND_TRIP_NS:
            self._asked_ns = first_ns
            self._wire.ask_for_round_trip()

    def _due(self, sent: SentPicture) -> None:
        """The next part of `sent`, unless a newer picture has pushed it out already."""
        if self._waiting and self._waiting[0].picture is sent:
            self._next()

    def _flush(self) -> None:
        while self._waiting:
            self._next()

    def _next(self) -> None:
        part = self._waiting.popleft()
        header = self._wire.header
        if header is None or not self.is_open:
            return  # ended between two parts
        picture, tail, sent = part.picture, self._wire.tail(), []
        for number, payload in enumerate(part.payloads, 1):
            marker = part.last and number == len(part.payloads)
            sequence = self._sequence
            self._sequence = sequence + 1 & 0xFFFF
            packet = header.pack(
                payload, sequence=sequence, timestamp=picture.rtp_timestamp, marker=marker,
                tail=tail,
            )  # fmt: skip
            protected = self._wire.protect(packet)
            self._wire.put(protected)
            self._kept[sequence % HISTORY] = _Kept(
                sequence, picture.rtp_timestamp, marker, payload, protected, 0
            )
            sent.append(protected)
        if part.shaping.duplicate_after_ms > 0:
            self._loop.call_later(part.shaping.duplicate_after_ms / 1e3, self._again, sent)
        if part.last:
            self._viewer.picture_sent(replace(picture, last_ns=now_ns()))

    def _again(self, packets: Sequence[bytes]) -> None:
        if self.is_open:
            for packet in packets:
                self._wire.put(packet)

    def packet_missing(self, sequence: int) -> None:
        """Send a packet again (RFC 4588), or its very bytes when no repair stream was agreed on."""
        kept, at_ns = self._kept[sequence % HISTORY], now_ns()
        self._viewer.packet_missed()
        if kept is None or kept.sequence != sequence or not self.is_open:
            return
        if at_ns < kept.again_ns:
            return
        kept.again_ns = at_ns + REPEAT_NS
        self.repeated += 1
        repair = self._wire.repair
        if repair is None:
            self._wire.put(kept.protected)
            return
        packet = repair.pack(
            kept.sequence.to_bytes(2, "big") + kept.payload,
            sequence=self._repair_sequence, timestamp=kept.timestamp, marker=kept.marker,
            tail=self._wire.tail(),
        )  # fmt: skip
        self._repair_sequence = self._repair_sequence + 1 & 0xFFFF
        self._wire.put(self._wire.protect(packet))
