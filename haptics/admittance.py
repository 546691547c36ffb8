"""Normal force by integral adaptive admittance: D v = e + ki Int(e), D = k_hat tau_a.

The pole of the loop is 1/tau_a on every tissue because the damping D follows the estimated
stiffness k_hat; the integral removes the error D v_s that a moving surface would leave (reference
1.2). v is the probe's speed into the patient (m/s), e = reference - force (N).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.filters import LowPass, slew

TAU_A_S = 0.05
"""Loop time constant. Well damped while the loop delay is below 0.37 tau_a = 18 ms; sensor, inner
velocity servo and two cycles make 15 ms."""
KI_1_S = 8.0
"""With tau_a: s^2 + 20 s + 160, damping ratio 0.79; breathing of 10 mm at 0.25 Hz leaves 0.08 N
on 1000 N/m."""
TAU_REF_S = 0.15
"""Ramp of the reference (reference 1.2: without it touch overshoots by 37 %)."""
REF_SLEW_N_S = 20.0
INTEGRAL_MAX_N = 3.0
"""Bound of ki Int(e): breathing needs D v_s = 0.05 s * 1000 N/m * 16 mm/s = 0.8 N."""


HIGH_PASS_S = 0.05
FORGET_S = 0.6
K_PRIOR_N_M = 1500.0
"""Stiffer than most skin, so that the first touch is slow rather than hard."""
K_MIN_N_M = 400.0
K_MAX_N_M = 6000.0
EXCITED_M2_S = 1e-9
"""Sum of x^2 dt above which something can be learned: 0.04 mm rms over the forgetting time."""
EXCITED_N2_S = 2e-3
"""The same for force, 0.06 N rms (three times the noise): on a bone the probe hardly moves."""
UP_S = 0.05
DOWN_LANDING_S = 0.1
DOWN_S = 3.0


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
    """Recursive least squares of F = k x + c with forgetting, on the fast parts of both.

    In steady force control the surface moves the probe while the force stays: that looks like a
    soft tissue. So slow motion is filtered out, and a falling estimate is followed slowly (except
    while landing), a rising one fast: too large a k_hat is slow, too small a one is unstable.
    """

    k_hat_n_m: float = K_PRIOR_N_M
    _late_m: LowPass = field(default_factory=lambda: LowPass(0.006))
    """Travel, delayed as the force is (sensor delay and low-pass)."""
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
        if self._xx > EXCITED_M2_S or self._ff > EXCITED_N2_S:
            seen = max(K_MIN_N_M, min(K_MAX_N_M, self._xf / max(self._xx, 1e-15)))
            down = DOWN_LANDING_S if landing else DOWN_S
            tau = UP_S if seen > self.k_hat_n_m else down
            self.k_hat_n_m += (seen - self.k_hat_n_m) * min(1.0, dt_s / tau)
        return self.k_hat_n_m

    def start(self, travel_m: float, force_n: float) -> None:
        """Begin a landing: forget the last tissue, be careful with the new one."""
        self._late_m.reset(travel_m)
        self._x_m.reset(travel_m)
        self._f_n.reset(force_n)
        self._xx = self._xf = self._ff = 0.0
        self.k_hat_n_m = max(self.k_hat_n_m, K_PRIOR_N_M)


@dataclass(slots=True)
class Admittance:
    """The force controller along the probe axis."""

    reference_n: float = 0.0
    """After ramp and slew."""
    integral_n: float = 0.0
    """ki Int(e), bounded."""
    stiffness: StiffnessEstimate = field(default_factory=StiffnessEstimate)

    def engage(self, force_n: float) -> None:
        """Begin (again) without a bump: the reference starts at the measured force."""
        self.reference_n = max(0.0, force_n)
        self.integral_n = 0.0

    def ramp(self, goal_n: float, dt_s: float) -> float:
        """Move the reference towards `goal_n`; return it."""
        wanted = self.reference_n + (1.0 - math.exp(-dt_s / TAU_REF_S)) * (
            goal_n - self.reference_n
        )
        self.reference_n = slew(self.reference_n, wanted, REF_SLEW_N_S * dt_s)
        return self.reference_n

    def velocity(
        self, force_n: float, dt_s: float, v_min_m_s: float, v_max_m_s: float, *, integrate: bool
    ) -> float:
        """Speed into the patient (m/s) within the bounds; the integral stops at a bound."""
        error = self.reference_n - force_n
        damping = self.stiffness.k_hat_n_m * TAU_A_S
        wanted = (error + self.integral_n) / damping
        bounded = max(v_min_m_s, min(v_max_m_s, wanted))
        if integrate and (bounded == wanted or (wanted - bounded) * error < 0):
            grown = self.integral_n + KI_1_S * error * dt_s
            self.integral_n = max(-INTEGRAL_MAX_N, min(INTEGRAL_MAX_N, grown))
        return bounded
