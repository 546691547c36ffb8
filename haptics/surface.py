"""How the surface under the probe moves, and how it is tilted: feed-forward for the force laws.

Tilt. The face of a convex probe is a sphere of radius R; where it touches, its normal is the
surface's. With the force F on the patient acting at r = R (s_x, s_y, c - 1), the moment r x F about
the face centre gives the tilt s = (-m_y, m_x) / (R f_z), hardly changed by friction, which passes
close to the face centre.

Speed. Compression x changes with (v - v_s): dF/dt = k (v - v_s). The part that tangential motion
over a tilted surface causes is known at once; what remains (breathing) is observed:
v_res' = w (u - dF/dt / k - v_res), with u the speed of the probe beside the tilt part. A k_hat that
is wrong by a factor r leaves a feedback of 1 - 1/r, which is below one: the observer cannot become
unstable by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.filters import LowPass
from haptics.stiffness import LATE_S
from haptics.vec import Vec

TILT_FORCE_N = 1.0
"""Below this the moments say nothing (2 mNm noise: 2 degrees at 1 N and 60 mm)."""
TILT_MAX = 0.5
"""Sine of the largest believed tilt, 30 degrees: beyond, the edge of the face touches."""
TILT_S = 0.02
OBSERVER_1_S = 12.0
"""w: between breathing (2 rad/s) and the force loop (20 rad/s)."""
SPEED_MAX_M_S = 0.035
"""Breathing of 20 mm at 0.5 Hz has 31 mm/s."""


@dataclass(slots=True)
class SurfaceMotion:
    """Estimates tilt and speed of the surface; all in the probe frame."""

    face_radius_m: float = field(metadata={"fixed": True})
    tilt_x: LowPass = field(default_factory=lambda: LowPass(TILT_S))
    tilt_y: LowPass = field(default_factory=lambda: LowPass(TILT_S))
    observed_m_s: float = 0.0
    """Speed beside the tilt part, positive when the surface gives way."""
    slope_m_s: float = 0.0
    """Speed by tangential motion over the tilted surface."""
    _late_m_s: LowPass = field(default_factory=lambda: LowPass(LATE_S))
    _force_n: float = math.nan

    @property
    def speed_m_s(self) -> float:
        """Speed of the surface along the probe axis."""
        total = self.observed_m_s + self.slope_m_s
        return max(-SPEED_MAX_M_S, min(SPEED_MAX_M_S, total))

    @property
    def tilt(self) -> tuple[float, float]:
        """Sines of the angle from the probe axis to the surface's inward normal, x and y."""
        return self.tilt_x.value, self.tilt_y.value

    def begin(self) -> None:
        """A new contact: nothing is known."""
        self.observed_m_s = self.slope_m_s = 0.0
        self._force_n = math.nan
        self._late_m_s.primed = False
        for tilt in (self.tilt_x, self.tilt_y):
            tilt.reset(0.0)

    def update(
        self, force_n: Vec, torque_nm: Vec, v_m_s: Vec, w_rad_s: Vec, k_n_m: float, dt_s: float
    ) -> None:
        """Feed one sample: wrench on the patient and twist of the face, probe frame."""
        pressing = force_n[2]
        if pressing > TILT_FORCE_N:
            arm = pressing * self.face_radius_m
            self.tilt_x.update(max(-TILT_MAX, min(TILT_MAX, -torque_nm[1] / arm)), dt_s)
            self.tilt_y.update(max(-TILT_MAX, min(TILT_MAX, torque_nm[0] / arm)), dt_s)
        sx, sy = self.tilt
        centre_x = v_m_s[0] - self.face_radius_m * w_rad_s[1]
        centre_y = v_m_s[1] + self.face_radius_m * w_rad_s[0]
        cosine = math.sqrt(max(0.25, 1.0 - sx * sx - sy * sy))
        self.slope_m_s = -(sx * centre_x + sy * centre_y) / cosine
        rise_n = pressing - self._force_n if math.isfinite(self._force_n) else 0.0
        self._force_n = pressing
        own = self._late_m_s.update(v_m_s[2] - self.slope_m_s, dt_s)
        gain = 1.0 - math.exp(-OBSERVER_1_S * dt_s)
        change = gain * (own - self.observed_m_s) - OBSERVER_1_S * rise_n / k_n_m
        self.observed_m_s = max(-SPEED_MAX_M_S, min(SPEED_MAX_M_S, self.observed_m_s + change))
