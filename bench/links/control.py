"""Messages between an emulator process and whoever started it (length-prefixed MessagePack)."""

from __future__ import annotations

import msgspec

from bench.links.report import EmulatorReport
from transport.impair import PathProfile

MAX_BYTES = 64_000_000
"""Two whole traces are below 4 MB."""
PREFIX_BYTES = 4


class ControlError(ValueError):
    """A message that cannot be read."""


class Begin(msgspec.Struct, frozen=True, tag=True):
    """First message: what to emulate."""

    scenario: str
    links: tuple[PathProfile, ...]
    seed: int
    log_file: str = ""
    """Where the fate of each packet is written at the end; empty: nowhere."""
    targets: tuple[tuple[str, int], ...] = ()
    """Relay only: where each link leads."""


class Cut(msgspec.Struct, frozen=True, tag=True):
    """Pull the cable of a link, one way or both, or put it back."""

    link: int
    up: bool
    down: bool


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Begin the profiles anew: time 0 is now, the random sequences and all counts start over.

    What is held already still leaves when it was due, uncounted.
    """

    links: tuple[PathProfile, ...] = ()
    """Other profiles from now on, as many as before; empty: the same ones."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The emulator carries packets."""

    origin_ns: int
    """Time 0 of the profiles (CLOCK_MONOTONIC)."""
    fifo: bool
    ports: tuple[int, ...] = ()
    """Relay only: the port of each link."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The last message."""

    report: EmulatorReport


Command = Begin | Cut | Restart
Answer = Ready | Ended

_commands = msgspec.msgpack.Decoder(Command)
_answers = msgspec.msgpack.Decoder(Answer)


def frame(message: Command | Answer) -> bytes:
    """A message as it goes through the pipe."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(PREFIX_BYTES, "little") + body


class Unframer:
    """Collects bytes of a pipe into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def _bodies(self, data: bytes) -> list[bytes]:
        self._buffer += data
        bodies = []
        while len(self._buffer) >= PREFIX_BYTES:
            length = int.from_bytes(self._buffer[:PREFIX_BYTES], "little")
            if length > MAX_BYTES:
                raise ControlError(f"a message of {length} bytes")
            if len(self._buffer) < PREFIX_BYTES + length:
                break
            bodies.append(bytes(self._buffer[PREFIX_BYTES : PREFIX_BYTES + length]))
            del self._buffer[: PREFIX_BYTES + length]
        return bodies

    def commands(self, data: bytes) -> list[Command]:
        """Messages to an emulator."""
        try:
            return [_commands.decode(body) for body in self._bodies(data)]
        except (msgspec.DecodeError, ValueError) as error:
            raise ControlError(str(error)) from error

    def answers(self, data: bytes) -> list[Answer]:
        """Messages from an emulator."""
        try:
            return [_answers.decode(body) for body in self._bodies(data)]
        except (msgspec.DecodeError, ValueError) as error:
            raise ControlError(str(error)) from error
