"""The small parts at their limits: permit table, supervision, contact, alarms, roles, guide."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import DOWN_Q, MS, arm_state

from safety import permit, roles
from safety.alarms import priority
from safety.assess import outlasted
from safety.bedside import BedsidePage, LiftButton, StopButton, StopTest
from safety.consent import Consent
from safety.contact import ContactWatch
from safety.enable import answer
from safety.epochs import Epoch
from safety.frame import command_of
from safety.guide import Checklist, missing, next_step, ready
from safety.limits import Limits
from safety.machine import Machine
from safety.mark import Mark
from safety.messages import GATEWAY_STATUS, ArmState
from safety.permit import Situation, decide
from safety.power import Power
from safety.qualify import Qualifier
from safety.states import (
    Alarm,
    Cause,
    Contact,
    EventKind,
    Instrument,
    PermitKind,
    Source,
    State,
    Step,
)
from safety.supervise import MotionWatch, across, probe_axis
from safety.transitions import mask, reaction

LIMITS = Limits()
T0 = 10_000_000_000
S = 1_000_000_000
SETUP = (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED)


def situation(state: State, contact: Contact, **changes: object) -> Situation:
    base = Situation(
        state=state, contact=contact, instrument=Instrument.PROBE, able=True, in_state_ns=0,
        engaged_ns=10 * S, recovered_ns=10 * S, last_force_n=8.0, live=True,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


KINDS = {
    State.ARMED: (PermitKind.REGULATE, PermitKind.REGULATE),
    State.ACTIVE: (PermitKind.OPERATE, PermitKind.OPERATE),
    State.DEGRADED: (PermitKind.OPERATE, PermitKind.OPERATE),
    State.HOLD: (PermitKind.REGULATE, PermitKind.REGULATE),
    State.SAFE_STOP: (PermitKind.NONE, PermitKind.REGULATE),
    State.LOCAL: (PermitKind.LOCAL, PermitKind.LOCAL),
    State.FAULT: (PermitKind.NONE, PermitKind.REGULATE),
    State.ESTOP: (PermitKind.NONE, PermitKind.NONE),
}
"""Off the skin, on the skin."""


@pytest.mark.parametrize("state", list(State))
def test_the_table_of_permits(state: State) -> None:
    off, on = KINDS.get(state, (PermitKind.NONE, PermitKind.NONE))
    assert decide(situation(state, Contact.NONE), LIMITS).kind == off
    assert decide(situation(state, Contact.SKIN), LIMITS).kind == on
    for contact in Contact:
        order = decide(situation(state, contact), LIMITS)
        assert order.brake == (order.kind == PermitKind.NONE)
        assert decide(situation(state, contact, able=False), LIMITS) == permit.BRAKE
        assert decide(Situation(state), LIMITS) == permit.BRAKE
    for contact in (Contact.UNKNOWN, Contact.NEEDLE_IN_TISSUE):
        order = decide(situation(state, contact, lift=True), LIMITS)
        if state in (State.ACTIVE, State.DEGRADED):
            assert (order.kind, order.v_max_m_s) == (PermitKind.OPERATE, 0.0)
        elif state in (State.ARMED, State.HOLD) and contact == Contact.NEEDLE_IN_TISSUE:
            assert (order.kind, order.f_max_n) == (PermitKind.REGULATE, LIMITS.regulate_force_n)
            assert not order.needle_advance
            assert order.needle_pivot_rad_s == 0.0
        else:
            assert order == permit.BRAKE


@pytest.mark.parametrize("state", list(State))
def test_a_hold_that_only_lasted_too_long_goes_on_following_the_skin(state: State) -> None:
    """With the needle in: the held force, no ramp, no lift, neither by a button nor by itself."""
    lifts = replace(LIMITS, auto_lift=True)
    s = situation(state, Contact.NEEDLE_IN_TISSUE, outlasted=True, lift=True, in_state_ns=60 * S)
    if state == State.SAFE_STOP:
        assert decide(s, lifts) == decide(replace(s, state=State.HOLD), LIMITS)
        assert decide(s, lifts).f_max_n == LIMITS.regulate_force_n
        assert decide(replace(s, last_force_n=3.0), lifts).f_max_n == 3.0
    else:
        assert decide(s, lifts) == decide(replace(s, outlasted=False), lifts)
    assert decide(replace(s, contact=Contact.UNKNOWN), lifts).needle_advance is False
    assert decide(replace(s, able=False), lifts) == permit.BRAKE
    if state not in (State.ACTIVE, State.DEGRADED):
        assert decide(replace(s, contact=Contact.UNKNOWN), lifts) == permit.BRAKE


@pytest.mark.parametrize("cause", list(Cause)[1:])
def test_what_makes_a_stop_more_than_a_hold_that_lasted_too_long(cause: Cause) -> None:
    by_time = (Cause.LINK_UNSTABLE, Cause.HOLD_TOO_LONG)
    harmless = reaction(State.ACTIVE, cause) == State.HOLD
    for end in by_time:
        assert outlasted(mask(end, Cause.COMMAND_AGE))
        assert outlasted(mask(end) | mask(cause)) is (harmless or cause in by_time)
    assert outlasted(mask(cause)) is (cause in by_time)
    assert not outlasted(0)


def test_lift_is_possible_where_the_design_says() -> None:
    for state in State:
        kind = decide(situation(state, Contact.SKIN, lift=True), LIMITS).kind
        may = state in (State.ARMED, State.HOLD, State.SAFE_STOP, State.LOCAL)
        assert (kind == PermitKind.LIFT) is may


def test_the_automatic_lift_ships_disabled_and_waits() -> None:
    late = situation(State.SAFE_STOP, Contact.SKIN, in_state_ns=3 * S)
    assert decide(late, LIMITS).kind == PermitKind.REGULATE
    enabled = replace(LIMITS, auto_lift=True)
    assert decide(late, enabled).kind == PermitKind.LIFT
    assert decide(replace(late, in_state_ns=3 * S - 1), enabled).kind == PermitKind.REGULATE
    assert decide(replace(late, state=State.HOLD), enabled).kind == PermitKind.REGULATE


@pytest.mark.parametrize(
    ("last", "discomfort", "held"),
    [(8.0, False, 5.0), (5.0, False, 5.0), (3.0, False, 3.0), (8.0, True, 2.0), (1.0, True, 1.0)],
)
def test_the_held_force(last: float, discomfort: bool, held: float) -> None:
    s = situation(State.HOLD, Contact.SKIN, last_force_n=last, discomfort=discomfort)
    assert decide(s, LIMITS).f_max_n == held


def test_the_force_of_a_safe_stop_falls_in_a_second() -> None:
    forces = [
        decide(situation(State.SAFE_STOP, Contact.SKIN, in_state_ns=t * S // 10), LIMITS).f_max_n
        for t in range(0, 15)
    ]
    assert forces[0] == 5.0
    assert forces[5] == pytest.approx(3.5)
    assert forces[10] == forces[14] == 2.0
    low = situation(State.SAFE_STOP, Contact.SKIN, last_force_n=1.0, in_state_ns=S)
    assert decide(low, LIMITS).f_max_n == 1.0


def test_degraded_is_a_quarter_and_recovers_on_a_ramp() -> None:
    degraded = decide(situation(State.DEGRADED, Contact.SKIN), LIMITS)
    assert degraded.v_contact_m_s == pytest.approx(0.0075)
    assert (degraded.new_contact, degraded.needle_advance, degraded.f_max_n) == (False, False, 10.0)
    half = decide(situation(State.ACTIVE, Contact.SKIN, recovered_ns=250 * MS), LIMITS)
    assert half.v_max_m_s == pytest.approx(0.1 * 0.625)


def test_needle_advance_needs_a_live_picture_and_a_declared_needle() -> None:
    s = situation(
        State.ACTIVE, Contact.NEEDLE_IN_TISSUE, instrument=Instrument.PROBE_NEEDLE,
        needle_released=True, needle_goal_m=0.09, image_fresh=True,
    )  # fmt: skip
    order = decide(s, LIMITS)
    assert (order.needle_advance, order.needle_goal_m, order.v_max_m_s) == (True, 0.09, 0.0)
    assert order.needle_pivot_rad_s == LIMITS.needle_pivot_rad_s
    for blocked in (
        {"live": False}, {"image_fresh": False}, {"instrument": Instrument.PROBE},
        {"needle_released": False}, {"state": State.DEGRADED}, {"state": State.HOLD},
    ):  # fmt: skip
        order = decide(replace(s, **blocked), LIMITS)
        assert (order.needle_advance, order.needle_pivot_rad_s) == (False, 0.0), blocked


# --- supervision


def watch(kind: PermitKind, limit: float, brake: bool = False) -> MotionWatch:
    motion = MotionWatch()
    motion.order(kind, limit, 0.6 if limit else 0.0, brake, T0, LIMITS)
    return motion


def arm(speed: float = 0.0, **changes: object) -> ArmState:
    base = replace(arm_state(T0), base_v_probe_m_s=(speed, 0.0, 0.0))
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_allowed_speed_falls_on_the_stop_ramp() -> None:
    motion = watch(PermitKind.OPERATE, 0.1)
    motion.order(PermitKind.REGULATE, 0.02, 0.0, False, T0, LIMITS)
    at = [motion.linear.allowed(T0 + t * MS, LIMITS) for t in (0, 20, 60, 100, 200)]
    assert at == pytest.approx([0.1, 0.1, 0.06, 0.02, 0.02])
    motion.order(PermitKind.NONE, 0.0, 0.0, True, T0 + 60 * MS, LIMITS)
    assert motion.linear.allowed(T0 + 60 * MS, LIMITS) == pytest.approx(0.06), "from where it was"
    motion.order(PermitKind.OPERATE, 0.1, 0.6, False, T0 + 70 * MS, LIMITS)
    assert motion.linear.allowed(T0 + 70 * MS, LIMITS) == 0.1


@pytest.mark.parametrize(
    ("kind", "limit", "brake", "cause"),
    [
        (PermitKind.OPERATE, 0.1, False, Cause.SPEED_OVER_PERMIT),
        (PermitKind.LOCAL, 0.1, False, Cause.SPEED_OVER_PERMIT),
        (PermitKind.REGULATE, 0.02, False, Cause.SERVO_IGNORES_PERMIT),
        (PermitKind.LIFT, 0.02, False, Cause.SERVO_IGNORES_PERMIT),
        (PermitKind.NONE, 0.0, True, Cause.BRAKE_FAILED),
    ],
)
@pytest.mark.parametrize("speed", [0.1201, math.nan, math.inf])
def test_too_fast_for_ten_milliseconds(
    kind: PermitKind, limit: float, brake: bool, cause: Cause, speed: float
) -> None:
    motion = watch(kind, limit, brake)
    found = [motion.check(arm(speed), True, T0 + t * MS, LIMITS) for t in range(0, 12, 2)]
    assert found[:5] == [0] * 5
    assert found[5] & mask(cause)
    calm = watch(kind, limit, brake)
    assert calm.check(arm(min(limit, 0.1)), True, T0, LIMITS) == 0


def turning(rad_s: float) -> ArmState:
    """Turning about the probe's own origin: no linear speed shows it."""
    return replace(arm_state(T0), base_v_probe_m_s=(0.0,) * 3, base_w_probe_rad_s=(0, 0, rad_s))


@pytest.mark.parametrize(
    ("kind", "limit_rad_s", "brake", "cause"),
    [
        (PermitKind.OPERATE, 0.6, False, Cause.SPEED_OVER_PERMIT),
        (PermitKind.LOCAL, 0.6, False, Cause.SPEED_OVER_PERMIT),
        (PermitKind.OPERATE, 0.0, False, Cause.SPEED_OVER_PERMIT),
        (PermitKind.REGULATE, 0.0, False, Cause.SERVO_IGNORES_PERMIT),
        (PermitKind.NONE, 0.0, True, Cause.BRAKE_FAILED),
    ],
)
def test_turning_too_fast_for_ten_milliseconds(
    kind: PermitKind, limit_rad_s: float, brake: bool, cause: Cause
) -> None:
    border = limit_rad_s + LIMITS.w_tolerance_rad_s
    for rad_s, caught in ((border, False), (border + 1e-6, True), (math.nan, True)):
        motion = MotionWatch()
        motion.order(kind, 0.0, limit_rad_s, brake, T0, LIMITS)
        bits = [motion.check(turning(rad_s), True, T0 + t * MS, LIMITS) for t in range(0, 12, 2)]
        assert bits[:5] == [0] * 5
        assert bool(bits[5] & mask(cause)) is caught


def test_a_turn_may_end_on_the_stop_ramp() -> None:
    motion = MotionWatch()
    motion.order(PermitKind.OPERATE, 0.1, 0.6, False, T0, LIMITS)
    motion.order(PermitKind.REGULATE, 0.02, 0.0, False, T0, LIMITS)
    at = [motion.angular.allowed(T0 + t * MS, LIMITS) for t in (0, 20, 60, 100)]
    assert at == pytest.approx([0.6, 0.6, 0.3, 0.0])


def test_one_slow_sample_restarts_the_count() -> None:
    motion = watch(PermitKind.OPERATE, 0.1)
    for t, speed in enumerate([0.2, 0.2, 0.2, 0.2, 0.05, 0.2, 0.2, 0.2, 0.2]):
        assert motion.check(arm(speed), True, T0 + 2 * t * MS, LIMITS) == 0


def test_braking_must_be_seen_within_twenty_milliseconds() -> None:
    for seen_at, fails in ((20, False), (24, True)):
        motion = watch(PermitKind.OPERATE, 0.1)
        motion.check(arm(0.05), True, T0, LIMITS)
        motion.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
        bits = 0
        for t in range(2, 30, 2):
            bits |= motion.check(arm(0.05, braked=t >= seen_at), True, T0 + t * MS, LIMITS)
        assert bool(bits & mask(Cause.BRAKE_FAILED)) is fails
    slower = watch(PermitKind.OPERATE, 0.1)
    slower.check(arm(0.05), True, T0, LIMITS)
    slower.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
    assert slower.check(arm(0.045), True, T0 + 19 * MS, LIMITS) == 0
    assert slower.brake_seen


@pytest.mark.parametrize(
    ("kind", "brake", "moved", "q", "bad"),
    [
        (PermitKind.NONE, True, (0.00099, 0, 0), 0.0, False),
        (PermitKind.NONE, True, (0.00101, 0, 0), 0.0, True),
        (PermitKind.NONE, True, (0, 0, 0.00101), 0.0, True),
        (PermitKind.NONE, True, (0, 0, 0), 0.0501, True),
        (PermitKind.NONE, True, (0, 0, 0), 0.0499, False),
        (PermitKind.REGULATE, False, (0.0019, 0, 0), 0.0, False),
        (PermitKind.REGULATE, False, (0, 0.0021, 0), 0.0, True),
        (PermitKind.REGULATE, False, (0, 0, 0.014), 0.0, False),
        (PermitKind.LIFT, False, (0.01, 0, 0), 0.0, False),
        (PermitKind.OPERATE, False, (0.1, 0, 0), 0.0, False),
    ],
)
def test_drift_at_rest(
    kind: PermitKind, brake: bool, moved: tuple[float, ...], q: float, bad: bool
) -> None:
    motion = watch(kind, 0.02, brake)
    start = arm(braked=brake)
    motion.check(start, True, T0, LIMITS)
    motion.check(start, True, T0 + MS, LIMITS)
    p = tuple(a + b for a, b in zip(start.base_p_probe_m, moved, strict=True))
    after = replace(start, base_p_probe_m=p, q_rad=(q, *start.q_rad[1:]))
    bits = motion.check(after, True, T0 + 2 * MS, LIMITS)
    assert bool(bits & mask(Cause.STANDSTILL_VIOLATED)) is bad


def test_axes() -> None:
    assert probe_axis(DOWN_Q) == pytest.approx((0.0, 0.0, -1.0))
    assert across((0.3, 0.4, 5.0), (0.0, 0.0, -1.0)) == pytest.approx(0.5)
    assert across((0.0, 0.0, 1.0), (0.0, 0.0, 1.0)) == 0.0


# --- contact


def sense(contact: ContactWatch, force: float, t_ms: int, **changes: object) -> None:
    base = replace(arm(), stamp_ns=T0 + t_ms * MS, force_stamp_ns=T0 + t_ms * MS - 3 * MS)
    state = replace(base, force_n=(0.0, 0.001 * (t_ms % 7), force), **changes)  # type: ignore[arg-type]
    contact.update(state, True, T0 + t_ms * MS, LIMITS)


def settled(force: float = 0.0) -> ContactWatch:
    contact = ContactWatch(instrument=Instrument.PROBE)
    for t in range(0, 102, 2):
        sense(contact, force, t)
    return contact


def test_contact_is_known_after_a_tenth_of_a_second_only() -> None:
    contact = ContactWatch(instrument=Instrument.PROBE)
    for t in range(0, 100, 2):
        sense(contact, 0.1, t)
        assert contact.contact(T0 + t * MS, LIMITS) == Contact.UNKNOWN
    sense(contact, 0.1, 100)
    assert contact.contact(T0 + 100 * MS, LIMITS) == Contact.NONE


def test_touch_has_hysteresis() -> None:
    contact = settled()
    seen = []
    for n, force in enumerate([0.49, 0.51, 0.3, 0.21, 0.19, 0.4]):
        sense(contact, force, 102 + 2 * n)
        seen.append(contact.contact(T0 + (102 + 2 * n) * MS, LIMITS))
    assert seen == [Contact.NONE, *[Contact.SKIN] * 3, Contact.NONE, Contact.NONE]


@pytest.mark.parametrize(
    "change",
    [
        {"force_valid": False},
        {"force_n": (math.nan, 0.0, 0.0)},
        {"force_n": (0.0, math.inf, 0.0)},
        {"force_stamp_ns": T0 + 82 * MS - 1},
    ],
)
def test_a_bad_reading_makes_contact_unknown_at_once(change: dict[str, object]) -> None:
    contact = settled()
    state = replace(arm(), stamp_ns=T0 + 102 * MS, force_stamp_ns=T0 + 102 * MS)
    good = replace(state, force_n=(0.0, 0.0, 0.1))
    contact.update(replace(good, **change), True, T0 + 102 * MS, LIMITS)  # type: ignore[arg-type]
    assert contact.contact(T0 + 102 * MS, LIMITS) == Contact.UNKNOWN
    assert contact.force_level_n() == 0.0
    sense(contact, 0.0, 104)
    assert contact.contact(T0 + 104 * MS, LIMITS) == Contact.UNKNOWN, "valid again, not long enough"


def test_a_step_that_no_contact_explains_ends_the_trust_in_the_bias() -> None:
    """4 N within 5 ms; a probe at 0.1 m/s on 5000 N/m makes 2.5 N."""
    for step_n, trusted in ((LIMITS.force_step_n - 0.01, True), (LIMITS.force_step_n + 0.01, False),
                            (-LIMITS.force_step_n - 0.01, False)):  # fmt: skip
        contact = settled()
        base = replace(arm(), stamp_ns=T0 + 102 * MS, force_stamp_ns=contact.stamp_ns + 5 * MS)
        stepped = replace(base, force_n=(0.0, contact.force_n[1], step_n))
        contact.update(stepped, True, T0 + 102 * MS, LIMITS)
        assert contact.sensor_ok() is trusted


def test_a_longer_gap_between_readings_allows_a_larger_change() -> None:
    contact = settled()
    late = replace(arm(), stamp_ns=T0 + 120 * MS, force_stamp_ns=contact.stamp_ns + 18 * MS)
    contact.update(replace(late, force_n=(0.0, 0.0, 14.0)), True, T0 + 120 * MS, LIMITS)
    assert contact.sensor_ok()


def test_a_bias_is_trusted_again_only_when_declared_with_the_probe_in_the_air() -> None:
    contact = settled()
    for t in range(102, 402, 2):
        sense(contact, -10.0, t)
    assert not contact.sensor_ok(), "a step does not become true by lasting"
    contact.declare(Instrument.PROBE)
    sense(contact, -10.0, 402)
    assert not contact.sensor_ok(), "declared while the reading is off"
    sense(contact, -2.9, 404)
    contact.declare(Instrument.PROBE)
    sense(contact, -2.9, 406)
    assert contact.sensor_ok()


def test_a_stuck_reading_is_invalid_after_a_tenth_of_a_second() -> None:
    contact = settled()
    state = replace(arm(), force_n=(0.0, 0.0, 0.25))
    for t in range(102, 210, 2):
        stamp = T0 + t * MS
        contact.update(replace(state, stamp_ns=stamp, force_stamp_ns=stamp), True, stamp, LIMITS)
        assert contact.sensor_ok() is (t <= 202)


def test_a_silent_arm_has_no_contact() -> None:
    contact = settled()
    contact.update(arm(), False, T0 + 104 * MS, LIMITS)
    assert contact.contact(T0 + 104 * MS, LIMITS) == Contact.UNKNOWN


# --- people


def test_every_event_and_source_outside_the_table_is_refused() -> None:
    rights = {
        Source.BEDSIDE_PAGE: {
            EventKind.STOP, EventKind.ESTOP, EventKind.ALLOW_MOTION, EventKind.REVOKE_MOTION,
            EventKind.LIFT, EventKind.LOCAL_ENTER, EventKind.LOCAL_EXIT, EventKind.DISCOMFORT,
            EventKind.DECLARE_INSTRUMENT, EventKind.NEEDLE_CLEAR, EventKind.HANDOVER_CONFIRM,
            EventKind.NEEDLE_CONFIRM, EventKind.NEEDLE_ABORT, EventKind.FORCE_ZERO,
        },
        Source.BEDSIDE_KEY: {EventKind.STOP, EventKind.ESTOP, EventKind.FORCE_ZERO},
        Source.CONSOLE: {
            EventKind.STOP, EventKind.ACKNOWLEDGE, EventKind.MARK_ANSWER,
            EventKind.NEEDLE_PROPOSE, EventKind.NEEDLE_ABORT,
        },
        Source.SUPERVISOR: {EventKind.SHUTDOWN},
    }  # fmt: skip
    for source in Source:
        for kind in EventKind:
            may = kind in rights[source]
            assert roles.may_send(kind, source) is may
            assert any(roles.allowed(kind, source, s) for s in State) is may


def test_stops_are_allowed_everywhere() -> None:
    for state in State:
        for source in (Source.BEDSIDE_PAGE, Source.BEDSIDE_KEY):
            assert roles.allowed(EventKind.STOP, source, state)
            assert roles.allowed(EventKind.ESTOP, source, state)
        assert roles.allowed(EventKind.STOP, Source.CONSOLE, state)
        assert not roles.allowed(EventKind.ESTOP, Source.CONSOLE, state)
    for state in (State.ACTIVE, State.DEGRADED):
        assert not roles.allowed(EventKind.ALLOW_MOTION, Source.BEDSIDE_PAGE, state)
        assert not roles.allowed(EventKind.DECLARE_INSTRUMENT, Source.BEDSIDE_PAGE, state)


def test_a_button_is_estop_after_two_seconds() -> None:
    button = StopButton()
    assert button.change(True, T0)
    assert not button.change(True, T0 + S), "a repeat is no new press"
    assert button.causes(T0 + 2 * S - 1, LIMITS) == 0
    assert button.causes(T0 + 2 * S, LIMITS) == mask(Cause.BEDSIDE_ESTOP)
    assert not button.change(False, T0 + 3 * S)
    assert button.causes(T0 + 9 * S, LIMITS) == 0


def test_the_stop_test_needs_power_and_standstill() -> None:
    test = StopTest()
    assert not test.is_test(powered=False, still=True, now_ns=T0)
    assert not test.is_test(powered=True, still=False, now_ns=T0)
    assert test.is_test(powered=True, still=True, now_ns=T0)
    assert test.is_test(powered=True, still=True, now_ns=T0 + 2 * S - 1)
    assert not test.is_test(powered=True, still=True, now_ns=T0 + 2 * S)
    test.forget()
    assert test.is_test(powered=True, still=True, now_ns=T0 + 9 * S)


def test_the_page_is_here_for_half_a_second_after_its_beat() -> None:
    page = BedsidePage()
    status = replace(
        GATEWAY_STATUS.unpack(bytes(GATEWAY_STATUS.size)), bedside_session=9, bedside_visible=True,
        bedside_sound=True,
    )  # fmt: skip
    assert page.causes(status, T0, LIMITS) == mask(Cause.BEDSIDE_PAGE_LOST)
    page.update(status, T0)
    assert page.causes(status, T0 + 500 * MS, LIMITS) == 0
    assert page.causes(status, T0 + 500 * MS + 1, LIMITS) == mask(Cause.BEDSIDE_PAGE_LOST)
    page.update(replace(status, bedside_beat=1), T0 + S)
    both = replace(status, bedside_visible=False, bedside_sound=False)
    assert page.causes(both, T0 + S, LIMITS) == mask(
        Cause.BEDSIDE_PAGE_HIDDEN, Cause.BEDSIDE_SOUND_OFF
    )


def test_the_lift_button_lapses() -> None:
    lift = LiftButton()
    lift.change(True, T0, LIMITS)
    assert lift.held(T0 + 300 * MS - 1)
    assert not lift.held(T0 + 300 * MS)
    lift.change(True, T0, LIMITS)
    lift.change(False, T0, LIMITS)
    assert not lift.held(T0)


def test_consent_expires_only_while_armed() -> None:
    consent = Consent()
    assert not consent.expired(State.ARMED, T0, LIMITS)
    consent.give(T0)
    assert not consent.expired(State.ARMED, T0 + 30 * S, LIMITS)
    assert consent.expired(State.ARMED, T0 + 30 * S + 1, LIMITS)
    assert not consent.expired(State.ACTIVE, T0 + 99 * S, LIMITS)
    assert consent.until_ns(State.ARMED, LIMITS) == T0 + 30 * S
    assert consent.until_ns(State.ACTIVE, LIMITS) == 0


@pytest.mark.parametrize(
    ("state", "latched", "held_ms", "stays"),
    [
        (State.ARMED, 0, 0, True),
        (State.DEGRADED, 0, 0, True),
        (State.HOLD, mask(Cause.OPERATOR_RELEASE), 100_000, True),
        (State.HOLD, mask(Cause.COMMAND_AGE), 200, True),
        (State.HOLD, mask(Cause.COMMAND_AGE), 201, False),
        (State.HOLD, mask(Cause.COMMAND_AGE, Cause.OPERATOR_RELEASE), 201, False),
        (State.HOLD, mask(Cause.CONSOLE_STOP), 0, False),
        (State.SAFE_STOP, 0, 0, False),
        (State.LOCAL, 0, 0, False),
        (State.QUALIFIED, 0, 0, False),
    ],
)
def test_what_keeps_consent(state: State, latched: int, held_ms: int, stays: bool) -> None:
    consent = Consent(given_ns=T0)
    consent.follow(Machine(state=state, since_ns=T0, latched=latched), T0 + held_ms * MS, LIMITS)
    assert (consent.given_ns > 0) is stays


# --- alarms, guide, rest


@pytest.mark.parametrize(
    ("state", "latched", "contact", "since_ms", "expected"),
    [
        (State.ESTOP, 0, Contact.NONE, 0, Alarm.HIGH),
        (State.FAULT, 0, Contact.NONE, 0, Alarm.HIGH),
        (State.SAFE_STOP, mask(Cause.BEDSIDE_STOP), Contact.SKIN, 0, Alarm.MEDIUM),
        (State.SAFE_STOP, mask(Cause.FORCE_OVER_LIMIT), Contact.SKIN, 0, Alarm.HIGH),
        (State.SAFE_STOP, 0, Contact.NEEDLE_IN_TISSUE, 0, Alarm.HIGH),
        (State.SAFE_STOP, 0, Contact.UNKNOWN, 0, Alarm.HIGH),
        (State.HOLD, mask(Cause.OPERATOR_RELEASE), Contact.SKIN, 9999, Alarm.NONE),
        (State.HOLD, mask(Cause.COMMAND_AGE), Contact.SKIN, 200, Alarm.LOW),
        (State.HOLD, mask(Cause.COMMAND_AGE), Contact.SKIN, 201, Alarm.MEDIUM),
        (State.DEGRADED, 0, Contact.SKIN, 0, Alarm.LOW),
        (State.ACTIVE, 0, Contact.SKIN, 0, Alarm.NONE),
        (State.QUALIFIED, 0, Contact.UNKNOWN, 0, Alarm.NONE),
    ],
)
def test_alarm_priorities(
    state: State, latched: int, contact: Contact, since_ms: float, expected: Alarm
) -> None:
    assert priority(state, latched, 0, contact, since_ms) == expected


def full(**changes: bool) -> Checklist:
    names = Checklist.__dataclass_fields__
    return Checklist(**(dict.fromkeys(names, True) | changes))


@pytest.mark.parametrize("name", list(Checklist.__dataclass_fields__))
def test_each_condition_alone_refuses_arming_and_has_a_step(name: str) -> None:
    assert ready(full())
    assert missing(full()) == Step.NONE
    assert not ready(full(**{name: False}))
    assert missing(full(**{name: False})) != Step.NONE


def test_nothing_is_ready_by_default() -> None:
    assert not ready(Checklist())
    assert missing(Checklist()) == Step.WAIT_FOR_ARM


@pytest.mark.parametrize(
    ("state", "checks", "facts", "step"),
    [
        (State.ACTIVE, full(), {}, Step.NONE),
        (State.LOCAL, full(), {}, Step.LEAVE_LOCAL),
        (State.ARMED, full(), {}, Step.HOLD_DEADMAN),
        (State.ARMED, full(deadman_up=False), {}, Step.RELEASE_DEADMAN),
        (State.HOLD, full(), {"resumable": True}, Step.HOLD_DEADMAN),
        (State.HOLD, full(), {}, Step.ALLOW_MOTION),
        (State.SAFE_STOP, full(), {}, Step.ACKNOWLEDGE),
        (State.SAFE_STOP, full(), {"acknowledged": True}, Step.ALLOW_MOTION),
        (State.SAFE_STOP, full(console=False), {}, Step.JOIN_CONSOLE),
        (State.ESTOP, full(console=False), {"power_cut": True}, Step.JOIN_CONSOLE),
        (State.ESTOP, full(), {"acknowledged": True, "power_cut": True}, Step.ALLOW_MOTION),
        (State.QUALIFIED, full(), {"power_cut": True}, Step.ALLOW_MOTION),
        (State.QUALIFIED, full(), {"resumable": True}, Step.ALLOW_MOTION),
    ],
)
def test_the_next_step(state: State, checks: Checklist, facts: dict[str, bool], step: Step) -> None:
    base = {"acknowledged": False, "power_cut": False, "resumable": False}
    assert next_step(state, checks, **(base | facts)) == step


def test_the_epoch_waits_for_the_disk() -> None:
    epoch = Epoch()
    epoch.update(0, T0)
    epoch.rise(T0)
    assert (epoch.value, epoch.usable()) == (0, False)
    assert epoch.failed(T0 + S + 1)
    epoch.update(1 << 32, T0)
    assert (epoch.value, epoch.usable(), epoch.failed(T0 + 9 * S)) == (1 << 32, True, False)
    epoch.rise(T0)
    epoch.update(1 << 32, T0)
    assert not epoch.usable()
    assert not epoch.failed(T0 + S)
    assert epoch.failed(T0 + S + 1)
    epoch.update((1 << 32) + 64, T0)
    assert epoch.usable()


def test_power_is_foreign_new_and_lost() -> None:
    power = Power()
    on, off = arm(powered=True), arm(powered=False)
    assert power.update(on, False) == (False, False)
    assert power.update(on, True) == (True, True)
    power.order()
    assert power.update(on, True) == (False, False)
    assert not power.lost(True)
    power.update(off, True)
    assert power.lost(True)
    assert not power.lost(False), "nobody knows: the silent arm has its own cause"
    power.set_cut(True)
    power.order()
    assert (power.ordered, power.lost(True)) == (False, False)
    power.set_cut(False)
    power.order()
    assert not power.lost(True), "it has not come back yet"


def test_the_mark_is_renewed_and_hidden_when_proven() -> None:
    mark = Mark()
    mark.update(True, 123_456_789, T0)
    assert mark.value == 6789
    mark.update(True, 1, T0 + 60 * S)
    assert mark.value == 6789
    mark.update(True, 1, T0 + 60 * S + 1)
    assert mark.value == 1
    assert not mark.answer(1, 5, T0 + 61 * S), "it was not on the screen yet"
    mark.saw(1)
    assert mark.answer(1, 5, T0 + 61 * S)
    mark.update(True, 7, T0 + 62 * S)
    assert (mark.value, mark.ok) == (-1, True)
    mark.forget()
    mark.update(False, 7, T0 + 62 * S)
    assert (mark.value, mark.ok) == (-1, False)


def test_qualification_is_without_a_break() -> None:
    q = Qualifier()
    q.update(True, T0)
    assert q.progress(T0 + 5 * S - 1, LIMITS) < 1.0
    assert q.progress(T0 + 5 * S, LIMITS) == 1.0
    q.update(False, T0 + 5 * S)
    assert q.progress(T0 + 5 * S, LIMITS) == 0.0


def test_the_answer_depends_on_every_bit_of_the_challenge() -> None:
    answers = {answer(1 << bit) for bit in range(32)} | {answer(0)}
    assert len(answers) == 33
    assert all(0 <= value < 1 << 32 for value in answers)
    assert answer(1 << 32 | 5) == answer(5)
    assert callable(command_of)
