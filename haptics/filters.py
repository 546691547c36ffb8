"""Small filters with their state in the open, so that a snapshot can hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class LowPass:
    """First-order low-pass, exact for a held input; starts at its first input."""

    tau_s: float
    value: float = 0.0
    primed: bool = False

    def update(self, x: float, dt_s: float) -> float:
        """Feed one sample; return the filtered value."""
        if not self.primed:
            self.primed = True
            self.value = x
        self.value += (1.0 - math.exp(-dt_s / self.tau_s)) * (x - self.value)
        return self.value

    def reset(self, x: float) -> None:
        """Start again at `x`."""
        self.value, self.primed = x, True


def slew(current: float, wanted: float, step: float) -> float:
    """Move `current` towards `wanted` by at most `step` (> 0)."""
    return current + max(-step, min(step, wanted - current))
