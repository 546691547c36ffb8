"""One direction of the link: newest wins, late messages change nothing."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from transport.impair import Link, LinkProfile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """A path between console and robot."""

    rtt_ms: float = 0.0
    jitter_ms: float = 0.0
    """Mean of the random part, each way."""
    loss: float = 0.0
    cut_at_s: float = float("inf")
    """The link is gone from this moment on."""

    def profile(self) -> LinkProfile:
        """One direction of it."""
        return LinkProfile(delay_ms=self.rtt_ms / 2.0, jitter_ms=self.jitter_ms, loss=self.loss)


@dataclass(slots=True)
class Pipe(Generic[T]):
    """Carries messages with the delay and loss of a `Link`."""

    spec: LinkSpec
    seed: int
    sent: int = 0
    heard: int = 0
    _link: Link = field(init=False)
    _flying: list[tuple[int, int, T]] = field(default_factory=list)
    _newest: int = -1

    def __post_init__(self) -> None:
        """Begin the link."""
        self._link = Link(self.spec.profile(), self.seed)

    def send(self, now_ns: int, message: T) -> None:
        """Give a message to the link."""
        self.sent += 1
        if now_ns >= self.spec.cut_at_s * 1e9:
            return
        for due_ns in self._link.deliver(now_ns, 100):
            heapq.heappush(self._flying, (due_ns, self.sent, message))

    def receive(self, now_ns: int) -> T | None:
        """The newest message that arrived since the last call, if it is newer than all before."""
        found: T | None = None
        while self._flying and self._flying[0][0] <= now_ns:
            _, number, message = heapq.heappop(self._flying)
            if number > self._newest:
                self._newest, found = number, message
                self.heard += 1
        return found
