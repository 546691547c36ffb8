"""Presses and releases from a stream of key bytes (a terminal has no release)."""

from __future__ import annotations

from dataclasses import dataclass

from safety.states import EventKind

HELD_NS = 700_000_000
"""Auto-repeat: a longer gap means released (the first repeat of a keyboard comes within 0.66 s)."""
ESTOP_KEYS = b"eE"

Press = tuple[EventKind, int]
"""Kind and argument: 1 pressed, 0 released."""


@dataclass(slots=True)
class KeyStream:
    """`e` is ESTOP; every other key is the stop: whoever hits the keyboard wants it to stop."""

    last_ns: int = 0
    """0: released."""

    def feed(self, data: bytes, now_ns: int) -> list[Press]:
        """Presses in `data`."""
        out: list[Press] = []
        if any(byte in ESTOP_KEYS for byte in data):
            out.append((EventKind.ESTOP, 1))
        if any(byte not in ESTOP_KEYS for byte in data):
            if not self.last_ns:
                out.append((EventKind.STOP, 1))
            self.last_ns = now_ns
        return out

    def expire(self, now_ns: int) -> list[Press]:
        """The release, once no repeat has come for long enough."""
        if self.last_ns and now_ns - self.last_ns > HELD_NS:
            self.last_ns = 0
            return [(EventKind.STOP, 0)]
        return []

    def lost(self) -> None:
        """The input went away: nothing is held any more."""
        self.last_ns = 0
