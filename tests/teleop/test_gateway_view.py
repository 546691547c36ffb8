"""What the pages are told: never a stale or missing value as if it were true."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from gateway_harness import arm_of, report_of

from safety.messages import MediaStatus, ServoReport
from safety.states import Alarm, Cause, Clamp, ContactState, PermitKind, State, Step
from teleop.gateway.pump import MS, Due
from teleop.gateway.view import UNKNOWN, Facts, change_key, compose
from transport.percentile import EMPTY, Percentiles
from transport.schema import MAX_TELEMETRY_BYTES, Telemetry

SERVO = ServoReport(
    incarnation=1, stamp_ns=1, cycle=1, permit_epoch=7, permit_kind=PermitKind.OPERATE,
    command_seq=1, applied_ns=1, contact=ContactState.PRESS, force_filtered_n=4.9, force_ref_n=5.0,
    base_p_target_m=(0.0,) * 3, v_target_m_s=(0.0,) * 3, offset_m=0.001, offset_rad=0.0,
    stiffness_n_m=300.0, clamps=Clamp.HAND_SLIP, lateness_us=12.0, compute_us=80.0, overruns=0,
    yielding=False, lapsed=False, needle_v_m_s=0.0, needle_force_n=0.0,
    needle_stiffness_n_m=0.0, punctures=0, needle_gate=0.0, needle_pivot_rad=0.0,
    touch=0,
)  # fmt: skip
MEDIA = MediaStatus(
    incarnation=1, stamp_ns=1, live=True, fps=30.0, observe_only=False, width=640, height=480,
    encode_ms=2.0, form_ms=5.0, bitrate_kbps=4000.0, peers=1, frames=10,
)  # fmt: skip


def facts(**changes: Any) -> Facts:
    report = report_of(State.ACTIVE, clamps=Clamp.SPEED, age_ms=12.0, loop_ms=30.0)
    base = Facts(
        now_ns=report.stamp_ns + 1_000_000, seq=1, report=report, guard_alive=True, servo=SERVO,
        arm=arm_of(), arm_alive=True, media=MEDIA, loop=Percentiles(30.0, 40.0, 45.0),
        age=EMPTY, record_drops=3, not_real_time=True,
    )  # fmt: skip
    return replace(base, **changes)


def test_everything_alive() -> None:
    t = compose(facts())
    assert (t.state, t.contact_state) == (State.ACTIVE, ContactState.PRESS)
    assert t.clamps == Clamp.SPEED | Clamp.HAND_SLIP
    assert (t.force_n, t.force_ref_n, t.fps, t.record_drops) == (4.9, 5.0, 30.0, 3)
    assert t.not_real_time
    assert (t.loop_p50_ms, t.loop_p99_ms, t.age_p50_ms) == (30.0, 45.0, -1.0)
    assert t.needle_depth_m == UNKNOWN


@pytest.mark.parametrize("state", list(State))
def test_a_silent_guard_is_a_fault_not_its_last_word(state: State) -> None:
    report = report_of(state, first_out=Cause.BEDSIDE_STOP, deadman=True, consent=True,
                       permit=PermitKind.OPERATE, v_max_m_s=0.1, braked=True)  # fmt: skip
    t = compose(facts(report=report, guard_alive=False))
    if state in (State.SAFE_STOP, State.ESTOP, State.FAULT):
        assert (t.state, t.first_out) == (state, Cause.BEDSIDE_STOP)
    else:
        assert (t.state, t.first_out) == (State.FAULT, Cause.GUARD_OVERRUN)
    assert t.alarm == Alarm.HIGH
    assert t.step == Step.CLEAR_CAUSE
    assert (t.permit, t.v_max_m_s, t.deadman, t.consent) == (PermitKind.NONE, 0.0, False, False)
    assert not t.braked, "nobody saw the brakes"
    assert t.live_causes & 1 << Cause.GUARD_OVERRUN


def test_a_silent_or_invalid_sensor_shows_no_force() -> None:
    assert compose(facts(arm_alive=False)).force_n == UNKNOWN
    assert compose(facts(arm=arm_of(force_valid=False))).force_n == UNKNOWN
    assert compose(facts(servo=None)).force_n == 4.5, "the raw sample without servo's filter"
    nothing = compose(facts(report=None, arm=None, servo=None, media=None))
    assert (nothing.force_n, nothing.state, nothing.step) == (
        UNKNOWN,
        State.INIT,
        Step.WAIT_FOR_ARM,
    )
    assert (nothing.fps, nothing.live, nothing.observe_only) == (0.0, False, True)


def test_nan_never_reaches_the_wire_and_a_message_fits_one_chunk() -> None:
    nan = math.nan
    report = report_of(State.ACTIVE, age_ms=nan, loop_ms=math.inf, v_max_m_s=nan, qualified=nan)
    arm = arm_of(base_p_probe_m=(nan,) * 3, q_rad=(nan,) * 7, force_n=(nan,) * 3)
    servo = replace(SERVO, force_filtered_n=nan, force_ref_n=nan, offset_m=nan)
    t = compose(facts(report=report, arm=arm, servo=servo, media=replace(MEDIA, fps=nan)))
    flat: list[Any] = []
    for value in msgspec.to_builtins(t):
        flat.extend(value if isinstance(value, list | tuple) else [value])
    assert all(math.isfinite(x) for x in flat)
    packed = msgspec.msgpack.encode(t)
    assert len(packed) <= MAX_TELEMETRY_BYTES
    assert msgspec.msgpack.decode(packed, type=Telemetry) == t


def test_what_people_must_see_at_once_is_in_the_key() -> None:
    quiet = change_key(compose(facts()))
    assert change_key(compose(facts(seq=99, age=Percentiles(1.0, 2.0, 3.0)))) == quiet
    for change in ({"state": State.HOLD}, {"first_out": Cause.COMMAND_AGE}, {"alarm": Alarm.HIGH},
                   {"mark": 1234}, {"consent": True}, {"step": Step.READ_MARK}):  # fmt: skip
        report = report_of(**({"state": State.ACTIVE} | change))
        assert change_key(compose(facts(report=report))) != quiet, change


def test_due_skips_what_it_missed() -> None:
    due = Due(10)
    assert [due(now) for now in (100, 105, 110, 117, 120)] == [True, False, True, False, True]
    assert due(300)
    assert not due(305)
    assert due(310)


def test_a_period_of_one_tick_stays_one_when_the_first_was_late() -> None:
    due = Due(4 * MS)
    start_ns, late_us = 10_000 * MS, (900, 100, 0, 700, 50, 0, 0, 400)
    assert all(due(start_ns + tick * 4 * MS + late * 1000) for tick, late in enumerate(late_us))
