"""The needle as guard sees it: the agreed plan, when it may advance, and what was measured.

A plan is a depth along the guide, at the place where the probe stands. The console proposes it, the
bedside confirms exactly that number, and it lapses when the probe leaves the place before the
needle has left home. Advancing needs the confirmed plan *and* everything else in the same step, and
after any block the expert has to let go of "advance" once: nothing advances by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from safety.layout import Quat, Vec3
from safety.limits import Limits
from safety.messages import ArmState
from safety.states import Cause, NeedlePlan
from safety.supervise import across, probe_axis
from safety.transitions import mask

MS = 1_000_000
GOAL_UNIT_M = 1e-5
"""Unit of the depth in events: 10 um."""
GOAL_MIN_M, GOAL_MAX_M = 0.005, 0.16
"""A path shorter than that is no plan; the guide's travel ends there."""
PLACE_M = 0.003
PLACE_COS = math.cos(math.radians(3.0))
"""The probe may slide and tilt so little between proposal and insertion: the path moves with it
by 5 mm at most at 100 mm."""
OVER_GOAL_M = 0.001
"""Beyond the planned depth by this much servo did not stop (its own stop ends within 0.1 mm)."""
V_TOLERANCE_M_S = 0.0005
"""Noise of the axis' speed; ten times slower than the needle's limit."""
STOP_NS = 100 * MS
"""An axis that still moves this long after its permission ended ignores it."""


@dataclass(slots=True)
class NeedleWatch:
    """Plan, attempts, and the check of the measured axis."""

    plan: NeedlePlan = NeedlePlan.NONE
    goal_m: float = 0.0
    place_p_m: Vec3 = (0.0, 0.0, 0.0)
    place_axis: Vec3 = (0.0, 0.0, 1.0)
    home: bool = False
    attempts: int = 0
    released: bool = False
    """The expert was seen not advancing since advancing became possible."""
    advancing_since_ns: int = 0
    """When an advance without permission began; 0: none."""
    moving_since_ns: int = 0
    """When a withdrawal without permission began; 0: none."""

    def propose(self, arg: int, p_m: Vec3, q: Quat) -> bool:
        """Take the console's plan; False: not a depth. 0 takes the plan back."""
        goal_m = round(arg * GOAL_UNIT_M, 5)
        if arg == 0:
            self.forget_plan()
            return True
        if not (GOAL_MIN_M <= goal_m <= GOAL_MAX_M) or not self.home:
            return False
        self.plan, self.goal_m = NeedlePlan.PROPOSED, goal_m
        self.place_p_m, self.place_axis = p_m, probe_axis(q)
        self.released = False
        return True

    def confirm(self, arg: int) -> bool:
        """Take the bedside's answer; False: it is not about this plan."""
        if self.plan != NeedlePlan.PROPOSED or abs(arg * GOAL_UNIT_M - self.goal_m) > 1e-9:
            return False
        self.plan, self.released = NeedlePlan.CONFIRMED, False
        return True

    def forget_plan(self) -> None:
        """Denied, ended or out of date: no advance until a new plan is confirmed."""
        self.plan, self.goal_m, self.released = NeedlePlan.NONE, 0.0, False

    def declared(self) -> None:
        """Another instrument, or the same one anew."""
        self.forget_plan()
        self.attempts = 0

    def follow(self, arm: ArmState, home: bool) -> None:
        """Follow the measured axis and place."""
        if self.home and not home and self.plan == NeedlePlan.CONFIRMED:
            self.attempts += 1
        elif home and not self.home:
            self.forget_plan()  # a further attempt is a new decision of both people
        self.home = home
        if self.plan != NeedlePlan.NONE and home and not self._in_place(arm):
            self.forget_plan()

    def _in_place(self, arm: ArmState) -> bool:
        p, r = arm.base_p_probe_m, self.place_p_m
        axis = probe_axis(arm.base_q_probe)
        moved = (p[0] - r[0], p[1] - r[1], p[2] - r[2])
        turned = sum(a * b for a, b in zip(axis, self.place_axis, strict=True))
        # Along its axis the probe follows the breathing skin.
        return across(moved, self.place_axis) <= PLACE_M and turned >= PLACE_COS

    def may_advance(self, possible: bool, wanted_m_s: float, arm: ArmState) -> bool:
        """`possible`: state, picture and instrument allow it in this step."""
        possible = possible and self.plan == NeedlePlan.CONFIRMED
        possible = possible and arm.needle_depth_m < self.goal_m + OVER_GOAL_M  # NaN: no
        if not possible:
            self.released = False
            return False
        if wanted_m_s <= 0.0:
            self.released = True
        return self.released

    def check(
        self, arm: ArmState, fresh: bool, advance: bool, operated: bool, now_ns: int, limits: Limits
    ) -> int:
        """Causes from the measured axis against what was permitted in the last step."""
        v = arm.needle_v_m_s
        if not fresh or v != v:
            self.advancing_since_ns = self.moving_since_ns = 0
            return 0
        causes = 0
        if abs(v) > limits.needle_v_m_s + 2.0 * V_TOLERANCE_M_S:
            causes |= mask(Cause.SPEED_OVER_PERMIT)
        forward = v > V_TOLERANCE_M_S and not advance
        back = v < -V_TOLERANCE_M_S and not operated
        self.advancing_since_ns = (self.advancing_since_ns or now_ns) if forward else 0
        self.moving_since_ns = (self.moving_since_ns or now_ns) if back else 0
        for since in (self.advancing_since_ns, self.moving_since_ns):
            if since and now_ns - since > STOP_NS:
                causes |= mask(Cause.SERVO_IGNORES_PERMIT)
        return causes
