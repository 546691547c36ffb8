"""More borders and combinations, one value on each side: what mutation testing asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from harness import CONSOLE, MS, Rig, S, arm_state
from test_causes import T0, inputs, memory
from test_intake import all_here, session_memory
from test_people import PAGE, say

from safety import assess, causes
from safety.authentic import KEY_BYTES, KEY_MAGIC, KEY_RECORD, MAX_SESSIONS, KeyRing, sign
from safety.consent import Consent
from safety.contact import AIR_N, NEEDLE_HOME_M, ContactWatch
from safety.enable import answer
from safety.limits import Limits
from safety.machine import Machine
from safety.messages import FRAME_BYTES
from safety.pose import ASKED_M_S, STEP_M, STUCK_NS, PoseWatch
from safety.states import Authenticity, Cause, Contact, EventKind, Instrument, PermitKind, State
from safety.supervise import BRAKE_SAID_NS, MotionWatch
from safety.transitions import mask

LIMITS = Limits()


# --- the enabling answer, as the arm box computes it, too


def test_the_answer_is_the_agreed_checksum() -> None:
    assert answer(0x12345678) == 0xDCB3ED1C
    assert answer(0x1_0000_0000) == answer(0)


# --- what people want


def test_zeroing_in_a_state_other_than_hand_guiding_needs_an_ordered_standstill() -> None:
    for state, refused in ((State.LOCAL, 0), (State.HOLD, 1), (State.ACTIVE, 1)):
        m = memory(state)
        m.motion.speed_m_s = 0.0
        assert not m.motion.at_rest(LIMITS)
        say(m, EventKind.FORCE_ZERO, PAGE)
        assert m.events_refused == refused


@pytest.mark.parametrize(("state", "late_s", "gone"), [
    (State.ARMED, 0.0, False), (State.ARMED, 1e-9, True), (State.ACTIVE, 1.0, False),
    (State.HOLD, 1.0, False),
])  # fmt: skip
def test_consent_expires_in_armed_alone(state: State, late_s: float, gone: bool) -> None:
    now = T0 + round((LIMITS.consent_s + late_s) * S)
    assert Consent(given_ns=T0).expired(state, now, LIMITS) is gone


def test_no_consent_does_not_expire_and_one_of_the_first_nanosecond_does() -> None:
    assert not Consent().expired(State.ARMED, 1000 * S, LIMITS)
    assert Consent(given_ns=1).expired(State.ARMED, 1000 * S, LIMITS)


# --- qualifying, and what the machine and the permit are told


def good_since(m: Any, i: Any) -> int:
    assess.qualify(m, i, 0, LIMITS)
    since: int = m.qualifier.good_since_ns
    return since


@pytest.mark.parametrize(
    ("age_ms", "good"),
    [(-0.1, False), (0.0, True), (0.5, True), (LIMITS.qualify_age_ms, True),
     (LIMITS.qualify_age_ms + 0.001, False)],
)  # fmt: skip
def test_a_command_of_good_age_qualifies(age_ms: float, good: bool) -> None:
    m = session_memory()
    m.in_use.command = replace(m.in_use.command, echo_ns=T0 - round(age_ms * MS))
    assert good_since(m, all_here()) == (T0 if good else 0)


def test_while_the_console_learns_the_epoch_no_command_is_asked_for() -> None:
    m = session_memory()
    m.machine = Machine(state=State.HOLD, since_ns=T0)
    m.in_use.valid = m.deadman.seen = False
    assert good_since(m, all_here()) == 0, "the epoch is old"
    m.epoch.changed_ns = T0
    assert good_since(m, all_here()) == T0


def test_sound_counts_only_of_a_page_that_beats() -> None:
    m = session_memory()
    assert assess.checklist(m, all_here(), 0, LIMITS).bedside_sound
    m.page.beat_ns = T0 - round(LIMITS.bedside_page_ms * MS) - 1
    assert not assess.checklist(m, all_here(), 0, LIMITS).bedside_sound


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("lost", [True, False])
def test_a_picture_is_live_when_the_source_says_so_and_is_there(live: bool, lost: bool) -> None:
    m, i = session_memory(), all_here()
    m.media.lost = lost
    m.recovered_ns, m.engaged_ns = T0 - 3 * MS, T0 - 5 * MS
    i = replace(i, media=replace(i.media, live=live))
    found = assess.situation(m, i, Contact.SKIN, LIMITS)
    assert found.live == (live and not lost)
    assert (found.recovered_ns, found.engaged_ns) == (3 * MS, 5 * MS)


# --- causes


def test_an_unknown_frame_of_no_command_is_no_cause_of_its_own() -> None:
    m = memory()
    m.in_use.frame_known = False
    assert causes.link(m, inputs(), LIMITS)[0] == mask(Cause.FRAME_ID_INVALID)
    m.in_use.valid = False
    assert causes.link(m, inputs(), LIMITS)[0] == mask(Cause.COMMAND_AGE)


def test_nothing_is_late_while_the_console_learns_the_epoch() -> None:
    m = memory(State.HOLD)
    m.in_use.valid = m.deadman.seen = False
    m.epoch.changed_ns = T0
    assert causes.link(m, inputs(), LIMITS) == (0, 0)


def test_no_command_means_no_missed_slot() -> None:
    m = memory()
    m.in_use.valid = False
    strict = replace(LIMITS, degraded_misses=1, hold_misses=2)
    assert causes.link(m, inputs(), strict) == (mask(Cause.COMMAND_AGE), 0)


class Load:
    """Notes whether the force may be judged."""

    def __init__(self) -> None:
        self.fresh: bool | None = None

    def check(self, arm: Any, fresh: bool, limits: Limits) -> int:
        self.fresh = fresh
        return 0


def arm_causes(m: Any, i: Any) -> int:
    return causes.arm(m, i, LIMITS)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("valid", [False, True])
def test_the_load_is_judged_by_a_fresh_and_valid_reading(lost: bool, valid: bool) -> None:
    m, i = session_memory(), all_here()
    load: Any = Load()
    m.arm.lost, m.load = lost, load
    arm_causes(m, replace(i, arm=felt(1.0, force_valid=valid)))
    assert load.fresh is (valid and not lost)


@pytest.mark.parametrize("lost", [False, True])
def test_a_pose_that_jumps_is_judged_while_the_arm_speaks(lost: bool) -> None:
    m, i = session_memory(), all_here()
    arm_causes(m, i)
    x, y, z = i.arm.base_p_probe_m
    later = replace(i.arm, stamp_ns=T0 + 2 * MS, base_p_probe_m=(x, y + 2 * STEP_M, z))
    m.arm.lost = lost
    found = arm_causes(m, replace(i, arm=later, now_ns=T0 + 2 * MS))
    assert bool(found & mask(Cause.POSE_INVALID)) is not lost


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_workspace_ends_a_margin_outside_of_its_limits(axis: int, side: int) -> None:
    margin_m = causes.WORKSPACE_MARGIN_M
    ends = LIMITS.workspace_max_m if side > 0 else LIMITS.workspace_min_m
    for beyond_m, outside in ((0.0, False), (1e-6, True)):
        i = all_here()
        p = list(i.arm.base_p_probe_m)
        p[axis] = ends[axis] + side * margin_m + side * beyond_m
        found = arm_causes(
            session_memory(), replace(i, arm=replace(i.arm, base_p_probe_m=tuple(p)))
        )
        assert bool(found & mask(Cause.WORKSPACE)) is outside


@pytest.mark.parametrize(
    ("lost", "braking", "kind", "expected"),
    [(False, 0, PermitKind.OPERATE, 0.05), (False, 0, PermitKind.REGULATE, 0.05),
     (True, 0, PermitKind.OPERATE, 0.0), (False, T0, PermitKind.OPERATE, 0.0),
     (False, 0, PermitKind.NONE, 0.0)],
)  # fmt: skip
def test_motion_is_asked_for_by_a_servo_that_lives_under_a_permit(
    lost: bool, braking: int, kind: PermitKind, expected: float
) -> None:
    m, i = session_memory(), all_here()
    m.servo.lost, m.motion.brake_since_ns, m.motion.kind = lost, braking, kind
    i = replace(i, servo=replace(i.servo, v_target_m_s=(0.03, 0.04, 0.0)))
    assert causes._asked_m_s(m, i) == pytest.approx(expected)


@pytest.mark.parametrize("lost", [False, True])
def test_a_lapse_is_that_of_a_servo_that_lives(lost: bool) -> None:
    m = session_memory()
    m.motion.kind, m.servo.lost = PermitKind.OPERATE, lost
    for now in (T0, T0 + causes.LAPSE_NS + 1):
        i = all_here(now)
        i = replace(i, servo=replace(i.servo, lapsed=True, permit_epoch=m.epoch.value))
        found = causes.own(m, i, 0, 2.0, LIMITS)
    assert bool(found & mask(Cause.GUARD_OVERRUN)) is not lost


# --- contact


def felt(force_n: float, now: int = T0, **changes: Any) -> Any:
    arm = replace(arm_state(now), force_n=(0.0, 0.0, force_n), force_valid=True,
                  force_stamp_ns=now)  # fmt: skip
    return replace(arm, **changes)


def test_a_reading_is_good_up_to_its_longest_age() -> None:
    longest_ns = round(LIMITS.force_sample_ms * MS)
    for late_ns, good in ((longest_ns, True), (longest_ns + 1, False)):
        watch = ContactWatch()
        watch.update(felt(1.0, force_stamp_ns=T0 - late_ns), True, T0, LIMITS)
        assert watch.sensor_ok() is good


def test_touching_begins_above_one_limit_and_ends_at_the_other() -> None:
    watch = ContactWatch()
    now = T0
    for force_n, touching in (
        (LIMITS.contact_on_n, False), (LIMITS.contact_on_n + 0.001, True),
        (LIMITS.contact_off_n + 0.001, True), (LIMITS.contact_off_n, False),
    ):  # fmt: skip
        now += 20 * MS
        watch.update(felt(force_n, now), True, now, LIMITS)
        assert watch.touching is touching, force_n


def test_a_new_zero_gives_trust_back_when_the_box_took_it_and_takes_none_away() -> None:
    watch = ContactWatch()
    watch.update(felt(1.0, zero_serial=1, zero_ok=False), True, T0, LIMITS)
    assert watch.sensor_ok(), "trusted before, and still"
    later = T0 + 2 * MS
    watch.update(felt(1.0 + 2 * LIMITS.force_step_n, later, zero_serial=1), True, later, LIMITS)
    assert not watch.sensor_ok(), "that serial was known: this is a step"
    last = later + 2 * MS
    watch.update(felt(1.0, last, zero_serial=2, zero_ok=True), True, last, LIMITS)
    assert watch.sensor_ok()


@pytest.mark.parametrize("valid_before", [False, True])
def test_only_a_step_of_a_reading_that_was_good_ends_trust(valid_before: bool) -> None:
    watch = ContactWatch()
    watch.update(felt(1.0, force_valid=valid_before), True, T0, LIMITS)
    later = T0 + 2 * MS
    watch.update(felt(1.0 + 2 * LIMITS.force_step_n, later), True, later, LIMITS)
    assert watch.bias_trusted is not valid_before


def test_a_step_begins_above_its_limit_and_what_is_not_finite_is_none() -> None:
    for step_n, trusted in ((LIMITS.force_step_n, True), (LIMITS.force_step_n + 1e-6, False),
                            (math.inf, True)):  # fmt: skip
        watch = ContactWatch()
        watch.update(felt(1.0), True, T0, LIMITS)
        watch.update(felt(1.0 + step_n, T0 + 2 * MS), True, T0 + 2 * MS, LIMITS)
        assert watch.bias_trusted is trusted


@pytest.mark.parametrize(
    ("depth_m", "fresh", "home"),
    [(NEEDLE_HOME_M, True, True), (-NEEDLE_HOME_M, True, True), (NEEDLE_HOME_M + 1e-9, True, False),
     (math.nan, True, False), (0.0, False, False)],
)  # fmt: skip
def test_a_needle_is_home_while_that_is_measured(depth_m: float, fresh: bool, home: bool) -> None:
    watch = ContactWatch(needle_clear=True)
    watch.update(felt(1.0, needle_depth_m=depth_m), fresh, T0, LIMITS)
    assert (watch.needle_home, watch.needle_clear) == (home, home)
    watch.update(felt(1.1, T0 + 2 * MS), True, T0 + 2 * MS, LIMITS)
    assert watch.needle_home
    assert watch.needle_clear is home, "clear only after the bedside said so again"


def test_what_is_mounted_decides_what_a_reading_means() -> None:
    later = T0 + round(LIMITS.force_valid_ms * MS)
    for instrument, clear, expected in (
        (Instrument.UNKNOWN, True, Contact.UNKNOWN), (Instrument.PROBE, False, Contact.SKIN),
        (Instrument.PROBE_NEEDLE, False, Contact.NEEDLE_IN_TISSUE),
        (Instrument.PROBE_NEEDLE, True, Contact.SKIN),
    ):  # fmt: skip
        watch = ContactWatch()
        watch.update(felt(5.0), True, T0, LIMITS)
        watch.instrument, watch.needle_clear = instrument, clear
        assert watch.contact(later, LIMITS) == expected
        assert watch.contact(later - 1, LIMITS) == Contact.UNKNOWN


def test_a_declaration_in_the_air_gives_trust_back_and_takes_clear_away() -> None:
    for force_n, trusted, expected in (
        (AIR_N, False, True), (AIR_N + 0.01, False, False), (AIR_N + 0.01, True, True),
    ):  # fmt: skip
        watch = ContactWatch(needle_clear=True, bias_trusted=trusted, force_n=(0.0, 0.0, force_n))
        watch.declare(Instrument.PROBE)
        assert watch.bias_trusted is expected
        assert not watch.needle_clear


# --- the core, each step once


def test_zeroing_while_hand_guiding_needs_an_arm_that_speaks() -> None:
    for lost, refused in ((False, 0), (True, 1)):
        m = memory(State.LOCAL)
        m.motion.speed_m_s, m.arm.lost = 0.0, lost
        assert not m.motion.at_rest(LIMITS)
        say(m, EventKind.FORCE_ZERO, PAGE)
        assert m.events_refused == refused


def test_a_step_carries_epoch_loop_and_needle_on() -> None:
    rig = Rig()
    rig.servo_applies = True
    rig.to_active().run(0.1)
    memory = rig.core.memory
    assert memory.in_use.applied_sample_ns > 0, "servo's word closes the loop"
    assert rig.report.loop_ms > 0.0
    memory.needle_allowed = True
    rig.step()
    assert memory.needle_allowed is False, "no needle is mounted: this step says so"
    memory.epoch.value += 1 << 32
    rig.console_alive = False
    rig.step()
    assert memory.deadman.epoch == memory.epoch.value, "a press of the old epoch is forgotten"


# --- the core counts its cycles from one, and keeps its first moment as its incarnation


def test_cycles_and_incarnation() -> None:
    rig = Rig()
    first = rig.step().report
    second = rig.step().report
    assert (first.cycle, second.cycle) == (1, 2)
    assert first.incarnation == second.incarnation == first.stamp_ns


# --- keys


KEY, NEXT, WRONG = (bytes([n]) * KEY_BYTES for n in (1, 2, 3))


def record(session: int, key: bytes, magic: int = KEY_MAGIC) -> bytes:
    return KEY_RECORD.pack(magic, session, key)


def frame(session: int, key: bytes) -> bytes:
    data = bytearray(FRAME_BYTES)
    data[4:8] = session.to_bytes(4, "little")
    return sign(bytes(data), key)


def test_a_record_of_another_kind_or_of_nobody_is_refused() -> None:
    ring = KeyRing()
    for bad in (record(CONSOLE, KEY, KEY_MAGIC + 1), record(0, KEY), record(CONSOLE, KEY)[:-1]):
        ring.put(bad)
    assert ring.refused == 3
    assert ring.judge(frame(CONSOLE, KEY)) == Authenticity.NO_KEY


def test_while_a_new_key_is_coming_no_other_key_counts() -> None:
    ring = KeyRing()
    ring.put(record(CONSOLE, KEY))
    ring.put(record(CONSOLE, NEXT))
    assert ring.judge(frame(CONSOLE, WRONG)) == Authenticity.FORGED
    assert ring.judge(frame(CONSOLE, KEY)) == Authenticity.GENUINE
    assert ring.judge(frame(CONSOLE, NEXT)) == Authenticity.GENUINE
    assert ring.judge(frame(CONSOLE, KEY)) == Authenticity.FORGED, "the new key is in use"


def test_the_session_whose_key_came_longest_ago_is_forgotten_first() -> None:
    ring = KeyRing()
    for session in range(1, MAX_SESSIONS + 1):
        ring.put(record(session, KEY))
    ring.put(record(1, KEY))  # it is told again
    ring.put(record(MAX_SESSIONS + 1, KEY))
    assert ring.judge(frame(1, KEY)) == Authenticity.GENUINE
    assert ring.judge(frame(2, KEY)) == Authenticity.NO_KEY


@pytest.mark.parametrize(
    ("asked_m_s", "stuck"), [(ASKED_M_S, True), (ASKED_M_S - 1e-6, False), (0.0, False)]
)
def test_joints_that_read_the_same_are_stuck_while_motion_is_asked_for(
    asked_m_s: float, stuck: bool
) -> None:
    watch, found = PoseWatch(), []
    for ms in range(0, 120, 2):
        now = T0 + ms * MS
        found.append(watch.implausible(arm_state(now), asked_m_s, now))
    assert any(found) is stuck
    if stuck:
        assert found.index(True) * 2 * MS == STUCK_NS


# --- brakes


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("from_m_s", [0.0, 0.001, 0.03])
def test_brakes_that_never_close_are_noticed_at_any_speed(from_m_s: float, fresh: bool) -> None:
    watch = MotionWatch(speed_m_s=from_m_s)
    watch.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
    open_arm = replace(arm_state(T0), braked=False, base_v_probe_m_s=(0.001, 0.0, 0.0))
    soon, late = T0 + BRAKE_SAID_NS, T0 + BRAKE_SAID_NS + 1
    if fresh:
        assert not watch.check(open_arm, True, T0 + MS, LIMITS) & mask(Cause.BRAKE_FAILED)
        assert not watch.check(open_arm, True, soon, LIMITS) & mask(Cause.BRAKE_FAILED)
        assert watch.check(open_arm, True, late, LIMITS) & mask(Cause.BRAKE_FAILED)
    closed = replace(open_arm, braked=True)
    assert not watch.check(closed, True, late, LIMITS) & mask(Cause.BRAKE_FAILED)
    # A silent arm says nothing of its brakes; its silence has a cause of its own.
    assert not watch.check(open_arm, False, late, LIMITS) & mask(Cause.BRAKE_FAILED)
