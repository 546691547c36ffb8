"""One-euro filter: strong on a resting hand, quick on a moving one (Casiez et al., CHI 2012).

A first-order low-pass whose cutoff rises with the speed v of what it filters, f_c = f_min + beta v;
with 1 Hz and 200 per m/s a 9 Hz tremor is damped by 16 dB at rest. Between rest and fast motion the
plain filter would lag by up to 80 ms, more than the whole latency budget. So from 10 mm/s on the
cutoff is 8 Hz or more (lag 20 ms or less; less still where the link leaves less of the budget), and
what remains is *counted* in the age of commands: all of it in motion, falling with v^2 towards a
resting hand, which has nothing to be late with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.vec import ZERO, Vec, add, norm, scale, sub

MIN_CUTOFF_HZ = 1.0
BETA_HZ_S_M = 200.0
"""Rise of the cutoff with speed (Hz per m/s)."""
MOVING_M_S = 0.010
"""A hand at this speed moves (sonographers scan at 13 mm/s and more)."""
LAG_MAX_S = 0.020
"""Longest lag of a moving hand (8 Hz)."""
LAG_MIN_S = 0.002
"""Shortest bound that is asked for (80 Hz: the filter hardly acts on a moving hand)."""
RATE_CUTOFF_HZ = 1.0
"""Cutoff of the speed estimate, the authors' default."""
GRIP_RADIUS_M = 0.06
"""Turning a grip by 1 rad moves its rim by this much: scales the constants to orientation."""


def _weight(cutoff_hz: float, dt_s: float) -> float:
    return 1.0 - math.exp(-2.0 * math.pi * cutoff_hz * dt_s)


@dataclass(slots=True)
class OneEuro:
    """Filters a three-vector; all axes share one cutoff, so that directions are kept."""

    beta: float = BETA_HZ_S_M
    """Hz per unit of speed."""
    moving: float = MOVING_M_S
    """Speed from which on the lag is bounded and counted in full."""
    lag_max_s: float = LAG_MAX_S
    """Bound of the lag in motion, as the link's share of the latency budget leaves it."""
    value: Vec = ZERO
    rate: Vec = ZERO
    """Speed estimate that steers the cutoff."""
    raw: Vec = ZERO
    primed: bool = False

    def update(self, x: Vec, dt_s: float) -> Vec:
        """Feed one sample; return the filtered value."""
        if not self.primed or dt_s <= 0.0:
            self.reset(x)
            return x
        change = scale(sub(x, self.raw), 1.0 / dt_s)
        self.raw = x
        faster = scale(sub(change, self.rate), _weight(RATE_CUTOFF_HZ, dt_s))
        self.rate = add(self.rate, faster)
        step = _weight(self.cutoff_hz, dt_s)
        self.value = add(self.value, scale(sub(x, self.value), step))
        return self.value

    @property
    def cutoff_hz(self) -> float:
        """Cutoff at the speed now."""
        speed = norm(self.rate)
        floor = self._motion / (2.0 * math.pi * self.lag_max_s)
        return max(MIN_CUTOFF_HZ + self.beta * speed, floor)

    @property
    def counted_lag_s(self) -> float:
        """Lag that counts in the age of a command (s): 0 for a resting hand."""
        return self._motion / (2.0 * math.pi * self.cutoff_hz)

    @property
    def _motion(self) -> float:
        """0 for a resting hand, 1 for a moving one."""
        return min(1.0, (norm(self.rate) / self.moving) ** 2)

    def reset(self, x: Vec) -> None:
        """Start again at `x`, at rest."""
        self.value = self.raw = x
        self.rate, self.primed = ZERO, True


def for_orientation() -> OneEuro:
    """The same filter for a rotation vector (rad)."""
    return OneEuro(BETA_HZ_S_M * GRIP_RADIUS_M, MOVING_M_S / GRIP_RADIUS_M)
