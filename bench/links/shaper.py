"""Holds packets until they are due: the heap between a link model and real sockets (pure)."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from transport.impair import Fate, Link
from transport.local.lateness import Histogram

Send = Callable[[bytes], None]
Corrupt = Callable[[bytes, float], bytes]


@dataclass(slots=True)
class Lane:
    """One direction of one link, with what it counted."""

    link: Link
    lateness: Histogram = field(default_factory=Histogram)
    passed: int = 0
    passed_bytes: int = 0
    unsent: int = 0
    """Refused by the operating system when they were due."""


_Held = tuple[int, int, Lane, bytes, Send]
"""Due (ns), order (unique, so that comparing ends there), lane, data, way out."""


class Shaper:
    """Asks each lane's link for the fate of a packet and sends what is due."""

    def __init__(self, corrupt: Corrupt) -> None:
        self._corrupt = corrupt
        self._heap: list[_Held] = []
        self._order = 0

    def take(self, lane: Lane, data: bytes, size_bytes: int, now_ns: int, send: Send) -> Fate:
        """A packet came in; it leaves through `send` when its link says so."""
        fate = lane.link.send(now_ns, size_bytes)
        if fate.flip is not None:
            data = self._corrupt(data, fate.flip)
        for due_ns in fate.due_ns:
            self._order += 1
            heapq.heappush(self._heap, (due_ns, self._order, lane, data, send))
        return fate

    def next_due_ns(self) -> int | None:
        """When the next packet is due; None: nothing is held."""
        return self._heap[0][0] if self._heap else None

    def release(self, now_ns: int) -> int:
        """Send everything that is due; return how many packets that was."""
        released = 0
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, lane, data, send = heapq.heappop(self._heap)
            lane.lateness.add(now_ns - due_ns)
            released += 1
            try:
                send(data)
            except OSError:
                lane.unsent += 1  # full queue, interface down, nobody there: as on a real link
            else:
                lane.passed += 1
                lane.passed_bytes += len(data)
        return released
