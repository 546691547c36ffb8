"""The rules of docs/safety-concept.md on the whole core, one fault at a time in a healthy world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import BEDSIDE, CONSOLE, MS, Rig, prepared

from safety import messages as m
from safety.frame import SafetyFrame
from safety.gate import Rejection
from safety.limits import Limits
from safety.states import (
    Alarm,
    Cause,
    Clamp,
    Contact,
    EventKind,
    Instrument,
    NeedlePlan,
    PermitKind,
    Source,
    State,
    Step,
)


def active() -> Rig:
    return prepared("to_active")


def in_contact(force_n: float = 6.0) -> Rig:
    rig = active()
    rig.force_n = force_n
    rig.run(0.05 + force_n / 140.0)
    assert rig.report.contact == Contact.SKIN
    return rig


def stopped(rig: Rig) -> bool:
    return rig.state not in (State.ACTIVE, State.DEGRADED)


def state_of(rig: Rig) -> State:
    return rig.state


def step_of(rig: Rig) -> Step:
    return rig.report.step


def contact_of(rig: Rig) -> Contact:
    return rig.report.contact


def permit(rig: Rig) -> m.Permit:
    assert rig.out is not None
    return rig.out.permit


def braking(rig: Rig) -> bool:
    assert rig.out is not None
    return rig.out.enable.brake


def hold(rig: Rig, cause: Cause, limit_ms: float = 400.0) -> float:
    """Wait for the HOLD; return how long it took (ms)."""
    took = rig.until(lambda out: out.report.state == State.HOLD, limit_ms / 1000)
    assert rig.report.first_out == cause, rig.describe()
    return took


# --- the way to motion


def test_a_newcomer_is_guided_step_by_step() -> None:
    rig = Rig()
    rig.step()
    assert step_of(rig) == Step.WAIT_FOR_ARM
    rig.until(lambda out: out.report.state == State.IDLE)
    assert step_of(rig) == Step.JOIN_BEDSIDE
    rig.set_gateway(bedside_session=BEDSIDE, bedside_visible=True)
    rig.run(0.1)
    assert step_of(rig) == Step.SOUND_OFF
    rig.set_gateway(bedside_sound=True)
    rig.run(0.1)
    assert step_of(rig) == Step.TEST_STOP
    rig.key_stop()
    assert (rig.state, rig.report.stop_tested) == (State.IDLE, True)
    assert step_of(rig) == Step.DECLARE_INSTRUMENT
    rig.send(EventKind.DECLARE_INSTRUMENT, Instrument.PROBE)
    rig.run(0.05)
    assert step_of(rig) == Step.JOIN_CONSOLE
    rig.set_gateway(console_session=CONSOLE, console_open=True)
    rig.run(0.5)
    assert (rig.state, rig.report.step) == (State.CONNECTED, Step.WAIT_FOR_LINK)
    took = rig.until(lambda out: out.report.state == State.QUALIFIED)
    assert 4000 < took < 5100, "five seconds of a good link"
    assert step_of(rig) == Step.READ_MARK
    rig.answer_mark()
    assert step_of(rig) == Step.ALLOW_MOTION
    rig.allow()
    assert step_of(rig) == Step.HOLD_DEADMAN
    rig.engage()
    assert step_of(rig) == Step.NONE


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (lambda rig: setattr(rig, "bedside_input", False), Step.TEST_STOP),
        (lambda rig: rig.set_gateway(bedside_sound=False), Step.SOUND_OFF),
        (lambda rig: rig.set_gateway(bedside_visible=False), Step.SOUND_OFF),
        (lambda rig: rig.core.memory.mark.forget(), Step.READ_MARK),
        (lambda rig: rig.send(EventKind.DECLARE_INSTRUMENT, Instrument.NONE),
         Step.DECLARE_INSTRUMENT),
        (lambda rig: rig.press(), Step.RELEASE_DEADMAN),
        (lambda rig: setattr(rig, "media", replace(rig.media, observe_only=True)),
         Step.WAIT_FOR_LINK),
    ],
)  # fmt: skip
def test_each_missing_condition_refuses_arming_and_says_so(
    spoil: Callable[[Rig], object], step: Step
) -> None:
    rig = prepared("to_qualified")
    spoil(rig)
    rig.run(0.05)
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.05)
    assert rig.state < State.ARMED
    assert rig.report.step == step
    assert braking(rig)


def test_wrong_limits_in_the_console_refuse_arming() -> None:
    rig = prepared("to_qualified")
    rig.mangle = lambda frame: replace(frame, limits_hash=frame.limits_hash ^ 1)
    rig.run(0.3)
    assert rig.state == State.CONNECTED
    assert rig.report.last_rejection == Rejection.LIMITS_MISMATCH
    assert rig.report.live_causes & (1 << Cause.LIMITS_MISMATCH)


def test_a_deadman_that_was_down_at_connect_blocks_arming_until_released() -> None:
    rig = Rig()
    rig.press()
    rig.to_connected()
    rig.until(lambda out: out.report.state == State.QUALIFIED)
    rig.answer_mark()
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert (rig.state, rig.report.step) == (State.QUALIFIED, Step.RELEASE_DEADMAN)
    rig.release()
    rig.run(0.1)
    rig.allow()


def test_armed_needs_a_fresh_edge_in_the_new_epoch_with_a_slow_hand() -> None:
    rig = prepared("to_armed")
    rig.run(0.1)
    rig.hand_v = (0.021, 0.0, 0.0)
    rig.press()
    rig.run(0.2)
    rig.hand_v = (0.0, 0.0, 0.0)
    rig.run(0.2)
    assert (rig.state, rig.report.step) == (State.ARMED, Step.RELEASE_DEADMAN)
    rig.release()
    rig.run(0.1)
    rig.hand_v = (0.0199, 0.0, 0.0)
    rig.press()
    rig.run(0.1)
    assert rig.state == State.ACTIVE


def test_a_level_without_a_counted_edge_does_not_engage() -> None:
    rig = prepared("to_armed")
    rig.run(0.1)
    rig.deadman = True
    rig.run(0.2)
    assert rig.state == State.ARMED


def test_consent_ends_after_thirty_seconds_in_armed() -> None:
    rig = prepared("to_armed")
    rig.skip(29.0)
    rig.step()
    until = rig.report.consent_until_ns
    rig.until(lambda out: out.report.state != State.ARMED, 2.0)
    assert 0 < rig.now - until <= 2 * rig.period
    assert (rig.state, rig.report.first_out) == (State.QUALIFIED, Cause.CONSENT_EXPIRED)
    assert not rig.report.consent


def test_consent_pressed_too_early_is_not_remembered() -> None:
    rig = prepared("to_connected")
    rig.send(EventKind.ALLOW_MOTION)
    rig.until(lambda out: out.report.state == State.QUALIFIED)
    rig.answer_mark()
    rig.run(1.0)
    assert rig.state == State.QUALIFIED


def test_engagement_ramps_and_counts() -> None:
    rig = prepared("to_armed")
    before = rig.report.engagement
    rig.engage()
    assert rig.report.engagement == before + 1
    assert permit(rig).ramp == 0.0
    rig.run(0.25)
    assert permit(rig).ramp == pytest.approx(0.5, abs=0.02)
    rig.run(0.3)
    assert permit(rig).ramp == 1.0


# --- the deadman


def test_releasing_the_deadman_is_a_hold_without_alarm_and_a_new_edge_resumes() -> None:
    rig = in_contact()
    epoch, engagement = rig.report.epoch, rig.report.engagement
    rig.release()
    hold(rig, Cause.OPERATOR_RELEASE, 20)
    rig.run(1.0)
    rig.skip(200.0)
    rig.step()
    assert (rig.report.alarm, rig.report.step) == (Alarm.NONE, Step.HOLD_DEADMAN)
    assert rig.report.bucket_ms == 1000.0
    assert permit(rig).kind == PermitKind.REGULATE
    rig.press()
    rig.until(lambda out: out.report.state == State.ACTIVE, 0.02)
    assert (rig.report.epoch, rig.report.engagement) == (epoch, engagement + 1)
    assert permit(rig).ramp == 0.0


def test_an_operator_hold_does_not_resume_by_a_level_alone_nor_after_five_minutes() -> None:
    rig = active()
    rig.release()
    rig.run(0.1)
    rig.deadman = True
    rig.run(0.2)
    assert rig.state == State.HOLD
    rig.release()
    rig.skip(299.5)
    rig.step()
    assert rig.state == State.HOLD
    rig.until(lambda out: out.report.state == State.SAFE_STOP, 0.5)
    assert rig.report.first_out == Cause.HOLD_TOO_LONG


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rig: rig.send(EventKind.REVOKE_MOTION),
        lambda rig: rig.send(EventKind.STOP, 1, Source.CONSOLE),
        lambda rig: rig.send(EventKind.DISCOMFORT),
        lambda rig: rig.send(EventKind.LIFT),
        lambda rig: rig.set_gateway(bedside_visible=False),
        lambda rig: rig.set_gateway(lease_changes=3),
    ],
)
def test_an_operator_hold_with_any_other_cause_needs_the_bedside_again(
    spoil: Callable[[Rig], object],
) -> None:
    rig = active()
    rig.release()
    rig.run(0.1)
    spoil(rig)
    rig.run(0.1)
    rig.set_gateway(bedside_visible=True)
    rig.run(1.0)
    rig.press()
    rig.run(1.0)
    assert rig.state == State.HOLD
    assert not rig.report.consent


# --- the watchdog


def test_a_cut_link_holds_at_fifty_milliseconds_of_age() -> None:
    rig = active()
    rig.console_alive = False
    rig.uplink.clear()
    hold(rig, Cause.COMMAND_AGE, 80)
    assert 50.0 < rig.report.age_ms <= 50.0 + 2.0
    assert permit(rig).kind == PermitKind.REGULATE


@pytest.mark.parametrize(("round_trip_ms", "held"), [(36.0, False), (49.0, True)])
def test_age_is_the_whole_round_trip(round_trip_ms: float, held: bool) -> None:
    rig = active()
    rig.link_ms = round_trip_ms
    rig.run(0.5)
    assert (rig.state == State.HOLD) is held


def test_a_late_command_is_never_taken() -> None:
    rig = active()
    rig.link_ms = 70.0
    rig.run(0.2)
    seq = rig.core.memory.in_use.command.seq
    rig.run(0.5)
    assert rig.core.memory.in_use.command.seq == seq
    assert rig.report.last_rejection == Rejection.TOO_OLD


def test_a_hung_page_with_a_live_sender_does_not_stay_fresh() -> None:
    rig = active()
    stuck = rig.safety_frame()
    rig.mangle = lambda frame: replace(
        frame, echo_ns=stuck.echo_ns, echo_nonce=stuck.echo_nonce, dwell_us=stuck.dwell_us
    )
    assert hold(rig, Cause.COMMAND_AGE, 80) <= 54


def test_a_late_loop_degrades_in_the_same_tick_and_then_holds_on_average() -> None:
    rig = active()
    rig.picture_delay_ms = 55.0
    rig.until(lambda out: out.report.state == State.DEGRADED, 0.3)
    assert permit(rig).v_max_m_s == pytest.approx(0.025)
    assert (permit(rig).f_max_n, permit(rig).new_contact) == (10.0, False)
    assert rig.report.alarm == Alarm.LOW
    took = hold(rig, Cause.LOOP_LATENCY)
    assert took <= 210


def test_degraded_returns_after_two_clean_seconds_with_a_ramp() -> None:
    rig = active()
    rig.picture_delay_ms = 72.0
    rig.until(lambda out: out.report.state == State.DEGRADED, 0.3)
    rig.picture_delay_ms = 20.0
    took = rig.until(lambda out: out.report.state == State.ACTIVE, 3.0)
    assert 2000 <= took <= 2080
    assert permit(rig).v_max_m_s == pytest.approx(0.025, abs=0.001)
    rig.run(0.25)
    assert 0.05 < permit(rig).v_max_m_s < 0.075
    rig.run(0.3)
    assert permit(rig).v_max_m_s == pytest.approx(0.1)


def test_a_frozen_picture_holds_after_a_hundred_milliseconds() -> None:
    rig = active()
    rig.until(lambda out: rig.now >= rig.frame_due - rig.period, 0.1)
    rig.content_moves = False
    took = hold(rig, Cause.PICTURE_FROZEN, 200)
    assert took + 33.4 >= 100
    assert took <= 104


def test_a_silent_media_process_holds() -> None:
    rig = active()
    rig.media_alive = False
    hold(rig, Cause.PICTURE_FROZEN, 150)
    rig.run(0.3)
    assert rig.report.causes & (1 << Cause.MEDIA_LOST)


def test_a_screen_that_stays_old_holds_whatever_its_dwell_says() -> None:
    rig = active()
    shown = rig.safety_frame()
    start = rig.now
    rig.mangle = lambda frame: replace(
        frame, frame_id=shown.frame_id,
        dwell_us=min(100_000, shown.dwell_us + (rig.now - start) // 1000),
    )  # fmt: skip
    rig.until(lambda out: out.report.state == State.HOLD, 0.3)
    assert rig.report.image_ms <= 152.0
    assert rig.report.first_out in (Cause.PICTURE_STALE, Cause.LOOP_LATENCY)


@pytest.mark.parametrize("frame_id", [0, 0xFFFFFFFF, 4000])
def test_an_unknown_or_older_frame_id_is_worst(frame_id: int) -> None:
    rig = active()
    rig.mangle = lambda frame: replace(frame, frame_id=frame_id)
    hold(rig, Cause.FRAME_ID_INVALID, 20)


def test_dwell_that_lies_does_not_hide_a_late_picture() -> None:
    rig = active()
    rig.picture_delay_ms = 60.0
    rig.mangle = lambda frame: replace(frame, dwell_us=frame.dwell_us + 60_000)
    rig.until(stopped_or_degraded, 0.5)
    assert rig.report.state in (State.DEGRADED, State.HOLD)


def stopped_or_degraded(out: m.GuardOutputs) -> bool:
    return out.report.state != State.ACTIVE


def test_missed_slots_degrade_and_then_hold() -> None:
    rig = active()
    keep = {"n": 0}

    def thin(frame: SafetyFrame) -> SafetyFrame:
        keep["n"] += 1
        return frame if keep["n"] % 5 else replace(frame, session=0)

    rig.mangle = thin
    rig.until(lambda out: out.report.state == State.DEGRADED, 0.3)
    assert rig.report.live_causes & (1 << Cause.MISSED_SLOTS)
    rig.run(0.5)
    assert rig.state == State.DEGRADED, "eight of forty"
    rig.mangle = lambda frame: frame if rig.seq % 3 else replace(frame, session=0)
    hold(rig, Cause.MISSED_SLOTS)


def blackout(rig: Rig, ms: float) -> None:
    rig.console_alive = False
    rig.uplink.clear()
    rig.run(ms / 1000)
    rig.console_alive = True
    rig.command_due = rig.now


def test_a_short_hold_resumes_by_itself_through_degraded_three_times() -> None:
    rig = active()
    epoch = rig.report.epoch
    for _ in range(3):
        blackout(rig, 56)
        assert rig.state == State.HOLD
        took = rig.until(lambda out: out.report.state == State.DEGRADED, 0.3)
        assert took < 200
        rig.until(lambda out: out.report.state == State.ACTIVE, 3.0)
    assert rig.report.epoch == epoch
    blackout(rig, 56)
    rig.run(5.0)
    assert rig.state == State.HOLD, "the fourth within a minute stays"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rig: setattr(rig, "hand_p", (0.00201, 0.0, 0.0)),
        lambda rig: setattr(rig, "servo", replace(rig.servo, offset_m=0.00201)),
        lambda rig: setattr(rig, "servo", replace(rig.servo, offset_rad=0.036)),
        lambda rig: setattr(rig, "mode", 1),
        lambda rig: rig.press(),
        lambda rig: rig.release(),
    ],
)
def test_a_short_hold_does_not_resume_when_anything_changed(spoil: Callable[[Rig], object]) -> None:
    rig = active()
    rig.console_alive = False
    rig.uplink.clear()
    rig.run(0.056)
    spoil(rig)
    rig.console_alive = True
    rig.command_due = rig.now
    rig.run(1.0)
    assert rig.state == State.HOLD


def test_a_hold_longer_than_two_hundred_milliseconds_stays_and_ends_consent() -> None:
    rig = active()
    blackout(rig, 260)
    rig.run(0.1)
    assert rig.state == State.HOLD
    assert not rig.report.consent
    rig.press()
    rig.run(7.0)
    assert (rig.state, rig.report.step) == (State.HOLD, Step.RELEASE_DEADMAN)
    epoch = rig.report.epoch
    rig.recover()
    assert rig.report.epoch > epoch
    rig.engage()


def test_a_link_that_stays_away_drains_the_bucket_into_a_safe_stop() -> None:
    rig = active()
    rig.console_alive = False
    took = rig.until(lambda out: out.report.state == State.SAFE_STOP, 2.0)
    assert 1000 <= took <= 1060
    assert rig.report.first_out == Cause.COMMAND_AGE
    assert rig.report.causes & (1 << Cause.LINK_UNSTABLE)


def test_a_hold_lasts_thirty_seconds_at_most() -> None:
    rig = active()
    rig.send(EventKind.STOP, 1, Source.CONSOLE)
    hold(rig, Cause.CONSOLE_STOP, 20)
    rig.skip(29.0)
    took = rig.until(lambda out: out.report.state == State.SAFE_STOP, 2.0)
    assert 1000 <= took <= 1004
    assert rig.report.first_out == Cause.CONSOLE_STOP


def test_the_display_lag_is_counted_in_loop_and_image() -> None:
    plain = prepared("to_active")
    plain.run(0.1)
    lagging = Rig(display_lag_ms=15.0)
    lagging.to_active()
    lagging.run(0.1)
    assert lagging.report.loop_ms == pytest.approx(plain.report.loop_ms + 15.0, abs=2.1)


# --- processes


@pytest.mark.parametrize(
    ("kill", "state", "cause"),
    [
        ("servo", State.SAFE_STOP, Cause.SERVO_LOST),
        ("arm", State.FAULT, Cause.ARM_SILENT),
    ],
)
def test_a_dead_servo_or_arm_is_seen_within_twenty_milliseconds(
    kill: str, state: State, cause: Cause
) -> None:
    rig = in_contact()
    setattr(rig, f"{kill}_alive", False)
    took = rig.until(lambda out: out.report.state == state, 0.1)
    assert took <= 22
    assert rig.report.first_out == cause
    assert permit(rig).kind == PermitKind.NONE
    assert braking(rig)


def test_a_dead_arm_loses_its_power_because_nobody_sees_it_brake() -> None:
    rig = active()
    rig.arm_alive = False
    rig.run(0.1)
    assert rig.out is not None
    assert not rig.out.enable.power
    assert rig.report.causes & (1 << Cause.BRAKE_FAILED)


@pytest.mark.parametrize(
    ("who", "cause", "state"),
    [
        ("gateway", Cause.GATEWAY_RESTARTED, State.HOLD),
        ("media", Cause.MEDIA_RESTARTED, State.HOLD),
        ("servo", Cause.SERVO_RESTARTED, State.SAFE_STOP),
        ("arm", Cause.ARM_RESTARTED, State.SAFE_STOP),
    ],
)
def test_restarts(who: str, cause: Cause, state: State) -> None:
    rig = active()
    epoch = rig.report.epoch
    setattr(rig, who, replace(getattr(rig, who), incarnation=99))
    rig.run(0.01)
    assert (rig.state, rig.report.first_out) == (state, cause)
    if state == State.HOLD:
        assert rig.report.epoch > epoch
    if who == "arm":
        assert rig.report.instrument == Instrument.UNKNOWN
        assert not rig.report.stop_tested


def test_a_lost_gateway_holds_without_draining_the_bucket() -> None:
    rig = active()
    rig.gateway_alive = False
    rig.until(lambda out: out.report.state == State.HOLD, 0.06)
    rig.run(2.0)
    assert rig.state == State.HOLD
    assert rig.report.causes & (1 << Cause.GATEWAY_LOST)
    rig.skip(28.0)
    rig.until(lambda out: out.report.state == State.SAFE_STOP, 0.5)


def test_a_lost_supervisor_and_a_shutdown_stop_in_every_state() -> None:
    for stage in ("to_connected", "to_qualified", "to_armed", "to_active"):
        rig = prepared(stage)
        rig.supervisor = False
        rig.step()
        assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.SUPERVISOR_LOST)
        rig = prepared(stage)
        rig.send(EventKind.SHUTDOWN, 0, Source.SUPERVISOR)
        rig.run(0.01)
        assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.SHUTDOWN)


def test_an_ordered_shutdown_ends_without_new_alarms_when_the_others_leave() -> None:
    rig = in_contact()
    rig.send(EventKind.SHUTDOWN, 0, Source.SUPERVISOR)
    rig.run(0.2)
    assert permit(rig).kind == PermitKind.REGULATE
    rig.run(0.15)
    assert braking(rig), "before servo leaves"
    for name in ("media", "gateway", "servo", "arm"):
        setattr(rig, f"{name}_alive", False)
        rig.run(0.3)
        assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.SHUTDOWN), name
    assert permit(rig).kind == PermitKind.NONE
    assert braking(rig)


def test_guards_own_gap_beyond_a_permits_life_is_a_safe_stop_and_a_new_epoch() -> None:
    rig = active()
    epoch = rig.report.epoch
    rig.now += 17 * MS
    rig.step()
    assert rig.state == State.ACTIVE, "19 ms"
    rig.now += 19 * MS
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.GUARD_OVERRUN)
    assert rig.report.epoch == epoch + 1


def test_a_guard_that_starts_under_a_powered_arm_starts_in_safe_stop() -> None:
    rig = in_contact()
    old = rig.core
    rig.core = type(old)(rig.limits, simulated=True)
    rig.epoch_durable = ((rig.epoch_durable >> 32) + 1) << 32
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.GUARD_RESTARTED)
    assert rig.report.instrument == Instrument.UNKNOWN
    assert rig.report.contact == Contact.UNKNOWN
    assert permit(rig).kind == PermitKind.NONE
    assert braking(rig)
    rig.release()
    rig.run(6.0)
    rig.key_stop()
    assert rig.state == State.SAFE_STOP
    assert rig.report.stop_tested
    rig.send(EventKind.DECLARE_INSTRUMENT, Instrument.PROBE)
    rig.run(1.0)
    rig.recover()
    rig.engage()


def test_a_servo_that_saw_a_lapse_stops_the_session_instead_of_standing_silently() -> None:
    rig = active()
    rig.run(0.1)
    rig.servo = replace(rig.servo, lapsed=True)
    rig.run(0.016)
    assert rig.state == State.ACTIVE, "another cause may explain it yet"
    rig.run(0.01)
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.GUARD_OVERRUN)


def test_permits_wait_until_the_epoch_is_durable() -> None:
    rig = prepared("to_qualified")
    rig.epoch_store = False
    rig.allow()
    rig.run(0.5)
    assert permit(rig).kind == PermitKind.NONE
    assert braking(rig)
    rig.until(lambda out: out.report.state == State.SAFE_STOP, 1.0)
    assert rig.report.first_out == Cause.EPOCH_STORE_FAILED
    rig.epoch_store = True
    rig.run(0.01)
    assert not rig.report.live_causes & (1 << Cause.EPOCH_STORE_FAILED)


def test_without_any_durable_epoch_the_arm_gets_no_power() -> None:
    rig = Rig()
    rig.epoch_durable = 0
    rig.run(0.5)
    assert rig.out is not None
    assert rig.state == State.INIT
    assert not rig.out.enable.power


# --- people


STAGES = ("to_connected", "to_qualified", "to_armed", "to_active")


@pytest.mark.parametrize("stage", STAGES)
def test_the_bedside_page_stops_everywhere(stage: str) -> None:
    rig = prepared(stage)
    rig.send(EventKind.STOP, 1)
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.BEDSIDE_STOP)
    rig.send(EventKind.STOP, 0)
    rig.run(3.0)
    assert rig.state == State.SAFE_STOP


def test_the_key_stops_whenever_something_could_move() -> None:
    for stage in ("to_armed", "to_active"):
        rig = prepared(stage)
        rig.key_stop()
        assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.BEDSIDE_STOP)
    rig = prepared("to_qualified")
    rig.run(3.0)
    rig.key_stop()
    assert rig.state == State.SAFE_STOP, "the test is over, this one is meant"


def test_the_stop_test_latches_nothing_even_with_a_double_press() -> None:
    rig = Rig()
    rig.until(lambda out: out.report.state == State.IDLE)
    rig.key_stop()
    rig.run(0.3)
    rig.key_stop()
    assert (rig.state, rig.report.stop_tested) == (State.IDLE, True)


def test_the_page_is_no_stop_test() -> None:
    rig = Rig()
    rig.until(lambda out: out.report.state == State.IDLE)
    rig.set_gateway(bedside_session=BEDSIDE)
    rig.send(EventKind.STOP, 1)
    rig.step()
    assert not rig.report.stop_tested
    assert rig.state == State.SAFE_STOP


@pytest.mark.parametrize("source", [Source.BEDSIDE_KEY, Source.BEDSIDE_PAGE])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stop_held_for_two_seconds_is_estop(stage: str, source: Source) -> None:
    rig = prepared(stage)
    rig.send(EventKind.STOP, 1, source)
    took = rig.until(lambda out: out.report.state == State.ESTOP, 3.0)
    assert 2000 <= took <= 2004
    assert rig.out is not None
    assert (rig.out.enable.power, rig.out.enable.brake) == (False, True)
    assert rig.report.alarm == Alarm.HIGH


def test_a_stop_released_before_two_seconds_is_no_estop() -> None:
    rig = active()
    rig.send(EventKind.STOP, 1)
    rig.run(1.99)
    rig.send(EventKind.STOP, 0)
    rig.run(1.0)
    assert rig.state == State.SAFE_STOP


@pytest.mark.parametrize("source", [Source.BEDSIDE_KEY, Source.BEDSIDE_PAGE])
def test_the_emergency_input_is_estop_at_once(source: Source) -> None:
    rig = in_contact()
    rig.send(EventKind.ESTOP, 1, source)
    rig.step()
    assert rig.state == State.ESTOP


def test_estop_is_left_by_both_people_with_power_stop_test_and_declaration_anew() -> None:
    rig = active()
    rig.send(EventKind.ESTOP)
    rig.run(0.1)
    rig.release()
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert state_of(rig) == State.ESTOP, "not acknowledged"
    assert step_of(rig) == Step.ACKNOWLEDGE
    rig.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
    rig.run(0.1)
    assert state_of(rig) == State.ESTOP
    assert step_of(rig) == Step.ALLOW_MOTION
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert (state_of(rig), rig.report.powered) == (State.SAFE_STOP, True)
    assert (rig.report.instrument, rig.report.stop_tested) == (Instrument.UNKNOWN, False)
    assert step_of(rig) == Step.TEST_STOP
    rig.key_stop()
    rig.send(EventKind.DECLARE_INSTRUMENT, Instrument.PROBE)
    rig.run(6.0)
    rig.send(EventKind.ALLOW_MOTION)
    rig.step()
    assert state_of(rig) == State.ARMED
    rig.engage()


def test_estop_keeps_its_power_off_while_the_button_is_held() -> None:
    rig = active()
    rig.send(EventKind.STOP, 1)
    rig.until(lambda out: out.report.state == State.ESTOP, 3.0)
    rig.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert rig.state == State.ESTOP


def test_a_safe_stop_needs_acknowledgement_press_and_a_fresh_edge() -> None:
    rig = active()
    rig.key_stop()
    rig.run(6.0)
    assert rig.report.step == Step.ACKNOWLEDGE
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert rig.state == State.SAFE_STOP
    rig.send(EventKind.ACKNOWLEDGE)
    rig.run(0.1)
    assert not rig.report.acknowledged, "only the console may"
    rig.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
    rig.run(0.1)
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert rig.state == State.SAFE_STOP, "the deadman is still down"
    rig.release()
    rig.run(0.1)
    epoch = rig.report.epoch
    rig.allow()
    assert rig.report.epoch == epoch + 1
    assert rig.report.causes == 0
    rig.engage()


def test_the_console_can_only_hold() -> None:
    rig = active()
    for _ in range(5):
        rig.send(EventKind.STOP, 1, Source.CONSOLE)
        rig.run(0.5)
    rig.send(EventKind.ESTOP, 1, Source.CONSOLE)
    rig.run(1.0)
    assert (rig.state, rig.report.first_out) == (State.HOLD, Cause.CONSOLE_STOP)
    assert rig.report.powered


def test_events_of_strangers_are_refused_except_stops() -> None:
    rig = prepared("to_qualified")
    stranger = m.GuardEvent(EventKind.ALLOW_MOTION, Source.BEDSIDE_PAGE, 1, 99, rig.now, 0)
    rig.events.append(stranger)
    rig.step()
    assert state_of(rig) == State.QUALIFIED
    rig.events.append(replace(stranger, kind=EventKind.ALLOW_MOTION, source=Source.CONSOLE))
    rig.step()
    assert state_of(rig) == State.QUALIFIED
    assert rig.core.memory.events_refused == 2
    rig.events.append(replace(stranger, kind=EventKind.STOP))
    rig.step()
    assert state_of(rig) == State.SAFE_STOP


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"bedside_visible": False}, Cause.BEDSIDE_PAGE_HIDDEN),
        ({"bedside_sound": False}, Cause.BEDSIDE_SOUND_OFF),
        ({"bedside_session": 0}, Cause.BEDSIDE_PAGE_LOST),
        ({"console_open": False}, Cause.CONSOLE_LOST),
        ({"console_session": 12}, Cause.LEASE_CHANGED),
    ],
)
def test_people_who_leave_hold(change: dict[str, object], cause: Cause) -> None:
    rig = active()
    rig.set_gateway(**change)
    hold(rig, cause, 20)


def test_a_silent_bedside_page_holds_after_half_a_second() -> None:
    rig = active()
    rig.until(lambda out: rig.now >= rig.beat_due - rig.period, 0.2)
    rig.run(0.004)
    rig.bedside_beats = False
    took = hold(rig, Cause.BEDSIDE_PAGE_LOST, 600)
    assert 494 <= took <= 504


def test_a_lost_bedside_input_holds_and_refuses_arming() -> None:
    rig = active()
    rig.bedside_input = False
    hold(rig, Cause.BEDSIDE_INPUT_LOST, 10)
    rig.release()
    rig.run(7.0)
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.1)
    assert rig.state == State.HOLD
    rig.bedside_input = True
    rig.recover()


def test_the_lease_changes_hands_below_armed_with_a_new_epoch_and_a_new_mark() -> None:
    rig = prepared("to_qualified")
    epoch = rig.report.epoch
    rig.set_gateway(console_session=12, lease_changes=1)
    rig.run(0.1)
    assert rig.state == State.CONNECTED
    assert rig.report.epoch == epoch + 1
    assert not rig.report.mark_ok
    assert rig.report.session == 12


def test_a_wrong_mark_is_refused_and_renewed() -> None:
    rig = prepared("to_connected")
    rig.until(lambda out: out.report.mark >= 0)
    rig.run(0.2)
    shown = rig.report.mark
    rig.send(EventKind.MARK_ANSWER, shown ^ 1, Source.CONSOLE)
    rig.step()
    assert not rig.report.mark_ok
    assert rig.report.mark != shown
    rig.run(0.2)
    rig.send(EventKind.MARK_ANSWER, rig.report.mark, Source.CONSOLE)
    rig.step()
    assert not rig.report.mark_ok, "no guessing faster than once a second"
    rig.run(1.0)
    rig.answer_mark()


def test_a_lasting_frozen_picture_asks_for_a_new_mark() -> None:
    rig = active()
    rig.content_moves = False
    rig.until(lambda out: out.report.state == State.HOLD, 0.2)
    rig.run(0.5)
    rig.content_moves = True
    rig.run(0.5)
    assert (rig.state, rig.report.mark_ok) == (State.HOLD, False)
    rig.recover()
    rig.engage()


# --- discomfort, lift, local


def test_discomfort_holds_and_lowers_the_force() -> None:
    rig = in_contact(6.0)
    rig.release()
    rig.run(0.05)
    assert permit(rig).f_max_n == pytest.approx(5.0)
    rig.send(EventKind.DISCOMFORT)
    rig.run(0.01)
    assert (rig.state, permit(rig).f_max_n) == (State.HOLD, 2.0)


def test_regulation_never_presses_more_than_before() -> None:
    rig = in_contact(3.0)
    rig.send(EventKind.STOP, 1, Source.CONSOLE)
    rig.run(0.01)
    assert permit(rig).kind == PermitKind.REGULATE
    assert permit(rig).f_max_n == pytest.approx(3.0, abs=0.2)
    assert permit(rig).v_max_m_s == 0.02
    assert permit(rig).travel_max_m == 0.015


def test_a_safe_stop_on_the_skin_relaxes_to_two_newtons_and_brakes_off_it() -> None:
    rig = in_contact(6.0)
    rig.key_stop()
    assert permit(rig).kind == PermitKind.REGULATE
    rig.run(1.1)
    assert permit(rig).f_max_n == pytest.approx(2.0)
    assert rig.report.alarm == Alarm.MEDIUM
    rig.force_n = 0.0
    rig.run(0.1)
    assert permit(rig).kind == PermitKind.NONE
    assert braking(rig)


def test_the_lift_button_is_hold_to_run() -> None:
    rig = in_contact()
    rig.send(EventKind.LIFT)
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.HOLD, Cause.BEDSIDE_TOOK_ARM)
    assert (permit(rig).kind, permit(rig).v_max_m_s) == (PermitKind.LIFT, 0.02)
    assert permit(rig).travel_max_m == 0.03
    for _ in range(10):
        rig.run(0.1)
        rig.send(EventKind.LIFT)
        rig.step()
        assert permit(rig).kind == PermitKind.LIFT
    rig.run(0.31)
    assert permit(rig).kind == PermitKind.REGULATE
    rig.send(EventKind.LIFT)
    rig.step()
    rig.send(EventKind.LIFT, 0)
    rig.step()
    assert permit(rig).kind == PermitKind.REGULATE


def test_local_guides_by_hand_and_gives_back_with_a_new_epoch() -> None:
    rig = prepared("to_qualified")
    epoch = rig.report.epoch
    rig.send(EventKind.LOCAL_ENTER)
    rig.run(0.05)
    assert (rig.state, permit(rig).kind) == (State.LOCAL, PermitKind.LOCAL)
    assert rig.report.step == Step.LEAVE_LOCAL
    rig.send(EventKind.LOCAL_EXIT)
    rig.run(0.05)
    assert rig.report.epoch > epoch
    assert rig.state in (State.IDLE, State.CONNECTED, State.QUALIFIED)
    assert braking(rig)


def test_local_in_motion_stops_first() -> None:
    rig = active()
    rig.send(EventKind.LOCAL_ENTER)
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.HOLD, Cause.BEDSIDE_TOOK_ARM)
    rig.run(0.1)
    rig.send(EventKind.LOCAL_ENTER)
    rig.step()
    assert rig.state == State.LOCAL


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda rig: rig.send(EventKind.STOP), State.SAFE_STOP),
        (lambda rig: setattr(rig, "force_n", 25.5), State.SAFE_STOP),
        (lambda rig: setattr(rig, "bedside_input", False), State.HOLD),
        (lambda rig: rig.set_gateway(bedside_visible=False), State.HOLD),
    ],
)
def test_local_ends_with_the_faults_that_matter_there(
    spoil: Callable[[Rig], object], state: State
) -> None:
    rig = prepared("to_qualified")
    rig.send(EventKind.LOCAL_ENTER)
    rig.run(0.05)
    rig.set_gateway(console_open=False)
    rig.run(0.5)
    assert rig.state == State.LOCAL, "the console has no say here"
    spoil(rig)
    rig.run(0.25)
    assert rig.state == state


# --- contact and instrument


def test_the_force_trip() -> None:
    rig = in_contact(24.5)
    rig.run(0.1)
    assert rig.state == State.ACTIVE
    rig.force_n = 25.2
    rig.until(lambda out: out.report.state == State.SAFE_STOP, 0.01)
    assert (rig.report.first_out, rig.report.alarm) == (Cause.FORCE_OVER_LIMIT, Alarm.HIGH)
    assert permit(rig).f_max_n <= 5.0


@pytest.mark.parametrize(
    ("spoil", "limit_ms"),
    [
        (lambda rig: setattr(rig, "force_n", float("nan")), 4),
        (lambda rig: setattr(rig, "noise", False), 104),
    ],
)
def test_a_bad_force_sensor_brakes(spoil: Callable[[Rig], object], limit_ms: float) -> None:
    rig = in_contact()
    spoil(rig)
    took = rig.until(lambda out: out.report.state == State.SAFE_STOP, 0.3)
    assert took <= limit_ms
    assert rig.report.first_out == Cause.FORCE_SENSOR_INVALID
    assert (permit(rig).kind, rig.report.alarm) == (PermitKind.NONE, Alarm.HIGH)
    assert braking(rig)


def test_a_declared_needle_counts_as_in_tissue_until_home_and_confirmed() -> None:
    rig = Rig()
    rig.to_active(Instrument.PROBE_NEEDLE)
    assert contact_of(rig) == Contact.NEEDLE_IN_TISSUE
    assert (permit(rig).v_max_m_s, permit(rig).needle_advance) == (0.0, False)
    rig.send(EventKind.STOP, 1, Source.CONSOLE)
    rig.run(0.01)
    assert (permit(rig).kind, permit(rig).needle_advance) == (PermitKind.REGULATE, False)
    rig.send(EventKind.STOP, 1, Source.BEDSIDE_PAGE)
    rig.run(0.01)
    assert permit(rig).kind == PermitKind.NONE, "SAFE_STOP"
    assert braking(rig)
    rig.send(EventKind.NEEDLE_CLEAR)
    rig.run(0.01)
    assert contact_of(rig) == Contact.NONE
    rig.arm = replace(rig.arm, needle_depth_m=0.0006)
    rig.run(0.01)
    assert contact_of(rig) == Contact.NEEDLE_IN_TISSUE
    rig.send(EventKind.NEEDLE_CLEAR)
    rig.run(0.01)
    assert contact_of(rig) == Contact.NEEDLE_IN_TISSUE, "not home: not believed"


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        (lambda rig: rig.send(EventKind.STOP, 1, Source.BEDSIDE_PAGE), Cause.BEDSIDE_STOP),
        (lambda rig: setattr(rig, "force_n", float("nan")), Cause.FORCE_SENSOR_INVALID),
        (lambda rig: setattr(rig, "supervisor", False), Cause.SUPERVISOR_LOST),
    ],
)
def test_with_a_needle_in_a_link_that_stays_lost_closes_no_brakes_and_anything_else_does(
    then: Callable[[Rig], object], cause: Cause
) -> None:
    rig = Rig()
    rig.to_active(Instrument.PROBE_NEEDLE)
    rig.console_alive = False
    rig.until(lambda out: out.report.state == State.SAFE_STOP, 2.0)
    rig.run(5.0)
    assert (permit(rig).kind, rig.report.alarm) == (PermitKind.REGULATE, Alarm.HIGH)
    assert not braking(rig)
    assert not permit(rig).needle_advance
    then(rig)
    rig.until(lambda out: bool(out.report.causes & 1 << cause), 0.3)
    assert (rig.state, permit(rig).kind) == (State.SAFE_STOP, PermitKind.NONE)
    assert braking(rig)


def test_a_replay_blocks_the_needle_but_not_the_probe() -> None:
    rig = Rig()
    rig.media = replace(rig.media, live=False)
    rig.to_active(Instrument.PROBE_NEEDLE)
    rig.send(EventKind.NEEDLE_PROPOSE, 9000, Source.CONSOLE)
    rig.run(0.01)
    rig.send(EventKind.NEEDLE_CONFIRM, 9000)
    rig.run(0.1)
    assert rig.report.needle_plan == NeedlePlan.CONFIRMED
    assert not permit(rig).needle_advance


def test_a_replay_with_a_real_arm_does_not_qualify() -> None:
    rig = Rig(simulated=False)
    rig.arm = replace(rig.arm, simulated=False)
    rig.media = replace(rig.media, live=False)
    rig.to_connected()
    rig.run(6.0)
    assert rig.state == State.CONNECTED
    assert rig.report.live_causes & (1 << Cause.PICTURE_NOT_LIVE)


def test_clamps_of_console_numbers_are_shown() -> None:
    rig = active()
    rig.force_ref = 30.0
    rig.run(0.05)
    assert rig.report.clamps & Clamp.FORCE_REFERENCE
    assert permit(rig).command.force_ref_n == 20.0


# --- the independent check of the arm


def test_motion_over_the_permitted_speed_is_a_fault() -> None:
    rig = active()
    rig.speed = 0.121
    rig.run(0.05)
    assert rig.state == State.ACTIVE, "within tolerance of the normal axis"
    rig.speed = 0.13
    took = rig.until(lambda out: out.report.state == State.FAULT, 0.05)
    assert took <= 14
    assert rig.report.first_out == Cause.SPEED_OVER_PERMIT
    assert braking(rig)


def test_a_servo_that_goes_on_after_a_hold_is_caught() -> None:
    rig = in_contact()
    rig.speed = 0.04
    rig.run(0.05)
    assert rig.state == State.ACTIVE
    rig.run(0.01)
    rig.speed = 0.05
    rig.release()
    rig.until(lambda out: out.report.state == State.HOLD, 0.05)
    rig.until(lambda out: out.report.state == State.FAULT, 0.12)
    assert rig.report.first_out == Cause.SERVO_IGNORES_PERMIT


def test_an_arm_that_creeps_in_hold_is_caught() -> None:
    rig = in_contact()
    rig.release()
    rig.run(0.2)
    rig.speed = 0.0019
    rig.run(0.9)
    assert rig.state == State.HOLD
    rig.until(lambda out: out.report.state == State.FAULT, 0.5)
    assert rig.report.causes & (1 << Cause.STANDSTILL_VIOLATED)
    assert rig.out is not None
    assert not rig.out.enable.power


@pytest.mark.parametrize("creep_m_s", [0.0022, 0.0049, 0.0099])
def test_a_servo_that_never_comes_quite_to_rest_is_caught_by_its_path(creep_m_s: float) -> None:
    rig = active()
    rig.speed = 0.02
    rig.run(0.02)
    rig.release()
    rig.until(lambda out: out.report.state == State.HOLD, 0.05)
    rig.speed = creep_m_s
    x_m = rig.arm.base_p_probe_m[0]
    rig.until(lambda out: out.report.state == State.FAULT, 1.2)
    assert rig.report.first_out == Cause.STANDSTILL_VIOLATED
    # 2 mm (REGULATE_DRIFT_FACTOR) after the 130 ms in which a stop has to be over.
    assert rig.arm.base_p_probe_m[0] - x_m < 0.002 + 0.14 * creep_m_s


def test_brakes_that_do_not_close_cost_the_power() -> None:
    rig = active()
    rig.speed = 0.05
    rig.run(0.02)
    rig.arm_obeys_brake = False
    rig.key_stop(0.004)
    took = rig.until(lambda out: not out.enable.power, 0.1)
    assert took <= 24
    assert rig.state == State.FAULT
    assert rig.report.causes & (1 << Cause.BRAKE_FAILED)
    rig.speed = 0.0
    rig.arm_obeys_brake = True
    rig.recover()


def test_an_arm_that_moves_during_set_up_is_a_fault() -> None:
    rig = prepared("to_qualified")
    rig.arm = replace(rig.arm, base_p_probe_m=(0.5812, 0.0, 0.22))
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.FAULT, Cause.STANDSTILL_VIOLATED)


def test_an_arm_outside_its_workspace_holds() -> None:
    rig = active()
    x, y, z = rig.arm.base_p_probe_m
    for step in range(1, 201):  # 2 mm in each cycle: no jump
        height_m = z + (0.6099 - z) * step / 200
        rig.arm = replace(rig.arm, base_p_probe_m=(x, y, height_m))
        rig.step()
    rig.arm = replace(rig.arm, base_p_probe_m=(x, y, 0.611))
    hold(rig, Cause.WORKSPACE, 20)


def test_the_time_to_standstill_and_the_force_then_are_reported() -> None:
    rig = in_contact(4.0)
    rig.speed = 0.02
    rig.run(0.02)
    rig.release()
    rig.until(lambda out: out.report.state == State.HOLD, 0.05)
    assert rig.report.stop_ms == -1.0
    rig.run(0.02)
    rig.speed = 0.0
    rig.run(0.05)
    assert 18 <= rig.report.stop_ms <= 30
    assert rig.report.stop_force_n == pytest.approx(4.0, abs=0.2)


def test_power_that_goes_away_is_a_safe_stop() -> None:
    rig = active()
    rig.run(0.01)
    original = Rig._arm

    def unpowered() -> None:
        original(rig)
        rig.arm = replace(rig.arm, powered=False, braked=True)

    rig._arm = unpowered  # type: ignore[method-assign]
    rig.run(0.01)
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.ARM_POWER_LOST)


def test_an_internal_error_is_a_fault_with_brakes_and_guard_goes_on() -> None:
    rig = in_contact()
    rig.now += rig.period
    broken = replace(rig.make_inputs(), arm=None)  # type: ignore[arg-type]
    rig.core.memory.mark.value = -1
    out = rig.core.step(replace(broken, arm=rig.arm, gateway=None))  # type: ignore[arg-type]
    assert (out.report.state, out.report.first_out) == (State.FAULT, Cause.INTERNAL_ERROR)
    assert (out.permit.kind, out.enable.brake) == (PermitKind.NONE, True)
    assert "AttributeError" in rig.core.error
    rig.core.error = ""
    rig.run(1.0)
    assert rig.state == State.FAULT
    assert permit(rig).kind == PermitKind.NONE


def test_limits_can_be_tightened() -> None:
    rig = Rig(Limits(command_age_ms=30.0, stamp_life_ms=30.0, qualify_age_ms=25.0))
    rig.to_active()
    rig.console_alive = False
    rig.uplink.clear()
    hold(rig, Cause.COMMAND_AGE, 60)
    assert rig.report.age_ms <= 32.0
    assert not rig.report.limits_widened


def test_a_burst_in_one_guard_cycle_counts_as_what_arrived() -> None:
    rig = active()
    rig.run(0.3)
    for _ in range(20):
        rig.until(lambda out: len(rig.uplink) == 1, 0.02)
        due, data = rig.uplink[0]
        rig.uplink[0] = (due + 5 * MS, data)  # it waits for the next one
        rig.run(0.02)
    assert rig.state == State.ACTIVE
    assert rig.report.slots_missed == 0


def test_a_page_stop_that_was_held_when_its_page_vanished_is_forgotten_but_stays_latched() -> None:
    rig = active()
    rig.send(EventKind.STOP, 1)
    rig.run(0.1)
    rig.set_gateway(bedside_session=0)
    rig.run(3.0)
    assert (rig.state, rig.report.first_out) == (State.SAFE_STOP, Cause.BEDSIDE_STOP)


def test_a_key_that_is_held_when_its_input_vanishes_is_no_estop() -> None:
    rig = active()
    rig.send(EventKind.STOP, 1, Source.BEDSIDE_KEY)
    rig.run(0.1)
    rig.bedside_input = False
    rig.run(3.0)
    assert rig.state == State.SAFE_STOP


def test_an_arm_that_comes_late_is_waited_for() -> None:
    rig = Rig()
    rig.arm_alive = False
    rig.run(0.5)
    assert (rig.state, rig.report.step) == (State.INIT, Step.WAIT_FOR_ARM)
    rig.arm_alive = True
    rig.until(lambda out: out.report.state == State.IDLE, 1.0)


@pytest.mark.parametrize(
    ("kind", "arg", "source"),
    [
        (EventKind.STOP, 0, Source.CONSOLE),
        (EventKind.STOP, 0, Source.BEDSIDE_PAGE),
        (EventKind.STOP, 0, Source.BEDSIDE_KEY),
        (EventKind.HANDOVER_CONFIRM, 1, Source.BEDSIDE_PAGE),
        (EventKind.ACKNOWLEDGE, 1, Source.CONSOLE),
        (EventKind.DECLARE_INSTRUMENT, 1, Source.BEDSIDE_PAGE),
        (EventKind.MARK_ANSWER, 5, Source.CONSOLE),
    ],
)
def test_events_without_a_meaning_here_change_nothing(
    kind: EventKind, arg: int, source: Source
) -> None:
    rig = active()
    rig.send(kind, arg, source)
    rig.run(0.05)
    assert rig.state == State.ACTIVE


def test_an_instrument_that_does_not_exist_is_refused() -> None:
    rig = prepared("to_qualified")
    refused = rig.core.memory.events_refused
    rig.send(EventKind.DECLARE_INSTRUMENT, 9)
    rig.step()
    assert rig.core.memory.events_refused == refused + 1
    assert rig.report.instrument == Instrument.PROBE
