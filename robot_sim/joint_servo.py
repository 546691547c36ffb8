"""The box's inner velocity servo and its brakes: bandwidth, acceleration, controlled stop. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.vec import Vec

BANDWIDTH_HZ = 30.0
"""Velocity servo of an industrial arm: 20 to 30 Hz (reference section 8)."""
ACCELERATION_RAD_S2 = 10.0
"""At 0.6 m reach 6 m/s2: above all accelerations that servo asks for."""
BRAKE_RAD_S2 = 5.0
"""Controlled stop: 3 m/s2 at 0.6 m reach."""
POWER_CUT_RAD_S2 = 10.0
"""Mechanical brakes after a power cut are harder."""
REST_RAD_S = 1e-3
RELEASE_RAD_S = 0.02
"""The brakes open only for a first command slower than this (1 cm/s at the probe)."""
ZERO7: Vec = (0.0,) * 7


@dataclass(slots=True)
class JointServo:
    """Turns wanted joint velocities into what the motors do."""

    rate_rad_s: Vec = field(default=ZERO7)
    braked: bool = True
    locked: bool = True
    brakes_fail: bool = False
    """A fault: while there is power, an order to brake changes nothing."""

    def update(self, wanted_rad_s: Vec | None, powered: bool, dt_s: float) -> None:
        """Advance by `dt_s`. `wanted_rad_s` None: brake."""
        if wanted_rad_s is not None and self.braked:
            slow = max(map(abs, wanted_rad_s)) <= RELEASE_RAD_S
            wanted_rad_s = wanted_rad_s if slow and powered else None
        if wanted_rad_s is None and self.brakes_fail and powered and not self.braked:
            return
        self.braked = wanted_rad_s is None
        if wanted_rad_s is None:
            self._brake(BRAKE_RAD_S2 if powered else POWER_CUT_RAD_S2, dt_s)
        else:
            self._follow(wanted_rad_s, dt_s)

    def carried(self, measured_rad_s: Vec) -> None:
        """Torque control moves the arm: know its speed, so that a stop begins there."""
        self.rate_rad_s = measured_rad_s
        self.braked = self.locked = False

    def _follow(self, wanted_rad_s: Vec, dt_s: float) -> None:
        self.locked = False
        gain = 1.0 - math.exp(-2.0 * math.pi * BANDWIDTH_HZ * dt_s)
        step = ACCELERATION_RAD_S2 * dt_s
        self.rate_rad_s = tuple(
            rate + max(-step, min(step, gain * (wanted - rate)))
            for rate, wanted in zip(self.rate_rad_s, wanted_rad_s, strict=True)
        )

    def _brake(self, deceleration_rad_s2: float, dt_s: float) -> None:
        # All joints slow down together, so that the probe stops along its path.
        fastest = max(map(abs, self.rate_rad_s))
        if fastest <= max(REST_RAD_S, deceleration_rad_s2 * dt_s):
            self.rate_rad_s = ZERO7
            self.locked = True
            return
        keep = 1.0 - deceleration_rad_s2 * dt_s / fastest
        self.rate_rad_s = tuple(rate * keep for rate in self.rate_rad_s)
