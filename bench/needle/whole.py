"""The needle's work is interrupted: real guard, servo and arm box on the virtual clock.

One insertion is the trunk; at each moment a copy of the whole world goes on without the link, or
with the bedside's stop (`bench/branch.py`). The way through the air is skipped: the axis is put
near the skin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.branch import branch
from bench.needle.link import FIVE_G
from bench.world import World, WorldOptions
from safety.frame import SafetyFrame
from safety.needle import GOAL_UNIT_M
from safety.states import Contact, ContactState, EventKind, Instrument, NeedlePlan, State, Step
from teleop.scripted.persons import Act, Nurse, Plan
from teleop.servo.needle import NEEDLE_MODE

FIRST_M, GOAL_M, TURNED_M = 0.044, 0.100, 0.056
"""Where the axis starts, where the plan ends, where the expert turns meanwhile."""
V_M_S, TURN_RAD_S = 0.004, 0.04
STAY_NS = 3_600_000_000_000
"""The scripted scan does not begin: the hand is the needle's."""
LEARN_S = 9.0
"""The breathing gate learns while people plan."""
AFTER_S = 5.2
"""Watched after the cut: HOLD comes within 0.1 s, SAFE_STOP after 1 s, then one whole breath."""
REST_SAMPLES = 100


@dataclass(frozen=True, slots=True)
class Cut:
    """What came after a cut."""

    moved_m: float
    """Largest distance of the axis from where it was."""
    tip_m: float
    """The same for the tip in tissue, along the shaft."""
    added_n: float
    """Contact force over what it was."""
    hold_n: float
    """The same until guard latches: after 1 s of a lost link HOLD becomes SAFE_STOP."""
    rest_n: float
    """The same until the probe was measured at rest."""
    held: bool
    """Guard left ACTIVE."""
    touched: bool
    """Vessel or bone."""


class NeedleNurse(Nurse):
    """Mounts a needle and allows motion."""

    _ACTS = (
        (Step.TEST_STOP, Act(EventKind.STOP, 1, b"s")),
        (
            Step.DECLARE_INSTRUMENT,
            Act(EventKind.DECLARE_INSTRUMENT, int(Instrument.PROBE_NEEDLE)),
        ),
        (Step.ALLOW_MOTION, Act(EventKind.ALLOW_MOTION)),
        (Step.LEAVE_LOCAL, Act(EventKind.LOCAL_EXIT)),
    )


@dataclass(slots=True)
class Hands:
    """The expert's needle hand: asks, and lets go when the robot blocked it."""

    world: World
    asked_m_s: float = 0.0
    turn_rad_s: float = 0.0
    mode: int = 0
    resting: int = 0

    def alter(self, frame: SafetyFrame) -> SafetyFrame:
        """What the hand does to a sample of the page."""
        if self.mode != NEEDLE_MODE:
            return frame
        if self.resting == 0 and not self.world.site.permit.value.needle_advance:
            self.resting = REST_SAMPLES
        self.resting = max(0, self.resting - 1)
        asked = 0.0 if self.resting and self.asked_m_s > 0.0 else self.asked_m_s
        return dataclasses.replace(
            frame, mode=self.mode, needle_v_m_s=asked,
            hand_v_m_s=(0.0, 0.0, 0.0), hand_w_rad_s=(0.0, self.turn_rad_s, 0.0),
        )  # fmt: skip


def planned(seed: int) -> tuple[World, Hands]:
    """The probe presses, the plan is confirmed, the needle is near the skin."""
    world = World(
        WorldOptions(seed=seed, up=FIVE_G, down=FIVE_G, video=FIVE_G, plan=Plan(settle_ns=STAY_NS))
    )
    world.bedside.nurse = NeedleNurse()
    hands = Hands(world)
    world.page.alter = hands.alter
    site = world.site
    world.run_until(lambda: site.report.value.instrument == Instrument.PROBE_NEEDLE)
    world.page_event(EventKind.NEEDLE_CLEAR)
    world.run_until(lambda: site.report.value.contact == Contact.NONE)
    world.run_until(lambda: site.servo_report.value.contact is ContactState.PRESS, 60.0)
    hands.mode = NEEDLE_MODE
    world.run_for(LEARN_S)
    goal = round(GOAL_M / GOAL_UNIT_M)
    world.page_event(EventKind.NEEDLE_PROPOSE, goal, console=True)
    world.run_until(lambda: site.report.value.needle_plan == NeedlePlan.PROPOSED)
    world.page_event(EventKind.NEEDLE_CONFIRM, goal)
    world.run_until(lambda: site.report.value.needle_plan == NeedlePlan.CONFIRMED)
    site.arm_box.needle.axis.depth_m = FIRST_M
    world.run_for(0.1)
    return world, hands


def lose_link(world: World) -> None:
    """Nothing arrives any more, for good."""
    world.cut_link()


def stop(world: World) -> None:
    """The bedside presses stop, shortly (held for 2 s it is ESTOP), and leaves it so: brakes."""
    world.bedside.nurse.willing = False
    world.page_event(EventKind.STOP, 1)
    world.page_event(EventKind.STOP, 0)


def cuts(
    seed: int, steps_s: Sequence[float], event: Callable[[World], None] = lose_link
) -> list[Cut]:
    """`event` after each of these spans: it advances, turns, waits for breathing, withdraws."""
    world, hands = planned(seed)
    try:
        found = []
        for i, step_s in enumerate(steps_s):
            depth_m = world.site.arm.value.needle_depth_m
            back = i >= len(steps_s) * 0.8 or depth_m > GOAL_M - 0.001
            hands.asked_m_s = -V_M_S if back and depth_m > TURNED_M else V_M_S
            turning = depth_m > TURNED_M and not back
            hands.turn_rad_s = (TURN_RAD_S if i % 4 < 2 else -TURN_RAD_S) if turning else 0.0
            world.run_for(step_s)
            found.append(branch(world, lambda copy: _after(copy, event)))
        return found
    finally:
        world.close()


def _after(world: World, event: Callable[[World], None]) -> Cut:
    start, moved_m, tip_m = world.site.arm.value, 0.0, 0.0
    most_n = hold_n = rest_n = before_n = start.contact_force_n
    inside_m, rests = start.needle_depth_m - start.needle_entry_m, False
    event(world)
    for _ in range(round(AFTER_S * 200)):
        world.run_for(0.005)
        arm = world.site.arm.value
        moved_m = max(moved_m, abs(arm.needle_depth_m - start.needle_depth_m))
        if start.needle_entry_m > 0.0 and arm.needle_entry_m > 0.0:
            tip_m = max(tip_m, abs(arm.needle_depth_m - arm.needle_entry_m - inside_m))
        most_n = max(most_n, arm.contact_force_n)
        if world.site.report.value.state != State.SAFE_STOP:
            hold_n = most_n
        if not rests:
            rest_n = most_n
            rests = world.site.report.value.stop_ms >= 0.0
    held = world.site.report.value.state not in (State.ACTIVE, State.DEGRADED)
    touched = bool(world.site.arm_box.needle.obstacles.touched)
    return Cut(
        moved_m, tip_m, most_n - before_n, hold_n - before_n, rest_n - before_n, held, touched
    )
