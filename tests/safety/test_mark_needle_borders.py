"""Mark, needle, buttons, permits, poses, snapshots at their borders: mutants asked for them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import MS, S, arm_state
from test_causes import T0, inputs, memory
from test_parts import situation
from test_people import KEY, PAGE, SESSION, say

from safety.limits import Limits
from safety.mark import NUMBERS, RENEW_S, RETRY_S, Mark
from safety.memory import Memory, dump, load
from safety.messages import ArmState, GuardEvent
from safety.needle import GOAL_UNIT_M, OVER_GOAL_M, PLACE_COS, PLACE_M, NeedleWatch
from safety.people import Wishes, hear
from safety.permit import BRAKE, ENDING_NS, decide, needle_possible
from safety.pose import SPAN_NS, STEP_M, PoseWatch
from safety.states import Cause, Contact, EventKind, Instrument, NeedlePlan, PermitKind, State
from safety.transitions import mask

LIMITS = Limits()
DOWN = (0.0, 0.0, 0.0, 1.0)


# --- the number in the picture; 0 is a number like the others


def test_a_mark_of_zero_is_a_mark() -> None:
    mark = Mark()
    mark.update(True, 3 * NUMBERS, T0)
    assert mark.value == 0
    mark.update(True, 77, T0 + round(RENEW_S * S))
    assert mark.value == 0, "it lives its minute"
    mark.saw(0)
    assert mark.presented
    assert mark.answer(0, 5, T0)
    assert (mark.ok, mark.value) == (True, -1)


def test_no_mark_is_shown_that_is_not_wanted_or_no_longer_proves() -> None:
    mark = Mark()
    mark.update(True, 42, T0)
    mark.update(False, 43, T0)
    assert mark.value == -1
    mark.presented = True
    assert not mark.answer(-1, 5, T0), "no number is shown"
    mark.saw(-1)
    mark.update(True, 44, T0)
    mark.forget()
    assert (mark.ok, mark.value) == (False, -1)
    mark.update(True, 45, T0)
    assert not mark.presented


def test_guessing_is_slow_to_the_nanosecond() -> None:
    mark = Mark(value=5, presented=True)
    assert not mark.answer(4, 9, T0)
    assert mark.value == 9
    mark.presented = True
    assert not mark.answer(9, 1, T0 + round(RETRY_S * S) - 1)
    assert mark.answer(9, 1, T0 + round(RETRY_S * S))


# --- the plan of a needle


def planned(plan: NeedlePlan = NeedlePlan.CONFIRMED, *, home: bool = True) -> NeedleWatch:
    watch = NeedleWatch(home=True)
    assert watch.propose(9000, (0.5, 0.1, 0.2), DOWN)
    watch.plan, watch.home = plan, home
    return watch


def at(p_m: tuple[float, ...], q: tuple[float, ...] = DOWN, depth_m: float = 0.0) -> ArmState:
    return replace(arm_state(T0), base_p_probe_m=p_m, base_q_probe=q, needle_depth_m=depth_m)


def test_ten_micrometres_are_no_plan_and_take_none_back() -> None:
    watch = planned()
    assert not watch.propose(1, (0.5, 0.1, 0.2), DOWN)
    assert watch.plan == NeedlePlan.CONFIRMED
    assert watch.propose(0, (0.5, 0.1, 0.2), DOWN)
    assert (watch.plan, watch.goal_m, watch.released) == (NeedlePlan.NONE, 0.0, False)


def test_a_new_plan_asks_for_a_new_release() -> None:
    watch = planned()
    watch.released = True
    assert watch.propose(8000, (0.5, 0.1, 0.2), DOWN)
    assert not watch.released
    watch.released = True
    watch.declared()
    assert (watch.plan, watch.goal_m, watch.released) == (NeedlePlan.NONE, 0.0, False)


def test_an_attempt_is_a_confirmed_plan_that_leaves_home() -> None:
    for plan, attempts in ((NeedlePlan.CONFIRMED, 1), (NeedlePlan.PROPOSED, 0)):
        watch = planned(plan)
        watch.follow(at((0.5, 0.1, 0.2)), home=False)
        assert (watch.attempts, watch.plan) == (attempts, plan)
        watch.declared()
        assert watch.attempts == 0


@pytest.mark.parametrize(("p_m", "home", "stays"), [
    ((0.5, 0.1, 0.2), True, True), ((0.5, 0.1, 0.19), True, True), ((0.5, 0.104, 0.2), True, False),
    ((0.504, 0.1, 0.2), True, False), ((0.504, 0.1, 0.2), False, True),
])  # fmt: skip
def test_a_plan_lapses_with_its_place_while_the_needle_is_home(
    p_m: tuple[float, ...], home: bool, stays: bool
) -> None:
    watch = planned(home=home)
    watch.follow(at(p_m), home)
    assert (watch.plan == NeedlePlan.CONFIRMED) is stays


def test_the_borders_of_a_place() -> None:
    watch = NeedleWatch(home=True, plan=NeedlePlan.CONFIRMED)
    watch.place_axis = (math.sin(math.radians(3.0)), 0.0, PLACE_COS)
    watch.follow(at((0.0, 0.0, 0.0)), True)
    assert watch.plan == NeedlePlan.CONFIRMED, "three degrees are still the place"
    slid = NeedleWatch(home=True, plan=NeedlePlan.CONFIRMED)
    slid.follow(at((0.0, PLACE_M, 0.0)), True)
    assert slid.plan == NeedlePlan.CONFIRMED, "three millimetres, too"


@pytest.mark.parametrize(("possible", "depth_m", "may"), [
    (True, 0.09, True), (False, 0.09, False), (True, 9000 * GOAL_UNIT_M + OVER_GOAL_M, False),
    (True, math.nan, False),
])  # fmt: skip
def test_a_needle_may_advance_below_its_goal(possible: bool, depth_m: float, may: bool) -> None:
    watch = planned()
    watch.released, watch.goal_m = True, 9000 * GOAL_UNIT_M
    assert watch.may_advance(possible, 0.003, at((0.5, 0.1, 0.2), depth_m=depth_m)) is may
    assert watch.released is may


# --- people


def both(m: Memory, kind: EventKind, *args: int, by_key: bool) -> Wishes:
    source = KEY if by_key else PAGE
    i = inputs(T0)
    events = [GuardEvent(kind, source, arg, SESSION[source], T0, k) for k, arg in enumerate(args)]
    return hear(m, replace(i, events=(*events, *i.events[len(events) :])), LIMITS)


@pytest.mark.parametrize("by_key", [True, False])
def test_a_stop_that_was_pressed_and_let_go_within_one_step_is_a_stop(by_key: bool) -> None:
    assert both(memory(), EventKind.STOP, 1, 0, by_key=by_key).causes == mask(Cause.BEDSIDE_STOP)


def test_letting_go_of_the_lift_takes_the_arm_from_nobody() -> None:
    assert say(memory(State.ACTIVE), EventKind.LIFT, PAGE, arg=0).causes == 0


@pytest.mark.parametrize(("state", "speed_m_s", "good"), [
    (State.LOCAL, LIMITS.stop_speed_m_s, True), (State.LOCAL, LIMITS.stop_speed_m_s * 1.01, False),
    (State.IDLE, 0.0, False),
])  # fmt: skip
def test_where_the_force_may_be_zeroed(state: State, speed_m_s: float, good: bool) -> None:
    m = memory(state)
    m.motion.speed_m_s, m.arm.lost = speed_m_s, False
    assert not m.motion.at_rest(LIMITS), "no standstill is ordered"
    say(m, EventKind.FORCE_ZERO, PAGE)
    assert (m.zero_serial, m.events_refused) == ((T0 + 1, 0) if good else (0, 1))
    say(m, EventKind.FORCE_ZERO, PAGE)
    assert m.zero_serial == (T0 + 2 if good else 0)


# --- permits


def test_what_an_order_leaves_out_is_nothing() -> None:
    assert BRAKE.speed_limit_m_s(Contact.NONE, LIMITS) == 0.0
    assert decide(situation(State.ACTIVE, Contact.SKIN), LIMITS).travel_max_m == 0.0
    needle = situation(
        State.ACTIVE, Contact.SKIN, image_fresh=True, instrument=Instrument.PROBE_NEEDLE
    )
    assert needle_possible(needle)
    assert not needle_possible(replace(needle, able=False))


@pytest.mark.parametrize(("state", "lift", "kind"), [
    (State.HOLD, False, PermitKind.REGULATE), (State.HOLD, True, PermitKind.LIFT),
    (State.LOCAL, False, PermitKind.LOCAL),
])  # fmt: skip
def test_no_ramp_where_nobody_begins(state: State, lift: bool, kind: PermitKind) -> None:
    order = decide(situation(state, Contact.SKIN, lift=lift), LIMITS)
    assert (order.kind, order.ramp, order.brake) == (kind, 1.0, False)


def test_a_session_that_ends_brakes_after_its_time_to_relax() -> None:
    for ns, kind in ((ENDING_NS - 1, PermitKind.REGULATE), (ENDING_NS, PermitKind.NONE)):
        s = situation(State.SAFE_STOP, Contact.SKIN, ending=True, in_state_ns=ns)
        assert decide(s, LIMITS).kind == kind


# --- poses


@pytest.mark.parametrize(("span_ns", "v_m_s", "step_m", "jumped"), [
    (2 * MS, 0.0, STEP_M, False), (2 * MS, 0.0, STEP_M * 1.001, True),
    (2 * MS, 0.5, STEP_M + 0.00099, False), (2 * MS, 0.5, STEP_M + 0.00101, True),
    (SPAN_NS, 0.0, 0.005, True), (SPAN_NS + 1, 0.0, 0.005, False), (1, 0.0, 0.005, True),
])  # fmt: skip
def test_a_step_that_the_speed_does_not_explain(
    span_ns: int, v_m_s: float, step_m: float, jumped: bool
) -> None:
    watch = PoseWatch()
    first = replace(at((0.0, 0.0, 0.0)), base_v_probe_m_s=(v_m_s, 0.0, 0.0))
    assert not watch.implausible(first, 0.0, T0)
    after = replace(first, base_p_probe_m=(step_m, 0.0, 0.0), stamp_ns=first.stamp_ns + span_ns)
    assert watch.implausible(after, 0.0, T0 + span_ns) is jumped


# --- snapshots


def test_states_come_back_from_a_snapshot_as_states() -> None:
    m = memory(State.HOLD)
    m.needle.plan = NeedlePlan.PROPOSED
    back = load(dump(m))
    assert type(back.machine.state) is State
    assert type(back.needle.plan) is NeedlePlan
    assert type(back.last_ns) is int
