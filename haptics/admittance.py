"""Normal force of a velocity arm: integral adaptive admittance M v' + D (v - v_s) = e + ki Int(e).

D = k_hat tau_a puts the pole of the loop at 1/tau_a on every tissue. v is the probe's speed into
the patient (m/s), e = reference - force (N), v_s the estimated speed of the surface; the integral
removes what the estimate leaves. M is a constant virtual mass and D > 0 a damper, so that a varying
D cannot inject energy; the integral and v_s are bounded (docs/control.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.force_law import AxisCommand, AxisSample, ForceOptions, ramped
from haptics.stiffness import StiffnessEstimate

TAU_A_S = 0.05
"""Loop time constant. Well damped while the loop delay is below 0.37 tau_a = 18 ms; sensor, inner
velocity servo and two cycles make 13 to 15 ms."""
KI_1_S = 5.0
"""With tau_a: s^2 + 20 s + 100, critically damped."""
VIRTUAL_MASS_KG = 0.2
"""Soft, deep tissue answers to speed at once (30 N s/m at 25 mm): without a mass D = 10 N s/m would
ring with it at 50 Hz. On 1000 N/m it adds a lag of 4 ms."""
INTEGRAL_MAX_N = 3.0
"""Bound of ki Int(e): breathing needs D v_s = 0.05 s * 1000 N/m * 16 mm/s = 0.8 N."""


@dataclass(slots=True)
class Admittance:
    """`AxisForce` for arms that take velocities."""

    reference_n: float = 0.0
    """After ramp and slew."""
    integral_n: float = 0.0
    """ki Int(e), bounded."""
    v_m_s: float = math.nan
    """Speed of the virtual mass; NaN: taken from the arm at the next command."""
    stiffness: StiffnessEstimate = field(default_factory=StiffnessEstimate)
    options: ForceOptions = field(default=ForceOptions(), metadata={"fixed": True})

    def engage(self, force_n: float) -> None:
        """Begin (again) without a bump: the reference starts at the measured force."""
        self.reference_n = max(0.0, force_n)
        self.integral_n = 0.0
        self.v_m_s = math.nan

    def ramp(self, goal_n: float, dt_s: float) -> float:
        """Move the reference towards `goal_n`; return it."""
        self.reference_n = ramped(self.reference_n, goal_n, dt_s, smooth=self.options.ramp)
        return self.reference_n

    def command(self, sample: AxisSample) -> AxisCommand:
        """Speed into the patient within the bounds; the integral stops at a bound."""
        error = self.reference_n - sample.force_n
        steady = sample.surface_m_s + (error + self.integral_n) / self._damping
        before = sample.v_m_s if math.isnan(self.v_m_s) else self.v_m_s
        gain = 1.0 - math.exp(-sample.dt_s * self._damping / VIRTUAL_MASS_KG)
        wanted = before + gain * (steady - before)
        bounded = max(sample.v_min_m_s, min(sample.v_max_m_s, wanted))
        self.v_m_s = bounded
        if sample.integrate and (bounded == wanted or (wanted - bounded) * error < 0):
            grown = self.integral_n + KI_1_S * error * sample.dt_s
            self.integral_n = max(-INTEGRAL_MAX_N, min(INTEGRAL_MAX_N, grown))
        return AxisCommand(bounded)

    def retreat_m_s(self, over_n: float) -> float:
        """Speed (positive) that takes back a force that is `over_n` too large."""
        return over_n / self._damping

    @property
    def _damping(self) -> float:
        return self.stiffness.k_hat_n_m * TAU_A_S
