"""Robot side: stiffness and damping of the touched surface, from position and force.

Recursive least squares with forgetting on F = k x + b v + c, begun at each touch. x is the travel
of the probe into the patient (m), delayed as the force is. The offset c takes up where the surface
is, so that only changes count; while nothing changes, nothing is learned and nothing forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.filters import LowPass

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
EXCITED_M = 2e-5
"""Travel since the last sample that was used: less is sensor noise (0.05 N on 2500 N/m)."""
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
    _speed_m_s: LowPass = field(default_factory=lambda: LowPass(SPEED_S))
    _theta: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    _p: list[list[float]] = field(default_factory=lambda: [[0.0] * 3 for _ in range(3)])
    _used_m: float = 0.0
    _used_age_s: float = 0.0
    _before_m: float = 0.0

    def touch(self, travel_m: float, force_n: float) -> None:
        """A new contact begins: forget the old tissue, keep its values as the first guess."""
        for low_pass, value in ((self._late_m, travel_m), (self._speed_m_s, 0.0)):
            low_pass.reset(value)
        k = max(K_MIN_N_M, min(K_MAX_N_M, self.k_n_m))
        self._theta = [k * X_SCALE_M, self.b_n_s_m * V_SCALE_M_S, force_n]
        self._p = [[P0 if i == j else 0.0 for j in range(3)] for i in range(3)]
        self._used_m = self._before_m = travel_m
        self._origin_m = travel_m
        self._used_age_s = 0.0
        self.samples = 0

    _origin_m: float = 0.0

    def update(self, travel_m: float, force_n: float, dt_s: float) -> None:
        """Feed one sample of a contact."""
        late = self._late_m.update(travel_m, dt_s)
        speed = self._speed_m_s.update((late - self._before_m) / dt_s, dt_s) if dt_s > 0 else 0.0
        self._before_m = late
        self._used_age_s += dt_s
        if abs(late - self._used_m) < EXCITED_M:
            return
        phi = [(late - self._origin_m) / X_SCALE_M, speed / V_SCALE_M_S, 1.0]
        self._learn(phi, force_n, max(0.9, 1.0 - min(self._used_age_s, dt_s * 4) / FORGET_S))
        self._used_m, self._used_age_s = late, 0.0
        self.samples += 1
        self.k_n_m = max(K_MIN_N_M, min(K_MAX_N_M, self._theta[0] / X_SCALE_M))
        self.b_n_s_m = max(B_MIN_N_S_M, min(B_MAX_N_S_M, self._theta[1] / V_SCALE_M_S))

    def _learn(self, phi: list[float], y: float, keep: float) -> None:
        """One step of recursive least squares with forgetting factor `keep`."""
        p = self._p
        pphi = [sum(p[i][j] * phi[j] for j in range(3)) for i in range(3)]
        weight = keep + sum(phi[i] * pphi[i] for i in range(3))
        error = y - sum(t * x for t, x in zip(self._theta, phi, strict=True))
        self._theta = [t + g / weight * error for t, g in zip(self._theta, pphi, strict=True)]
        self._p = [
            [min(P0, (p[i][j] - pphi[i] * pphi[j] / weight) / keep) for j in range(3)]
            for i in range(3)
        ]
