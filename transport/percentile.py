"""Percentiles of a latency over the last seconds (pure; time is an argument)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

NONE_MS = -1.0
"""Shown where there is no sample: missing data never means zero."""


class Percentiles(NamedTuple):
    """Nearest-rank percentiles (ms); `NONE_MS` when the window is empty."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


EMPTY = Percentiles(NONE_MS, NONE_MS, NONE_MS)


def of_sorted(values: list[float]) -> Percentiles:
    """Nearest-rank percentiles of sorted `values`."""
    count = len(values)
    if not count:
        return EMPTY
    p50, p95, p99 = (values[min(count - 1, -(-count * q // 100) - 1)] for q in (50, 95, 99))
    return Percentiles(p50, p95, p99)


class LatencyWindow:
    """Samples of the last `span_ns`; percentiles are sorted afresh at most every `cache_ns`."""

    def __init__(self, span_ns: int = 10_000_000_000, cache_ns: int = 250_000_000) -> None:
        self._span_ns = span_ns
        self._cache_ns = cache_ns
        self._samples: deque[tuple[int, float]] = deque(maxlen=4096)
        self._cached = EMPTY
        self._cached_at_ns: int | None = None

    def add(self, now_ns: int, value_ms: float) -> None:
        """Add a sample; a negative or non-finite one means "none" and is left out."""
        if 0.0 <= value_ms < float("inf"):
            self._samples.append((now_ns, value_ms))

    def percentiles(self, now_ns: int) -> Percentiles:
        """p50, p95, p99 of the window."""
        if self._cached_at_ns is None or now_ns - self._cached_at_ns >= self._cache_ns:
            while self._samples and self._samples[0][0] < now_ns - self._span_ns:
                self._samples.popleft()
            self._cached = of_sorted(sorted(value for _, value in self._samples))
            self._cached_at_ns = now_ns
        return self._cached
