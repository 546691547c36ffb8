"""The box's torque interface: limits, rate limit, and the rule for opening the brakes. Pure.

Like the vendors' own (Franka FCI, KUKA FRI) it takes joint torques without gravity: the box holds
the weight of the arm and of the declared tool itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.vec import Vec

TORQUE_MAX_NM = (176.0, 176.0, 110.0, 110.0, 110.0, 40.0, 40.0)
"""LBR iiwa 7 data sheet."""
TORQUE_RATE_NM_S = 1000.0
"""Franka FCI: the same bound on the rate of commanded torques."""
RELEASE_NM = 20.0
"""The brakes open only for a first command below this (20 N at 0.6 m reach are 12 Nm)."""
SPEED_MAX_RAD_S = 1.7
"""98 deg/s, the slowest joint of the data sheet: faster in torque control is a fault, brakes."""


@dataclass(slots=True)
class TorqueDrive:
    """What the motors are told, from what servo asks for."""

    tau_nm: Vec | None = None
    """Applied torques without gravity; None: this interface is not in use."""

    def accepts(self, wanted_nm: Vec, qd_rad_s: Vec, *, braked: bool) -> bool:
        """May the box follow? Not at too high a speed, nor out of the brakes with a jerk."""
        if max(map(abs, qd_rad_s)) > SPEED_MAX_RAD_S:
            return False
        return not braked or max(map(abs, wanted_nm)) <= RELEASE_NM

    def update(self, wanted_nm: Vec, dt_s: float) -> Vec:
        """Advance by `dt_s`; return the torques to apply on top of the weight."""
        before = wanted_nm if self.tau_nm is None else self.tau_nm
        step = TORQUE_RATE_NM_S * dt_s
        self.tau_nm = tuple(
            max(-most, min(most, old + max(-step, min(step, new - old))))
            for old, new, most in zip(before, wanted_nm, TORQUE_MAX_NM, strict=True)
        )
        return self.tau_nm

    def leave(self) -> None:
        """Torque control ends."""
        self.tau_nm = None
