"""Normal force of a torque arm by explicit PI control, scheduled with tissue and arm.

W = F_ref + kp e + I - d (v - v_s), I' = ki (1 + kp) e, e = F_ref - F.
Against a tissue k and the arm's effective mass m the loop is m x'' + d x' + k (1 + kp) x; so
kp = w0^2 m / k_hat - 1 gives every tissue the same bandwidth w0 as far as the gain bounds allow,
and d = 2 zeta sqrt(m k_hat (1 + kp)) the same damping (Khatib 1987, with Lambda-scaled damping).
v_s, the estimated speed of the surface, is what the damping must not fight. Gains vary: an energy
tank bounds what they can inject (`haptics/tank.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.force_law import AxisCommand, AxisSample, ForceOptions, ramped
from haptics.stiffness import K_PRIOR_N_M, StiffnessEstimate
from haptics.tank import EnergyTank

BANDWIDTH_RAD_S = 35.0
"""w0: sensor and transport delay of 8 ms cost 16 degrees of phase."""
KP_MIN = 1.0
KP_MAX = 12.0
ZETA = 0.9
KI_1_S = 5.0
INTEGRAL_MAX_N = 4.0
SPEED_GAIN_1_S = 40.0
"""Speed bounds act like a velocity servo of this bandwidth around the measured force."""


@dataclass(slots=True)
class ExplicitForce:
    """`AxisForce` for arms that take torques."""

    reference_n: float = 0.0
    integral_n: float = 0.0
    stiffness: StiffnessEstimate = field(default_factory=StiffnessEstimate)
    tank: EnergyTank = field(default_factory=EnergyTank)
    options: ForceOptions = field(default=ForceOptions(), metadata={"fixed": True})

    def engage(self, force_n: float) -> None:
        """Begin (again) without a bump: the reference starts at the measured force."""
        self.reference_n = max(0.0, force_n)
        self.integral_n = 0.0
        self.tank.refill()

    def ramp(self, goal_n: float, dt_s: float) -> float:
        """Move the reference towards `goal_n`; return it."""
        self.reference_n = ramped(self.reference_n, goal_n, dt_s, smooth=self.options.ramp)
        return self.reference_n

    def command(self, sample: AxisSample) -> AxisCommand:
        """Force along the axis, such that speed stays within the bounds."""
        k = self.stiffness.k_hat_n_m if self.options.adapt else K_PRIOR_N_M
        kp = max(KP_MIN, min(KP_MAX, BANDWIDTH_RAD_S**2 * sample.mass_kg / k - 1.0))
        damping = 2.0 * ZETA * math.sqrt(sample.mass_kg * k * (1.0 + kp))
        error = self.reference_n - sample.force_n
        active = self.reference_n + kp * error + self.integral_n
        share = self.tank.share(active * sample.v_m_s)
        slow = sample.v_m_s - share * sample.surface_m_s
        wanted = share * active - damping * slow
        hold = sample.mass_kg * SPEED_GAIN_1_S
        least = sample.force_n + hold * (sample.v_min_m_s - sample.v_m_s)
        most = sample.force_n + hold * (sample.v_max_m_s - sample.v_m_s)
        effort = max(least, min(most, wanted))
        self.tank.book(effort * sample.v_m_s, sample.dt_s)
        if sample.integrate and (effort == wanted or (wanted - effort) * error < 0):
            grown = self.integral_n + KI_1_S * (1.0 + kp) * error * sample.dt_s
            self.integral_n = max(-INTEGRAL_MAX_N, min(INTEGRAL_MAX_N, grown))
        return AxisCommand(sample.v_m_s, effort)

    def retreat_m_s(self, over_n: float) -> float:
        """Speed (positive) that takes back a force that is `over_n` too large."""
        return over_n / (self.stiffness.k_hat_n_m * 0.05)
