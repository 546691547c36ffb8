"""Networks of the virtual world: several links at once, and pictures that are many packets.

The first copy of a message wins, as `transport/multilink.py` does it. A picture on one link goes
out twice, the second time a little later (a repair in band); on several links once on each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from transport.impair import Link

CONTROL_BYTES = 230
"""A safety frame or heartbeat with SCTP, DTLS, UDP and IP headers (124 + about 100)."""
PACKET_BYTES = 1240
"""A full video packet with its headers."""
REPAIR_NS = 3_000_000
"""Distance of the second copy on a single link (docs/timing.md)."""

At = Callable[[int, Callable[[int], None]], None]
"""Schedules a call at a time (`VirtualClock.at`)."""


class Direction(Protocol):
    """One way of a network: when does what is sent now arrive?"""

    cut: bool

    def deliver(self, now_ns: int, size_bytes: int = 0) -> list[int]:
        """Arrival times; none: lost."""


class Bundle:
    """The same direction of several links: everything is sent on all, the first copy wins."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links

    @property
    def cut(self) -> bool:
        """All cables are pulled."""
        return all(link.cut for link in self._links)

    @cut.setter
    def cut(self, cut: bool) -> None:
        for link in self._links:
            link.cut = cut

    def deliver(self, now_ns: int, size_bytes: int = 0) -> list[int]:
        """When the first copy arrives."""
        found = [due for link in self._links for due in link.deliver(now_ns, size_bytes)]
        return [min(found)] if found else []

    @property
    def single(self) -> bool:
        """There is one link only."""
        return len(self._links) == 1


@dataclass(frozen=True, slots=True)
class Stream:
    """How a picture becomes packets."""

    fps: float = 60.0
    bitrate_kbps: float = 4000.0

    @property
    def packets(self) -> int:
        """Packets of one picture (intra refresh: all pictures are about the same size)."""
        return max(1, round(self.bitrate_kbps * 125.0 / self.fps / PACKET_BYTES))


class Pictures:
    """Sends pictures through a bundle; a picture with a lost packet is never shown."""

    def __init__(self, bundle: Bundle, stream: Stream, at: At) -> None:
        self._bundle = bundle
        self._packets = stream.packets
        self._at = at
        self.sent = 0
        self.lost = 0

    def send(self, now_ns: int, arrived: Callable[[int], None]) -> None:
        """Send one picture; `arrived(now_ns)` is called when its last packet is there."""
        self.sent += 1
        first = self._copies(now_ns)
        complete = [due for due in first if due is not None]
        if len(complete) == len(first):
            self._at(max(complete), arrived)
        if self._bundle.single:
            self._at(now_ns + REPAIR_NS, lambda at_ns: self._repair(at_ns, first, arrived))
        elif len(complete) < len(first):
            self.lost += 1

    def _copies(self, now_ns: int) -> list[int | None]:
        deliver = self._bundle.deliver
        return [next(iter(deliver(now_ns, PACKET_BYTES)), None) for _ in range(self._packets)]

    def _repair(self, now_ns: int, first: list[int | None], arrived: Callable[[int], None]) -> None:
        second = self._copies(now_ns)
        if None not in first:
            return
        best = [a if a is not None else b for a, b in zip(first, second, strict=True)]
        complete = [due for due in best if due is not None]
        if len(complete) == len(best):
            self._at(max(complete), arrived)
        else:
            self.lost += 1
