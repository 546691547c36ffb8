"""When to send every packet of a stream twice (pure; time is an argument).

Duplicates repair loss without a round trip: at RTT 20 ms and 1 % loss they bring all pictures in
time where requests alone bring 88 %. They double the bandwidth, so a clean link goes without, and
a link that is too narrow must go without: there loss means that less should be sent, not more.
"""

from __future__ import annotations

from enum import StrEnum

HOLD_NS = 30_000_000_000
"""How long duplicates go on after the last loss."""
HOLD_MOST_NS = 600_000_000_000
"""Longest hold: it doubles each time loss comes back soon after duplicates ended, because with
them a receiver reports no loss, and the link would be tried naked every half minute."""
SOON_NS = 60_000_000_000
LOSS_FEW = 0.002
"""Reported share of lost packets that counts as loss."""
FAR_MS = 8.0
"""Round trip from which a request comes too late: one period of 30 pictures/s, the request and its
answer, encoding and showing together pass the 50 ms that a picture has."""
CONGESTED_NS = 30_000_000_000
"""How long duplicates stay off after the link was seen to be too narrow."""


class Duplicates(StrEnum):
    """What the configuration says."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Redundancy:
    """Decides for one viewer."""

    def __init__(self, mode: Duplicates) -> None:
        self._mode = mode
        self._until_ns: int | None = None
        self._hold_ns = HOLD_NS
        self._congested_until_ns: int | None = None
        self.far = False
        """A request would come too late."""

    @property
    def may_end(self) -> bool:
        """Whether a narrow link ends duplicates: not where the configuration wants them always."""
        return self._mode is Duplicates.AUTO

    def lost(self, now_ns: int) -> None:
        """A packet was lost; `is_on` from now on."""
        if self._until_ns is not None and now_ns >= self._until_ns:
            came_back = now_ns - self._until_ns < SOON_NS
            self._hold_ns = min(2 * self._hold_ns, HOLD_MOST_NS) if came_back else HOLD_NS
        self._until_ns = now_ns + self._hold_ns

    def reported(self, loss: float, now_ns: int) -> None:
        """Take the share of lost packets from a receiver report."""
        if loss >= LOSS_FEW:
            self.lost(now_ns)

    def round_trip(self, round_trip_ms: float, now_ns: int) -> None:
        """A far viewer begins with duplicates: already the first loss would be a late picture.

        With them it reports no loss, and the link tried naked costs late pictures each time: they
        are held for the longest time at once. The round trip alone does not renew them.
        """
        if round_trip_ms >= FAR_MS and not self.far:
            self.far, self._hold_ns = True, HOLD_MOST_NS
            self.lost(now_ns)

    def congested(self, now_ns: int) -> None:
        """The link carries less than is sent."""
        self._congested_until_ns = now_ns + CONGESTED_NS

    def is_on(self, now_ns: int) -> bool:
        """Whether to send twice now."""
        if self._mode is not Duplicates.AUTO:
            return self._mode is Duplicates.ON
        if self._congested_until_ns is not None and now_ns < self._congested_until_ns:
            return False
        return self._until_ns is not None and now_ns < self._until_ns
