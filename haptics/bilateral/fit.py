"""Robot side: stiffness and damping of the touched surface, from position and force.

Recursive least squares with forgetting on f = k x + b v, begun at each touch, where f and x are the
fast parts of force and travel (second-order high-pass): breathing moves the probe while force
control keeps the force, which would look like no stiffness at all. x is delayed as the force is.
While nothing fast happens, nothing is learned and nothing forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.filters import LowPass
from haptics.stiffness import HighPass

FORGET_S = 0.6
"""Forgetting time; the windowed fits of model-mediated teleoperation use 0.3 to 1 s."""
K_PRIOR_N_M = 800.0
"""Between belly and muscle (200 to 1500 N/m)."""
K_MIN_N_M = 100.0
K_MAX_N_M = 6000.0
B_MIN_N_S_M = 0.0
B_MAX_N_S_M = 30.0
"""Probe-size contact: 5 to 30 N s/m."""
SENSOR_S = 0.006
"""Delay of the force behind the position (3 ms sensor, 50 Hz low-pass)."""
SPEED_S = 0.005
EXCITED_M = 6e-5
"""Fast travel that teaches: a landing leaves 0.5 mm, breathing of 8 mm at 0.25 Hz 0.025 mm."""
EXCITED_N = 0.08
"""Fast force that teaches: on a hard surface the probe hardly moves; four times the noise."""
P0 = 1e3
"""First covariance per unit of the scaled regressors: about ten samples outweigh the prior."""
X_SCALE_M = 1e-3
V_SCALE_M_S = 1e-2


@dataclass(slots=True)
class SurfaceFit:
    """Estimates stiffness (N/m) and damping (N s/m) while in contact."""

    k_n_m: float = K_PRIOR_N_M
    b_n_s_m: float = 0.0
    samples: int = 0
    """Samples that taught something since the touch."""
    _late_m: LowPass = field(default_factory=lambda: LowPass(SENSOR_S))
    _x_m: HighPass = field(default_factory=HighPass)
    _f_n: HighPass = field(default_factory=HighPass)
    _speed_m_s: LowPass = field(default_factory=lambda: LowPass(SPEED_S))
    _theta: tuple[float, float] = (0.0, 0.0)
    _p: tuple[float, float, float] = (P0, 0.0, P0)
    """Covariance: xx, xv, vv."""
    _before_m: float = 0.0

    def touch(self, travel_m: float, force_n: float) -> None:
        """A new contact begins: forget the old tissue, keep its values as the first guess."""
        self._late_m.reset(travel_m)
        self._x_m.reset(travel_m)
        self._f_n.reset(force_n)
        self._speed_m_s.reset(0.0)
        self._theta = (self.k_n_m * X_SCALE_M, self.b_n_s_m * V_SCALE_M_S)
        self._p = (P0, 0.0, P0)
        self._before_m = 0.0
        self.samples = 0

    def update(self, travel_m: float, force_n: float, dt_s: float) -> None:
        """Feed one sample of a contact, `dt_s` (> 0) after the last."""
        x = self._x_m.update(self._late_m.update(travel_m, dt_s), dt_s)
        f = self._f_n.update(force_n, dt_s)
        v = self._speed_m_s.update((x - self._before_m) / dt_s, dt_s)
        self._before_m = x
        if abs(x) < EXCITED_M and abs(f) < EXCITED_N:
            return
        self._learn(x / X_SCALE_M, v / V_SCALE_M_S, f, 1.0 - dt_s / FORGET_S)
        self.samples += 1
        self.k_n_m = max(K_MIN_N_M, min(K_MAX_N_M, self._theta[0] / X_SCALE_M))
        self.b_n_s_m = max(B_MIN_N_S_M, min(B_MAX_N_S_M, self._theta[1] / V_SCALE_M_S))

    def _learn(self, x: float, v: float, f: float, keep: float) -> None:
        """One step of recursive least squares with forgetting factor `keep`."""
        xx, xv, vv = self._p
        gx, gv = xx * x + xv * v, xv * x + vv * v
        weight = keep + x * gx + v * gv
        error = f - self._theta[0] * x - self._theta[1] * v
        self._theta = (self._theta[0] + gx / weight * error, self._theta[1] + gv / weight * error)
        self._p = (
            min(P0, (xx - gx * gx / weight) / keep),
            (xv - gx * gv / weight) / keep,
            min(P0, (vv - gv * gv / weight) / keep),
        )
