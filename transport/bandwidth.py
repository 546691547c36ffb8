"""Is the link too narrow? Seen from the receiver by growing delay (pure).

Every frame's delay, its arrival against its RTP time, is compared with the smallest of the last
seconds; the difference is what waits in some queue on the way. When that grows beyond QUEUE_NS,
the link carries less than is sent, and the rate that arrives is what it carries. The principle and
the factor are those of Carlucci et al., "Analysis and design of the Google congestion control for
web real-time communication", MMSys 2016.
"""

from __future__ import annotations

from collections import deque

QUEUE_NS = 20_000_000
"""Queueing delay that means "too narrow" when even the quickest of the last FRAMES waited so long
(a standing queue, as in CoDel, RFC 8289; jitter and a busy machine let some frames through)."""
FRAMES = 8
HIGH_NS = 60_000_000
"""Delay that means it at once, when HIGH_FRAMES in a row waited so long and none less and less:
what a handover held back arrives so, each frame sooner after its time than the one before."""
HIGH_FRAMES = 3
EMPTIES_NS = 10_000_000
"""A full queue does not grow: its delay goes up and down by less than this."""
BASE_NS = 10_000_000_000
"""Window of the smallest delay."""
RATE_NS = 500_000_000
"""Window of the arriving rate."""
BACK_OFF = 0.85
FURTHER = 0.9
REPEAT_NS = 200_000_000
"""Shortest time between two estimates."""
_RTP_HZ = 90_000


class DelayTrend:
    """Watches one stream."""

    def __init__(self) -> None:
        self._base: deque[tuple[int, int]] = deque()
        """(arrival, delay), delays rising: the first is the smallest of the window."""
        self._arrived: deque[tuple[int, int]] = deque()
        self._bytes = 0
        self._last_timestamp: int | None = None
        self._newest: tuple[int, int] | None = None
        """Newest timestamp and its last packet."""
        self._media_ns = 0
        self._queues: deque[int] = deque(maxlen=FRAMES)
        self._begun_ns: int | None = None
        self._told_ns: int | None = None
        self._told_kbps = 0.0
        self.queue_ns = 0
        """How long the newest frame waited beyond the shortest."""

    def packet(self, size: int, timestamp: int, at_ns: int) -> None:
        """Count a packet of the stream (not one that was asked for).

        The frame before counts as arrived when a packet of a newer one comes: a link that drops
        most packets completes no frame.
        """
        if self._begun_ns is None:
            self._begun_ns = at_ns
        self._arrived.append((at_ns, size))
        self._bytes += size
        while self._arrived[0][0] <= at_ns - RATE_NS:
            self._bytes -= self._arrived.popleft()[1]
        newest, last_ns = self._newest or (timestamp, at_ns)
        ahead = _ticks(newest, timestamp)
        if ahead > 0:
            self.frame(newest, last_ns)
        if ahead >= 0:
            self._newest = (timestamp, at_ns)

    def frame(self, timestamp: int, arrived_ns: int) -> None:
        """A frame with this 32-bit timestamp was complete; each counts once, in their order."""
        if self._last_timestamp is not None:
            ticks = _ticks(self._last_timestamp, timestamp)
            if ticks <= 0:
                return
            self._media_ns += ticks * 1_000_000_000 // _RTP_HZ
        self._last_timestamp = timestamp
        delay_ns = arrived_ns - self._media_ns
        while self._base and self._base[-1][1] >= delay_ns:
            self._base.pop()
        self._base.append((arrived_ns, delay_ns))
        while self._base[0][0] < arrived_ns - BASE_NS:
            self._base.popleft()
        self.queue_ns = delay_ns - self._base[0][1]
        self._queues.append(self.queue_ns)

    def arriving_kbps(self) -> float:
        """Rate of the last half second."""
        if not self._arrived:
            return 0.0
        return self._bytes * 8 / RATE_NS * 1e6

    def estimate_kbps(self, now_ns: int) -> float | None:
        """What the link carries, when that is less than what is sent."""
        if not self._has_queue():
            return None
        if self._begun_ns is None or now_ns - self._begun_ns < 2 * RATE_NS:
            return None  # neither the least delay nor the rate is known yet
        if self._told_ns is not None and now_ns - self._told_ns < REPEAT_NS:
            return None
        estimate_kbps = BACK_OFF * self.arriving_kbps()
        if self._told_ns is not None and now_ns - self._told_ns < RATE_NS:
            # Still too much: said by a lower figure, since a sender listens for a fall.
            estimate_kbps = min(estimate_kbps, FURTHER * self._told_kbps)
        self._told_ns, self._told_kbps = now_ns, estimate_kbps
        return estimate_kbps

    def _has_queue(self) -> bool:
        if not self._queues or self._queues[-1] < self._queues[0]:
            return False  # it empties already
        standing = len(self._queues) == FRAMES and min(self._queues) > QUEUE_NS
        newest = list(self._queues)[-HIGH_FRAMES:]
        empties = newest[-1] < newest[0] - EMPTIES_NS
        return standing or (len(newest) == HIGH_FRAMES and min(newest) > HIGH_NS and not empties)


def _ticks(earlier: int, later: int) -> int:
    """From one 32-bit timestamp to the other; negative: the other is older."""
    return (later - earlier + 0x80000000 & 0xFFFFFFFF) - 0x80000000
