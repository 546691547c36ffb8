"""What a link does as a function of time: dark windows, changing delay, changing rate, a trace.

All times are ms since the link began.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from transport.impair.noise import ImpairError, Noise


@dataclass(frozen=True, slots=True)
class Periodic:
    """A dark window of `length_ms` every `period_ms`, the first one at `first_ms`."""

    period_ms: float
    length_ms: float
    first_ms: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.length_ms < self.period_ms or self.first_ms < 0.0:
            raise ImpairError(f"periodic {self}: 0 < length < period, first 0 or later")

    def dark_until(self, at_ms: float) -> float | None:
        """End of the window that holds `at_ms`; None: the link is up."""
        if at_ms < self.first_ms:
            return None
        start_ms = at_ms - (at_ms - self.first_ms) % self.period_ms
        end_ms = start_ms + self.length_ms
        return end_ms if at_ms < end_ms else None


@dataclass(frozen=True, slots=True)
class Outages:
    """Dark windows of uniform random length, each after a pause without any."""

    min_ms: float
    max_ms: float
    pause_ms: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.min_ms <= self.max_ms < math.inf and 0.0 < self.pause_ms < math.inf):
            raise ImpairError(f"outages {self}: 0 <= min <= max, pause above 0, all finite")


class OutageRun:
    """The windows of `Outages`, made as time goes on; they depend on the seed alone."""

    def __init__(self, outages: Outages, noise: Noise) -> None:
        self._outages = outages
        self._noise = noise
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._made_ms = 0.0

    def dark_until(self, at_ms: float) -> float | None:
        """End of the window that holds `at_ms`; None: the link is up."""
        while self._made_ms <= at_ms:
            spread_ms = self._outages.max_ms - self._outages.min_ms
            length_ms = self._outages.min_ms + spread_ms * self._noise.uniform()
            self._starts.append(self._made_ms + self._outages.pause_ms)
            self._made_ms = self._starts[-1] + length_ms
            self._ends.append(self._made_ms)
        index = bisect_right(self._starts, at_ms) - 1
        return self._ends[index] if index >= 0 and at_ms < self._ends[index] else None


def interpolate(knots: tuple[tuple[float, float], ...], at_ms: float) -> float:
    """Value of a piecewise linear course; two knots at one time are a step; 0 without knots."""
    index = bisect_right(knots, at_ms, key=lambda knot: knot[0])
    if not knots or index == 0:
        return knots[0][1] if knots else 0.0
    if index == len(knots):
        return knots[-1][1]
    (left_ms, left), (right_ms, right) = knots[index - 1 : index + 1]
    return left + (right - left) * (at_ms - left_ms) / (right_ms - left_ms)


@dataclass(frozen=True, slots=True)
class DelayTrace:
    """Recorded one-way delay, replayed: each row holds until the next; begins again at the end."""

    at_ms: tuple[float, ...]
    """Strictly increasing, the first one 0."""
    delay_ms: tuple[float, ...]
    """`math.inf`: what is sent while this row holds is lost."""
    span_ms: float

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.at_ms, self.at_ms[1:], strict=False))
        if not self.at_ms or self.at_ms[0] != 0.0 or not rising:
            raise ImpairError("trace: at_ms starts at 0 and rises")
        if len(self.at_ms) != len(self.delay_ms) or not self.at_ms[-1] < self.span_ms < math.inf:
            raise ImpairError("trace: one delay per time, span_ms after the last one")
        if not all(delay >= 0.0 for delay in self.delay_ms):
            raise ImpairError("trace: delay_ms 0 or more (infinite: lost)")

    def delay_at(self, at_ms: float) -> float:
        """One-way delay (ms) of a packet sent at `at_ms`."""
        return self.delay_ms[bisect_right(self.at_ms, at_ms % self.span_ms) - 1]
