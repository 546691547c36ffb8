"""Measured picture rate and slowly averaged times (pure)."""

from __future__ import annotations

from collections import deque

WINDOW_NS = 1_000_000_000
SUSTAINED_NS = 3_000_000_000
"""Window of the rule for driving: a slow source, not a hiccup (frozen, stale and late pictures are
guard's matter and are seen within 150 ms)."""
OBSERVE_ONLY_BELOW_FPS = 20.0
"""A live source under this measured rate may be watched, not driven by (issue 2)."""


class Rate:
    """Pictures in the last window; before a full window has passed, what is known so far."""

    def __init__(self, start_ns: int, window_ns: int = WINDOW_NS) -> None:
        self._window_ns = window_ns
        self._start_ns = start_ns
        self._times: deque[tuple[int, int]] = deque()
        self._bytes = 0

    def add(self, now_ns: int, size: int) -> None:
        """Count one picture of `size` bytes."""
        self._times.append((now_ns, size))
        self._bytes += size
        self._forget(now_ns)

    def _forget(self, now_ns: int) -> None:
        while self._times and self._times[0][0] <= now_ns - self._window_ns:
            self._bytes -= self._times.popleft()[1]

    def fps(self, now_ns: int) -> float:
        """Pictures per second over the window."""
        self._forget(now_ns)
        return len(self._times) / (self._window_ns / 1e9)

    def kbps(self, now_ns: int) -> float:
        """Encoded kilobits per second over the window."""
        self._forget(now_ns)
        return self._bytes * 8 / (self._window_ns / 1e9) / 1e3


class Average:
    """Exponential average over about 30 values."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        """Take one value in."""
        self._count = min(self._count + 1, 30)
        self.value += (value - self.value) / self._count


def observe_only(live: bool, fps: float, simulated_arm: bool) -> bool:
    """Whether the picture may only be watched: slow live source, or a replay with a real arm."""
    return fps < OBSERVE_ONLY_BELOW_FPS if live else not simulated_arm
