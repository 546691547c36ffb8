"""Guard's own check of the measured arm against what it permitted (servo is not trusted).

Speeds are judged as `safety/speed.py` says; the stop itself is monitored, too.
At rest the pose may drift by `rest_drift_m`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from safety.layout import Quat, Vec3, Vec7
from safety.limits import Limits
from safety.messages import ArmState
from safety.slowing import SlideWatch
from safety.speed import SpeedWatch
from safety.states import Cause, PermitKind
from safety.transitions import mask

MS = 1_000_000
BRAKING_DROP_M_S = 0.005
"""A drop of the speed by this much shows that the arm brakes (above velocity noise)."""
BRAKE_SAID_NS = 100 * MS
"""The arm itself must say by then that its brakes are closed: a slow arm shows no drop of speed.
(A stop has to be over by then, else power is cut: `stop_done_ms`, docs/limits.md S6.)"""
JOINT_DRIFT_RAD = 0.05
"""Drift of any joint at rest (the UR safety controller's standstill limit)."""
REGULATE_DRIFT_FACTOR = 2.0
"""Held by control instead of brakes, the pose across the probe's axis may drift this much more."""


def probe_axis(q: Quat) -> Vec3:
    """The probe's z axis in base, from base_q_probe (xyzw)."""
    x, y, z, w = q
    return 2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)


def across(v: Vec3, axis: Vec3) -> float:
    """Length of the part of `v` that is across the unit vector `axis`."""
    along = v[0] * axis[0] + v[1] * axis[1] + v[2] * axis[2]
    return math.sqrt(max(0.0, v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - along * along))


@dataclass(slots=True)
class MotionWatch:
    """Speeds, braking, standstill."""

    linear: SpeedWatch = field(default_factory=SpeedWatch)
    """Of the probe's origin (m/s)."""
    angular: SpeedWatch = field(default_factory=SpeedWatch)
    """Of the probe (rad/s): a fast turn about the origin moves nothing else there."""
    brake_since_ns: int = 0
    """0: brakes not ordered."""
    brake_from_m_s: float = 0.0
    brake_seen: bool = False
    kind: PermitKind = PermitKind.NONE
    speed_m_s: float = 0.0
    turn_rad_s: float = 0.0
    across_m_s: float = 0.0
    slide: SlideWatch = field(default_factory=SlideWatch)
    rest_set: bool = False
    rest_p_m: Vec3 = (0.0, 0.0, 0.0)
    rest_q_rad: Vec7 = (0.0,) * 7

    def order(
        self,
        kind: PermitKind,
        limit_m_s: float,
        limit_rad_s: float,
        brake: bool,
        now_ns: int,
        limits: Limits,
    ) -> None:
        """Take what is permitted from now on."""
        self.linear.order(limit_m_s, now_ns, limits)
        self.angular.order(limit_rad_s, now_ns, limits)
        if brake and self.brake_since_ns == 0:
            self.brake_since_ns = now_ns
            self.brake_from_m_s = self.speed_m_s
            self.brake_seen = False
        elif not brake:
            self.brake_since_ns = 0
        regulate = kind in (PermitKind.REGULATE, PermitKind.LIFT) and not brake
        self.slide.order(regulate, self.across_m_s, now_ns)
        if kind != self.kind:
            self.rest_set = False
            self.kind = kind

    def check(self, arm: ArmState, fresh: bool, now_ns: int, limits: Limits) -> int:
        """Compare the newest measurement with the orders; return the causes found."""
        causes = 0
        if fresh:
            self.speed_m_s = math.hypot(*arm.base_v_probe_m_s)
            self.turn_rad_s = math.hypot(*arm.base_w_probe_rad_s)
            axis = probe_axis(arm.base_q_probe)
            self.across_m_s = across(arm.base_v_probe_m_s, axis)
            causes = self._speed(now_ns, limits) | self._drift(arm, axis, now_ns, limits)
            if self.slide.slides(self.across_m_s, now_ns, limits):
                causes |= mask(Cause.SERVO_IGNORES_PERMIT)
        return causes | self._brakes(arm, fresh, now_ns, limits)

    def _speed(self, now_ns: int, limits: Limits) -> int:
        fast = self.linear.over(self.speed_m_s, limits.v_tolerance_m_s, now_ns, limits)
        turns = self.angular.over(self.turn_rad_s, limits.w_tolerance_rad_s, now_ns, limits)
        if not (fast or turns):
            return 0
        if self.brake_since_ns:
            return mask(Cause.BRAKE_FAILED)
        if self.kind in (PermitKind.OPERATE, PermitKind.LOCAL):
            return mask(Cause.SPEED_OVER_PERMIT)
        return mask(Cause.SERVO_IGNORES_PERMIT)

    def _brakes(self, arm: ArmState, fresh: bool, now_ns: int, limits: Limits) -> int:
        if not self.brake_since_ns:
            return 0
        waited_ns = now_ns - self.brake_since_ns
        if fresh and not arm.braked and waited_ns > BRAKE_SAID_NS:
            return mask(Cause.BRAKE_FAILED)
        if self.brake_seen:
            return 0
        slower = max(BRAKING_DROP_M_S, self.brake_from_m_s - BRAKING_DROP_M_S)
        if fresh and (arm.braked or self.speed_m_s <= slower):
            self.brake_seen = True
            return 0
        return mask(Cause.BRAKE_FAILED) if waited_ns > limits.brake_seen_ms * MS else 0

    def at_rest(self, limits: Limits) -> bool:
        """Standstill: of the whole probe under brakes, across its axis while it regulates."""
        if self.brake_since_ns:
            return self.brake_seen and self.speed_m_s <= limits.stop_speed_m_s
        return self.kind in (PermitKind.REGULATE, PermitKind.LIFT) and (
            self.across_m_s <= limits.stop_speed_m_s
        )

    def _drift(self, arm: ArmState, axis: Vec3, now_ns: int, limits: Limits) -> int:
        p, r = arm.base_p_probe_m, self.rest_p_m
        if not self.rest_set:
            # What goes on slowly when a stop has to be over never comes to rest: its path counts.
            if self.at_rest(limits) or self.slide.over(now_ns, limits):
                self.rest_p_m, self.rest_q_rad, self.rest_set = p, arm.q_rad, True
            return 0
        moved = (p[0] - r[0], p[1] - r[1], p[2] - r[2])
        if self.brake_since_ns:
            joints = max(abs(a - b) for a, b in zip(arm.q_rad, self.rest_q_rad, strict=True))
            good = math.hypot(*moved) <= limits.rest_drift_m and joints <= JOINT_DRIFT_RAD
        elif self.kind == PermitKind.REGULATE:
            good = across(moved, axis) <= REGULATE_DRIFT_FACTOR * limits.rest_drift_m
        else:
            good = True
        return 0 if good else mask(Cause.STANDSTILL_VIOLATED)
