"""Which missing packets to ask for, and when (RFC 4585 section 6.2.1), pure.

Only a backstop: loss is repaired in band by duplicates where the sender sends them. aiortc asks
once, when a gap opens; a lost request or a lost answer then freezes the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

REPEAT_LEAST_NS = 10_000_000
ROUND_TRIPS = 1.25
"""Ask again after so many round trips, so that an answer on its way is not asked for again."""
ROUND_TRIP_GUESS_NS = 20_000_000
"""Until an answer has been seen."""
MOST = 256
"""Packets missing at once; beyond that only a keyframe helps."""


@dataclass(slots=True)
class _Missing:
    asked_ns: int | None
    times: int


class Missing:
    """The packets missing from one stream, by unwrapped sequence number."""

    def __init__(self) -> None:
        self.round_trip_ns = ROUND_TRIP_GUESS_NS
        """From a request to its answer, averaged."""
        self._missing: dict[int, _Missing] = {}
        self._highest: int | None = None

    def __len__(self) -> int:
        return len(self._missing)

    def seen(self, sequence: int) -> None:
        """A packet arrived by itself."""
        if self._highest is None or sequence - self._highest > MOST:
            self._missing.clear()
            self._highest = sequence
            return
        for skipped in range(self._highest + 1, sequence):
            self._missing[skipped] = _Missing(None, 0)
        self._highest = max(self._highest, sequence)
        self._missing.pop(sequence, None)
        while len(self._missing) > MOST:
            del self._missing[min(self._missing)]

    def answered(self, sequence: int, now_ns: int) -> None:
        """A packet arrived because it was asked for."""
        entry = self._missing.pop(sequence, None)
        if entry is not None and entry.asked_ns is not None and entry.times == 1:
            self.round_trip_ns += (now_ns - entry.asked_ns - self.round_trip_ns) // 4

    def forget_before(self, sequence: int) -> None:
        """Packets before this one are of no use any more."""
        for number in [n for n in self._missing if n < sequence]:
            del self._missing[number]

    def ask(self, now_ns: int) -> list[int]:
        """Packets to ask for now."""
        repeat_ns = self._repeat_ns()
        due = [
            number
            for number, entry in self._missing.items()
            if entry.asked_ns is None or now_ns - entry.asked_ns >= repeat_ns
        ]
        for number in due:
            entry = self._missing[number]
            entry.asked_ns, entry.times = now_ns, entry.times + 1
        return due

    def due_ns(self) -> int | None:
        """When `ask` has something to say again; None when nothing is missing."""
        asked = [entry.asked_ns or 0 for entry in self._missing.values()]
        return min(asked) + self._repeat_ns() if asked else None

    def _repeat_ns(self) -> int:
        return max(REPEAT_LEAST_NS, round(ROUND_TRIPS * self.round_trip_ns))
