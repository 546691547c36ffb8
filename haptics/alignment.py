"""Turn the probe axis to the surface normal by nulling the moments at the face.

w = gain (-s_y, s_x, 0), where s is the tilt of the surface that the moments show
(`haptics/surface.py`): the probe rolls until it is touched at the centre of its face. Limited to
10 deg/s and frozen under 1 N, where the moments say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.vec import ZERO, Vec, capped, toward

GAIN_1_S = 2.0
RATE_MAX_RAD_S = 0.1745
"""10 degrees per second."""
ACCELERATION_RAD_S2 = 1.0
FREEZE_N = 1.0
THAW_N = 1.3


@dataclass(slots=True)
class NormalAlignment:
    """Angular velocity of the probe, probe frame."""

    w_rad_s: Vec = ZERO
    frozen: bool = True

    def update(self, tilt: tuple[float, float], force_n: float, dt_s: float) -> Vec:
        """Advance by one cycle; return the angular velocity (rad/s)."""
        self.frozen = force_n < (THAW_N if self.frozen else FREEZE_N)
        if self.frozen:
            self.w_rad_s = ZERO
            return ZERO
        wanted = capped((-GAIN_1_S * tilt[1], GAIN_1_S * tilt[0], 0.0), RATE_MAX_RAD_S)
        self.w_rad_s = toward(self.w_rad_s, wanted, ACCELERATION_RAD_S2 * dt_s)
        return self.w_rad_s

    def rest(self) -> None:
        """No alignment now."""
        self.w_rad_s, self.frozen = ZERO, True
