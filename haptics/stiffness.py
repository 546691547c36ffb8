"""Online estimate of the stiffness that the probe presses against (N/m).

Recursive least squares of F = k x + c with a forgetting time of 0.6 s, on the fast parts of travel
and force: in steady force control the surface moves the probe while the force stays, which would
look like an endlessly soft tissue. A falling estimate is followed slowly (except while landing), a
rising one fast: too large a k_hat is slow, too small a one is unstable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.filters import LowPass

HIGH_PASS_S = 0.05
FORGET_S = 0.6
K_PRIOR_N_M = 1500.0
"""Stiffer than most skin, so that the first touch is slow rather than hard."""
K_MIN_N_M = 250.0
K_MAX_N_M = 6000.0
EXCITED_M2_S = 1e-9
"""Sum of x^2 dt above which something can be learned: 0.04 mm rms over the forgetting time."""
EXCITED_N2_S = 2e-3
"""The same for force, 0.06 N rms (three times the noise): on a bone the probe hardly moves."""
COHERENT = 0.7
"""Squared correlation of force and travel from which a lower stiffness is believed."""
UP_S = 0.05
DOWN_LANDING_S = 0.1
DOWN_S = 3.0
LATE_S = 0.006
"""Delay of the force against the joints: sensor 3 ms, its 50 Hz low-pass 3 ms."""


@dataclass(slots=True)
class HighPass:
    """Second-order high-pass: breathing (0.25 Hz, 10 mm) leaves 0.03 mm, a landing passes."""

    first: LowPass = field(default_factory=lambda: LowPass(HIGH_PASS_S))
    second: LowPass = field(default_factory=lambda: LowPass(HIGH_PASS_S))

    def update(self, x: float, dt_s: float) -> float:
        """Feed one sample; return its fast part."""
        once = x - self.first.update(x, dt_s)
        return once - self.second.update(once, dt_s)

    def reset(self, x: float) -> None:
        """Start again at a steady `x`."""
        self.first.reset(x)
        self.second.reset(0.0)


@dataclass(slots=True)
class StiffnessEstimate:
    """`k_hat_n_m` is the estimate; `adapt` False keeps the prior (ablation)."""

    k_hat_n_m: float = K_PRIOR_N_M
    adapt: bool = field(default=True, metadata={"fixed": True})
    _late_m: LowPass = field(default_factory=lambda: LowPass(LATE_S))
    """Travel, delayed as the force is."""
    _x_m: HighPass = field(default_factory=HighPass)
    _f_n: HighPass = field(default_factory=HighPass)
    _xx: float = 0.0
    _xf: float = 0.0
    _ff: float = 0.0

    def update(self, travel_m: float, force_n: float, dt_s: float, *, landing: bool) -> float:
        """Feed travel into the patient and force; return the stiffness (N/m)."""
        x = self._x_m.update(self._late_m.update(travel_m, dt_s), dt_s)
        f = self._f_n.update(force_n, dt_s)
        keep = math.exp(-dt_s / FORGET_S)
        self._xx = keep * self._xx + x * x * dt_s
        self._xf = keep * self._xf + x * f * dt_s
        self._ff = keep * self._ff + f * f * dt_s
        if self.adapt and (self._xx > EXCITED_M2_S or self._ff > EXCITED_N2_S):
            seen = max(K_MIN_N_M, min(K_MAX_N_M, self._xf / max(self._xx, 1e-15)))
            down = DOWN_LANDING_S if landing else DOWN_S
            rising = seen > self.k_hat_n_m
            if not (rising or landing or self._coherent()):
                return self.k_hat_n_m
            tau = UP_S if rising else down
            self.k_hat_n_m += (seen - self.k_hat_n_m) * min(1.0, dt_s / tau)
        return self.k_hat_n_m

    def _coherent(self) -> bool:
        """Force follows travel: else the surface moved the probe, which tells nothing."""
        return self._xf > 0.0 and self._xf**2 > COHERENT * self._xx * self._ff

    def start(self, travel_m: float, force_n: float) -> None:
        """Begin a landing: forget the last tissue, be careful with the new one."""
        self._late_m.reset(travel_m)
        self._x_m.reset(travel_m)
        self._f_n.reset(force_n)
        self._xx = self._xf = self._ff = 0.0
        self.k_hat_n_m = max(self.k_hat_n_m, K_PRIOR_N_M) if self.adapt else K_PRIOR_N_M
