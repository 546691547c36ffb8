"""Robot side: stiffness and damping of the touched surface, from position and force.

Compliance by least squares of x = c f, forgetting, on the fast parts of travel x and force f. The
regression is on the force, because breathing moves the probe while force control keeps the force:
it is noise in x, uncorrelated with what the hand asks for, and leaves c unbiased. (On x it would
look like no stiffness at all.) x is delayed as the force is; a prior counts until evidence comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.filters import LowPass

HIGH_PASS_S = 0.3
"""Pressing by hand lasts 0.3 s and more; breathing passes too, but does not disturb (above)."""
FORGET_S = 2.0
K_PRIOR_N_M = 800.0
"""Between belly and muscle (200 to 1500 N/m)."""
EXCITED_N = 0.2
"""Change of force that teaches; less is noise and what force control leaves of breathing. Without
it nothing is learned and nothing forgotten."""
PRIOR_N2_S = 0.002
"""Weight of the prior: 0.1 N for 0.2 s; sensor noise of 0.02 N collects less in 2 s."""
K_MIN_N_M = 100.0
K_MAX_N_M = 6000.0
RELAXATION_S = 0.010
"""Damping per stiffness of soft tissue under a probe (5 to 30 N s/m at 300 to 3000 N/m)."""
B_MAX_N_S_M = 20.0
SENSOR_S = 0.006
"""Delay of the force behind the position (3 ms sensor, 50 Hz low-pass)."""


@dataclass(slots=True)
class SurfaceFit:
    """Estimates the stiffness (N/m) while in contact."""

    k_n_m: float = K_PRIOR_N_M
    _late_m: LowPass = field(default_factory=lambda: LowPass(SENSOR_S))
    _slow_x_m: LowPass = field(default_factory=lambda: LowPass(HIGH_PASS_S))
    _slow_f_n: LowPass = field(default_factory=lambda: LowPass(HIGH_PASS_S))
    _ff: float = 0.0
    _xf: float = 0.0
    _prior_n_m: float = K_PRIOR_N_M

    @property
    def b_n_s_m(self) -> float:
        """Damping (N s/m) that goes with the stiffness."""
        return min(B_MAX_N_S_M, RELAXATION_S * self.k_n_m)

    def touch(self, travel_m: float, v_m_s: float, force_n: float) -> None:
        """A new contact begins: forget the old tissue, keep its stiffness as the first guess."""
        late_m = travel_m - v_m_s * SENSOR_S
        self._late_m.reset(late_m)
        self._slow_x_m.reset(late_m)
        self._slow_f_n.reset(force_n)
        self._ff = self._xf = 0.0
        self._prior_n_m = self.k_n_m

    def update(self, travel_m: float, force_n: float, dt_s: float) -> None:
        """Feed one sample of a contact, `dt_s` after the last."""
        late_m = self._late_m.update(travel_m, dt_s)
        x = late_m - self._slow_x_m.update(late_m, dt_s)
        f = force_n - self._slow_f_n.update(force_n, dt_s)
        if abs(f) < EXCITED_N:
            return
        keep = 1.0 - dt_s / FORGET_S
        self._ff = keep * self._ff + f * f * dt_s
        self._xf = keep * self._xf + x * f * dt_s
        compliance = (self._xf + PRIOR_N2_S / self._prior_n_m) / (self._ff + PRIOR_N2_S)
        self.k_n_m = max(K_MIN_N_M, min(K_MAX_N_M, 1.0 / max(compliance, 1e-6)))
