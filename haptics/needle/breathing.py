"""Breathing gate: the needle advances near the end of exhalation, where tissue rests longest.

The signal is the height of the skin along the probe's axis, which the force-controlled probe
follows. End-exhalation is the calm part of each cycle (Lujan 1999: position like cos^2n); gating
there is what breath-hold guidance does by voice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.filters import LowPass

MEMORY_S = 20.0
"""The range of the last breaths fades with this time constant."""
LEARN_S = 6.0
"""Longest cycle that is expected: before that much was seen the gate is closed."""
SMOOTH_S = 0.1
"""Breathing is slower than 0.5 Hz; force control's residual is not."""
STILL_M = 0.0012
"""A range below it is no breathing (noise of pose and force control)."""
OPEN_SHARE, SHUT_SHARE = 0.08, 0.20
"""Share of the range above end-exhalation: fully open below the first, shut above the second."""


@dataclass(slots=True)
class BreathingGate:
    """Feed it the skin's height each cycle."""

    low_m: float = 0.0
    high_m: float = 0.0
    seen_s: float = 0.0
    height: LowPass = field(default_factory=lambda: LowPass(SMOOTH_S))

    def update(self, height_m: float, dt_s: float) -> float:
        """Take one height (m, outward); return how far the gate is open (0..1)."""
        height_m = self.height.update(height_m, dt_s)
        if self.seen_s <= 0.0:
            self.low_m = self.high_m = height_m
        self.seen_s += dt_s
        fade = 1.0 - math.exp(-dt_s / MEMORY_S)
        middle = 0.5 * (self.low_m + self.high_m)
        self.low_m = min(height_m, self.low_m + fade * (middle - self.low_m))
        self.high_m = max(height_m, self.high_m + fade * (middle - self.high_m))
        return self.open(height_m)

    def open(self, height_m: float) -> float:
        """How far the gate is open at this height."""
        if self.seen_s < LEARN_S:
            return 0.0
        span = self.high_m - self.low_m
        if span < STILL_M:
            return 1.0
        share = (height_m - self.low_m) / span
        return max(0.0, min(1.0, (SHUT_SHARE - share) / (SHUT_SHARE - OPEN_SHARE)))

    def restart(self) -> None:
        """The probe moved to another place."""
        self.seen_s = 0.0
        self.height.primed = False
