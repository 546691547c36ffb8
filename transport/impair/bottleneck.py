"""A bottleneck: a rate that may step over time, behind a queue limited in bytes."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right

RateSteps = tuple[tuple[float, float], ...]
"""(from ms, kbit/s) pairs; the first one starts at 0. 1 kbit/s is 1 bit/ms."""


class Bottleneck:
    """Exact first-in first-out service: a packet leaves when the line has carried all bits to it.

    Works on the integral of the rate, so a packet that waits across a rate step is served at both.
    """

    def __init__(self, steps: RateSteps, queue_bytes: int) -> None:
        self._steps = steps
        self._queue_bits = 8.0 * queue_bytes
        self._from_ms = [at for at, _ in steps]
        self._carried_bits = [0.0]
        for (start, rate), (end, _) in itertools.pairwise(steps):
            self._carried_bits.append(self._carried_bits[-1] + rate * (end - start))
        self._promised_bits = 0.0

    def leave_ms(self, at_ms: float, size_bytes: int) -> float | None:
        """When a packet that comes at `at_ms` has left the line; None: the queue is full."""
        now_bits = self._capacity_bits(max(0.0, at_ms))
        waiting_bits = max(0.0, self._promised_bits - now_bits)
        size_bits = 8.0 * size_bytes
        if waiting_bits > 0.0 and waiting_bits + size_bits > self._queue_bits:
            return None
        self._promised_bits = now_bits + waiting_bits + size_bits
        return max(at_ms, self._when_ms(self._promised_bits))

    def _capacity_bits(self, at_ms: float) -> float:
        """Bits that the line can have carried by `at_ms`."""
        index = bisect_right(self._from_ms, at_ms) - 1
        start_ms, rate = self._steps[index]
        return self._carried_bits[index] + rate * (at_ms - start_ms)

    def _when_ms(self, bits: float) -> float:
        index = bisect_right(self._carried_bits, bits) - 1
        start_ms, rate = self._steps[index]
        over_bits = bits - self._carried_bits[index]
        return start_ms + (over_bits / rate if over_bits > 0.0 else 0.0)


def rates_are_possible(steps: RateSteps) -> bool:
    """True: starts at 0, times rise, every rate is above 0 and finite."""
    times = [at for at, _ in steps]
    rising = all(a < b for a, b in itertools.pairwise(times))
    return not steps or (
        times[0] == 0.0 and rising and all(0.0 < rate < math.inf for _, rate in steps)
    )
