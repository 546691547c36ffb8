"""Borders of the small parts, one value on each side: what mutation testing asked for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import DOWN_Q, MS, S, arm_state

from safety.alarms import priority
from safety.bedside import StopTest
from safety.engage import Deadman
from safety.epochs import Epoch
from safety.guide import Checklist, missing, next_step
from safety.limits import Limits
from safety.liveness import Peer
from safety.mark import Mark
from safety.memory import NO_COMMAND
from safety.messages import SERVO_REPORT, ArmState, Command
from safety.needle import GOAL_MAX_M, GOAL_MIN_M, GOAL_UNIT_M, NeedleWatch
from safety.speed import SpeedWatch
from safety.stamps import Echo, StampTable
from safety.states import Alarm, Cause, Contact, NeedlePlan, PermitKind, State, Step
from safety.supervise import MotionWatch
from safety.transitions import mask

T0 = 1000 * S
LIMITS = Limits()
SERVO = SERVO_REPORT.unpack(bytes(SERVO_REPORT.size))


# --- the guide


STEPS = {
    "alive": Step.WAIT_FOR_ARM,
    "bedside_page": Step.JOIN_BEDSIDE,
    "bedside_sound": Step.SOUND_OFF,
    "bedside_input": Step.TEST_STOP,
    "stop_tested": Step.TEST_STOP,
    "instrument": Step.DECLARE_INSTRUMENT,
    "console": Step.JOIN_CONSOLE,
    "deadman_up": Step.RELEASE_DEADMAN,
    "link": Step.WAIT_FOR_LINK,
    "mark": Step.READ_MARK,
    "quiet": Step.CLEAR_CAUSE,
}


def checks(*absent: str) -> Checklist:
    return Checklist(**{name: name not in absent for name in STEPS})


@pytest.mark.parametrize("name", list(STEPS))
def test_each_missing_thing_has_its_own_words(name: str) -> None:
    assert missing(checks(name)) == STEPS[name]


def test_the_order_is_a_newcomer_s() -> None:
    names = [name for name in STEPS if name != "deadman_up"]
    for at, name in enumerate(names):
        assert missing(checks(*names[at:])) == STEPS[name]
    assert missing(checks("deadman_up", "link")) == Step.WAIT_FOR_LINK, "not seen without a link"
    assert missing(checks("deadman_up", "mark", "quiet")) == Step.RELEASE_DEADMAN


def test_what_a_stopped_machine_asks_for() -> None:
    def ask(state: State, *absent: str, acknowledged: bool = False, cut: bool = False) -> Step:
        return next_step(
            state, checks(*absent), acknowledged=acknowledged, power_cut=cut, resumable=False
        )

    assert ask(State.FAULT) == Step.ACKNOWLEDGE
    assert ask(State.ESTOP, cut=True) == Step.ACKNOWLEDGE
    assert ask(State.ESTOP, "alive", acknowledged=True, cut=True) == Step.ALLOW_MOTION
    assert ask(State.FAULT, "alive", acknowledged=True) == Step.WAIT_FOR_ARM
    assert ask(State.HOLD, "deadman_up") == Step.RELEASE_DEADMAN
    assert ask(State.QUALIFIED) == Step.ALLOW_MOTION
    for state in (State.ACTIVE, State.DEGRADED):
        assert ask(state, "quiet") == Step.NONE


# --- alarms


@pytest.mark.parametrize(
    "cause",
    [
        Cause.FORCE_OVER_LIMIT, Cause.FORCE_SENSOR_INVALID, Cause.BRAKE_FAILED,
        Cause.INSTRUMENT_UNKNOWN, Cause.ARM_POWER_LOST,
    ],
)  # fmt: skip
def test_who_has_to_lift_by_hand_is_told_loudly(cause: Cause) -> None:
    assert priority(State.SAFE_STOP, mask(cause), 0, Contact.SKIN, 0.0) == Alarm.HIGH


def test_a_late_picture_is_a_low_alarm_also_before_the_state_follows() -> None:
    late = mask(Cause.LOOP_LATENCY)
    assert priority(State.ACTIVE, 0, late, Contact.SKIN, 0.0) == Alarm.LOW
    assert priority(State.ARMED, 0, late, Contact.SKIN, 0.0) == Alarm.NONE
    both = mask(Cause.OPERATOR_RELEASE, Cause.COMMAND_AGE)
    assert priority(State.HOLD, both, 0, Contact.SKIN, 500.0) == Alarm.MEDIUM


# --- standstill and speed


@pytest.mark.parametrize(
    ("kind", "brake", "v", "rest"),
    [
        (PermitKind.NONE, True, (0.002, 0.0, 0.0), True),
        (PermitKind.NONE, True, (0.00201, 0.0, 0.0), False),
        (PermitKind.NONE, True, (0.0, 0.0, 0.003), False),
        (PermitKind.REGULATE, False, (0.0, 0.0, 0.02), True),
        (PermitKind.REGULATE, False, (0.00201, 0.0, 0.0), False),
        (PermitKind.LIFT, False, (0.0, 0.0, -0.02), True),
        (PermitKind.OPERATE, False, (0.0, 0.0, 0.0), False),
        (PermitKind.LOCAL, False, (0.0, 0.0, 0.0), False),
    ],
)
def test_what_counts_as_standstill(
    kind: PermitKind, brake: bool, v: tuple[float, ...], rest: bool
) -> None:
    motion = MotionWatch()
    motion.order(kind, 0.1, 0.6, brake, T0, LIMITS)
    motion.check(replace(arm_state(T0), base_v_probe_m_s=v, braked=brake), True, T0 + MS, LIMITS)
    assert motion.at_rest(LIMITS) is rest


def test_braking_is_seen_in_the_speed_alone() -> None:
    """Without the box's word: 5 mm/s slower than at the order, or nearly standing."""
    for begin, after, seen in ((0.05, 0.045, True), (0.05, 0.0451, False), (0.004, 0.005, True)):
        motion = MotionWatch()
        motion.order(PermitKind.OPERATE, 0.1, 0.6, False, T0, LIMITS)
        moving = replace(arm_state(T0), base_v_probe_m_s=(begin, 0.0, 0.0))
        motion.check(moving, True, T0, LIMITS)
        motion.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
        later = replace(moving, base_v_probe_m_s=(after, 0.0, 0.0))
        motion.check(later, True, T0 + MS, LIMITS)
        assert motion.brake_seen is seen


def test_a_limit_that_is_raised_counts_at_once_and_an_equal_one_changes_nothing() -> None:
    watch = SpeedWatch()
    watch.order(0.1, T0, LIMITS)
    watch.order(0.05, T0, LIMITS)
    watch.order(0.05, T0 + 50 * MS, LIMITS)
    assert watch.allowed(T0 + 100 * MS, LIMITS) == pytest.approx(0.05), "the ramp began once"
    watch.order(0.08, T0 + 100 * MS, LIMITS)
    assert watch.allowed(T0 + 100 * MS, LIMITS) == pytest.approx(0.08)


def test_too_fast_again_after_a_pause_counts_anew() -> None:
    watch = SpeedWatch()
    watch.order(0.1, T0, LIMITS)
    assert not watch.over(0.2, 0.02, T0, LIMITS)
    assert not watch.over(0.1, 0.02, T0 + 9 * MS, LIMITS)
    assert not watch.over(0.2, 0.02, T0 + 10 * MS, LIMITS)
    assert not watch.over(0.2, 0.02, T0 + 20 * MS - 1, LIMITS)
    assert watch.over(0.2, 0.02, T0 + 20 * MS, LIMITS)


# --- the needle


def axis(v: float, depth: float = 0.0) -> ArmState:
    return replace(arm_state(T0), needle_v_m_s=v, needle_depth_m=depth)


@pytest.mark.parametrize(
    ("v", "advance", "operated", "cause"),
    [
        (0.00051, False, False, Cause.SERVO_IGNORES_PERMIT),
        (0.0005, False, False, None),
        (0.00051, True, False, None),
        (-0.00051, True, False, Cause.SERVO_IGNORES_PERMIT),
        (-0.00051, False, True, None),
        (-0.0005, False, False, None),
        (0.006, True, True, None),
        (0.0061, True, True, Cause.SPEED_OVER_PERMIT),
        (-0.0061, True, True, Cause.SPEED_OVER_PERMIT),
        (math.nan, False, False, None),
    ],
)
def test_an_axis_may_move_so_long_without_permission(
    v: float, advance: bool, operated: bool, cause: Cause | None
) -> None:
    needle, found = NeedleWatch(), []
    for t in (0, 50, 100, 101):
        now = T0 + t * MS
        found.append(needle.check(axis(v), True, advance, operated, now, LIMITS))
    expected = mask(cause) if cause else 0
    assert found[3] == expected
    assert found[2] == (expected if cause == Cause.SPEED_OVER_PERMIT else 0), "100 ms to stop"
    assert needle.check(axis(v), False, False, False, T0 + S, LIMITS) == 0
    assert (needle.advancing_since_ns, needle.moving_since_ns) == (0, 0)


def planned(depth_m: float = 0.05) -> NeedleWatch:
    needle = NeedleWatch(home=True)
    arg = round(depth_m / GOAL_UNIT_M)
    assert needle.propose(arg, (0.5, 0.0, 0.2), DOWN_Q)
    assert needle.confirm(arg)
    return needle


@pytest.mark.parametrize(
    ("arg", "good"),
    [(499, False), (500, True), (16000, True), (16001, False), (-500, False)],
)
def test_the_depths_that_are_plans(arg: int, good: bool) -> None:
    needle = NeedleWatch(home=True)
    assert needle.propose(arg, (0.5, 0.0, 0.2), DOWN_Q) is good
    assert (needle.plan == NeedlePlan.PROPOSED) is good
    assert (GOAL_MIN_M, GOAL_MAX_M) == (0.005, 0.16)


@pytest.mark.parametrize(
    ("offset_m", "tilt_deg", "stays"),
    [(0.003, 0.0, True), (0.0031, 0.0, False), (0.0, 2.99, True), (0.0, 3.01, False)],
)
def test_a_plan_holds_for_its_place_only(offset_m: float, tilt_deg: float, stays: bool) -> None:
    needle = planned()
    half = math.radians(tilt_deg) / 2
    q = (math.cos(half), 0.0, 0.0, math.sin(half))  # DOWN_Q, tilted about x
    arm = replace(arm_state(T0), base_p_probe_m=(0.5 + offset_m, 0.0, 0.25), base_q_probe=q)
    needle.follow(arm, True)
    assert (needle.plan == NeedlePlan.CONFIRMED) is stays


def test_an_advance_needs_a_release_a_plan_and_depth_left() -> None:
    needle, arm = planned(), arm_state(T0)
    assert not needle.may_advance(True, 0.001, arm), "held since before the plan"
    assert needle.may_advance(True, 0.0, arm), "released"
    assert needle.may_advance(True, 0.001, arm)
    deep = replace(arm, needle_depth_m=0.0511)
    assert needle.may_advance(True, 0.001, replace(arm, needle_depth_m=0.0509))
    assert not needle.may_advance(True, 0.001, deep)
    assert not needle.may_advance(True, 0.001, arm), "after any block: release again"
    assert not needle.may_advance(True, 0.0, replace(arm, needle_depth_m=math.nan))
    needle.forget_plan()
    assert not needle.may_advance(True, 0.0, arm)


def test_leaving_home_counts_an_attempt_and_coming_home_ends_the_plan() -> None:
    needle, arm = planned(), replace(arm_state(T0), base_p_probe_m=(0.5, 0.0, 0.2))
    needle.follow(arm, True)
    needle.follow(arm, False)
    needle.follow(arm, False)
    assert (needle.attempts, needle.plan) == (1, NeedlePlan.CONFIRMED)
    needle.follow(arm, True)
    assert needle.plan == NeedlePlan.NONE
    needle.declared()
    assert needle.attempts == 0


# --- people


def test_a_wrong_answer_changes_the_number_and_waits() -> None:
    mark = Mark()
    mark.saw(-1)
    assert not mark.presented, "no number is shown"
    mark.update(True, 41, T0)
    mark.saw(40)
    assert not mark.answer(41, 7, T0), "another number was on the screen"
    mark.saw(41)
    assert not mark.answer(40, 77, T0)
    assert (mark.value, mark.presented, mark.ok) == (77, False, False)
    mark.saw(77)
    assert not mark.answer(77, 5, T0 + S - 1), "no guessing faster than this"
    assert mark.value == 77
    assert mark.answer(77, 5, T0 + S)


def test_the_key_of_the_stop_test_is_part_of_it_until_it_is_released() -> None:
    test = StopTest()
    assert test.is_test(powered=True, still=True, now_ns=T0)
    assert (test.done, test.pressing, test.until_ns) == (True, True, T0 + 2 * S)
    assert test.is_test(powered=True, still=True, now_ns=T0 + S)
    assert test.until_ns == T0 + 2 * S, "a second press does not prolong it"
    assert not test.is_test(powered=True, still=False, now_ns=T0 + S), "the arm may move: a stop"


def said(deadman: bool, edges: int, **more: object) -> Command:
    return replace(NO_COMMAND, deadman=deadman, deadman_edges=edges, **more)  # type: ignore[arg-type]


def test_an_edge_needs_a_release_seen_in_this_epoch_and_a_slow_hand() -> None:
    d = Deadman()
    d.enter_epoch(5)
    assert not d.command(said(True, 3), LIMITS), "down since before: no edge"
    d.command(said(False, 3), LIMITS)
    assert not d.command(said(True, 3), LIMITS), "the same press again"
    assert not d.command(said(True, 4, hand_v_m_s=(0.0201, 0.0, 0.0)), LIMITS), "a fast hand"
    assert not d.command(said(True, 4), LIMITS), "release first"
    d.command(said(False, 4), LIMITS)
    assert d.command(said(True, 5, hand_v_m_s=(0.012, 0.016, 0.0)), LIMITS)
    d.command(said(False, 5), LIMITS)

    def seen_in(epoch: int) -> bool:
        d.enter_epoch(epoch)
        return d.seen

    assert seen_in(5), "the same epoch"
    assert not seen_in(6)
    assert not d.command(said(True, 6), LIMITS), "released in an older epoch"


@pytest.mark.parametrize(
    ("hand", "servo", "good"),
    [
        ({}, {}, True),
        ({"hand_p_m": (0.002, 0.0, 0.0)}, {}, True),
        ({"hand_p_m": (0.00201, 0.0, 0.0)}, {}, False),
        ({"hand_r_rad": (0.0, 0.035, 0.0)}, {}, True),
        ({"hand_r_rad": (0.0, 0.0351, 0.0)}, {}, False),
        ({}, {"offset_m": 0.00201}, False),
        ({}, {"offset_rad": 0.0351}, False),
        ({"mode": 1}, {}, False),
        ({"deadman": False}, {}, False),
        ({"deadman_edges": 8}, {}, False),
    ],
)
def test_what_lets_a_short_hold_resume(
    hand: dict[str, object], servo: dict[str, object], good: bool
) -> None:
    d = Deadman()
    d.command(said(True, 7), LIMITS)
    d.hold_began()
    report = replace(SERVO, **servo)  # type: ignore[arg-type]
    assert not d.resumable(report, LIMITS), "nothing fresh was heard"
    d.command(replace(said(True, 7), **hand), LIMITS)  # type: ignore[arg-type]
    assert d.resumable(report, LIMITS) is good
    if "deadman_edges" in hand or "mode" in hand or "deadman" in hand:
        d.command(said(True, 7), LIMITS)
        assert not d.resumable(report, LIMITS), "once unsteady, it stays so"


# --- clocks and numbers


def test_an_echo_counts_once_issued_in_time_and_not_decreasing() -> None:
    table, life = StampTable(), 50 * MS
    for t in (0, 10, 20):
        table.issue(T0 + t * MS, 100 + t, life)
    now = T0 + 30 * MS
    assert table.judge(T0 + 10 * MS, 110, now, life) == Echo.VALID
    assert table.judge(T0 + 10 * MS, 120, now, life) == Echo.UNKNOWN
    assert table.judge(T0 + 11 * MS, 110, now, life) == Echo.UNKNOWN
    assert table.judge(T0, 100, T0 + life, life) == Echo.VALID
    assert table.judge(T0, 100, T0 + life + 1, life) == Echo.OLD
    table.use(T0 + 10 * MS)
    assert table.judge(T0 + 10 * MS, 110, now, life) == Echo.VALID, "repeated for a hung page"
    assert table.judge(T0, 100, now, life) == Echo.DECREASING
    table.issue(T0 + 60 * MS, 1, life)
    assert [stamp for stamp, _ in table.issued] == [T0 + t * MS for t in (10, 20, 60)]


def test_an_epoch_rises_by_one_and_never_before_there_is_one() -> None:
    epoch = Epoch()
    epoch.rise(T0)
    assert (epoch.value, epoch.changed_ns) == (0, 0)
    epoch.update(8, T0)
    assert (epoch.value, epoch.changed_ns) == (8, T0)
    epoch.rise(T0 + 5)
    assert (epoch.value, epoch.changed_ns) == (9, T0 + 5)
    epoch.update(8, T0 + 6)
    epoch.update(8, T0 + 7)
    assert epoch.waiting_since_ns == T0 + 6, "since the first wait"
    epoch.update(9, T0 + 8)
    assert (epoch.waiting_since_ns, epoch.value) == (0, 9)


def test_a_lost_peer_keeps_what_was_known_of_it() -> None:
    peer = Peer()
    peer.update(1, 7, T0, T0, 20.0)
    peer.update(2, 8, T0, T0 + 21 * MS, 20.0)
    assert (peer.lost, peer.restarted, peer.incarnation, peer.seen) == (True, False, 7, True)
    peer.update(3, 8, T0 + 30 * MS, T0 + 30 * MS, 20.0)
    assert (peer.lost, peer.restarted) == (False, True), "back, and another one"
