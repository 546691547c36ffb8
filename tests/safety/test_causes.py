"""Each cause at its border, with nothing else around it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import BEDSIDE, CONSOLE, MS, S, arm_state

from safety import causes
from safety.gate import Rejection
from safety.limits import Limits, LimitsError, from_json
from safety.machine import Machine
from safety.memory import Memory
from safety.messages import GUARD_STEP, GuardInputs
from safety.states import Cause, Instrument, PermitKind, State
from safety.transitions import mask

T0 = 1000 * S
LIMITS = Limits()
BLANK = GUARD_STEP.unpack(bytes(GUARD_STEP.size)).inputs


def memory(state: State = State.ACTIVE) -> Memory:
    """A session in which everything has just been heard."""
    m = Memory()
    m.machine = Machine(state=state, since_ns=T0)
    m.in_use.valid = m.in_use.frame_known = True
    m.in_use.command = replace(m.in_use.command, echo_ns=T0, deadman=True)
    m.lease.session, m.lease.open = CONSOLE, True
    m.frames.presented_id, m.frames.presented_acquired_ns, m.frames.changed_ns = 1, T0, T0
    m.page.session, m.page.beat, m.page.beat_ns = BEDSIDE, 0, T0
    m.epoch.value = m.epoch.durable = 1 << 32
    m.deadman.seen = True
    for peer in (m.arm, m.servo, m.gateway, m.media):
        peer.lost, peer.seen = False, True
    m.contact.instrument = Instrument.PROBE
    return m


def inputs(now: int = T0) -> GuardInputs:
    status = replace(
        BLANK.gateway, bedside_session=BEDSIDE, bedside_visible=True, bedside_sound=True, links=1
    )
    return replace(
        BLANK, now_ns=now, gateway=status, media=replace(BLANK.media, live=True),
        bedside_input=True, arm=arm_state(now),
    )  # fmt: skip


def link(m: Memory, i: GuardInputs) -> tuple[int, int]:
    return causes.link(m, i, LIMITS)


def test_a_healthy_link_has_no_cause() -> None:
    assert link(memory(), inputs()) == (0, 0)
    assert causes.bedside(memory(), inputs(), LIMITS) == 0
    assert causes.own(memory(), inputs(), 0, 2.0, LIMITS) == 0


@pytest.mark.parametrize(
    ("age_ms", "cause"),
    [(50.0, 0), (50.000001, Cause.COMMAND_AGE)],
)
def test_the_age_of_the_command_in_use(age_ms: float, cause: int) -> None:
    m = memory()
    m.in_use.command = replace(m.in_use.command, echo_ns=T0 - round(age_ms * MS))
    assert link(m, inputs())[0] == (mask(Cause(cause)) if cause else 0)
    assert causes.age_ms(m, T0) == pytest.approx(age_ms)
    m.in_use.valid = False
    assert causes.age_ms(m, T0) == -1.0
    assert link(m, inputs())[0] & mask(Cause.COMMAND_AGE)


@pytest.mark.parametrize(
    ("misses", "expected"),
    [(3, (0, 0)), (4, (0, mask(Cause.MISSED_SLOTS))), (10, (0, mask(Cause.MISSED_SLOTS))),
     (11, (mask(Cause.MISSED_SLOTS), 0))],
)  # fmt: skip
def test_missed_slots_slow_down_and_then_hold(misses: int, expected: tuple[int, int]) -> None:
    m = memory()
    m.slots.slot, m.slots.bits = int(T0 // (5 * MS)), (1 << misses) - 1
    assert link(m, inputs()) == expected


def test_a_new_epoch_gives_the_console_half_a_second_while_nothing_moves() -> None:
    def heard(state: State, after_ms: float, seen: bool = False) -> int:
        m = memory(state)
        m.in_use.valid, m.deadman.seen, m.epoch.changed_ns = False, seen, T0
        return link(m, inputs(T0 + int(after_ms * MS)))[0] & mask(Cause.COMMAND_AGE)

    assert not heard(State.ARMED, 499.9)
    assert heard(State.ARMED, 500.0)
    assert heard(State.ARMED, 1.0, seen=True)
    assert heard(State.ACTIVE, 1.0)
    m = memory(State.ARMED)
    m.deadman.seen, m.epoch.changed_ns, m.slots.bits = False, T0, 0xFFFF
    m.slots.slot = int(T0 // (5 * MS))
    link(m, inputs())
    assert m.slots.bits == 0, "its silence is no miss"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda m: setattr(m.in_use, "frame_known", False), Cause.FRAME_ID_INVALID),
        (lambda m: setattr(m.frames, "presented_acquired_ns", T0 - 150 * MS), None),
        (lambda m: setattr(m.frames, "presented_acquired_ns", T0 - 150 * MS - 1),
         Cause.PICTURE_STALE),
        (lambda m: setattr(m.frames, "presented_acquired_ns", T0 + 1), Cause.PICTURE_STALE),
        (lambda m: setattr(m.frames, "presented_acquired_ns", T0), None),
        (lambda m: setattr(m.frames, "presented_id", -1), Cause.PICTURE_STALE),
        (lambda m: setattr(m.frames, "changed_ns", T0 - 100 * MS), None),
        (lambda m: setattr(m.frames, "changed_ns", T0 - 100 * MS - 100), Cause.PICTURE_FROZEN),
        (lambda m: setattr(m.lease, "open", False), Cause.CONSOLE_LOST),
        (lambda m: setattr(m.lease, "session", 0), Cause.CONSOLE_LOST),
    ],
)  # fmt: skip
def test_picture_and_console(change: Callable[[Memory], None], cause: Cause | None) -> None:
    m = memory()
    change(m)
    assert link(m, inputs()) == (mask(cause) if cause else 0, 0)


@pytest.mark.parametrize(
    ("live", "observe_only", "simulated", "bad"),
    [(True, False, False, False), (False, False, False, True), (False, False, True, False),
     (True, True, True, True), (True, True, False, True)],
)  # fmt: skip
def test_a_replay_is_for_simulated_arms(
    live: bool, observe_only: bool, simulated: bool, bad: bool
) -> None:
    i = inputs()
    i = replace(
        i, media=replace(i.media, live=live, observe_only=observe_only),
        arm=replace(i.arm, simulated=simulated),
    )  # fmt: skip
    assert bool(link(memory(), i)[0] & mask(Cause.PICTURE_NOT_LIVE)) is bad


@pytest.mark.parametrize(
    ("links", "silent_ms", "lost"),
    [(2, 1000.0, False), (2, 1000.1, True), (2, math.nan, True), (1, 5000.0, False)],
)
def test_one_of_two_links_is_lost(links: int, silent_ms: float, lost: bool) -> None:
    i = inputs()
    i = replace(i, gateway=replace(i.gateway, links=links, link_silent_ms=silent_ms))
    assert link(memory(), i) == (0, mask(Cause.LINK_LOST) if lost else 0)


def test_a_late_loop_slows_down_and_its_average_holds() -> None:
    m = memory()
    m.loop.worst_ms = 70.1
    assert link(m, inputs()) == (0, mask(Cause.LOOP_LATENCY))
    full = memory()
    full.loop.started_ns = T0 - 200 * MS
    full.loop.samples.extend([(T0, 49.9), (T0, 50.1)])
    assert link(full, inputs()) == (0, 0), "exactly the limit"
    full.loop.samples.append((T0, 50.1))
    assert link(full, inputs()) == (mask(Cause.LOOP_LATENCY), 0)


# --- the bedside


def test_without_a_page_its_stop_is_released_but_not_forgotten() -> None:
    m = memory()
    m.page_stop.pressed_ns = T0
    i = inputs(T0 + 501 * MS)
    assert causes.bedside(m, i, LIMITS) == mask(Cause.BEDSIDE_PAGE_LOST)
    assert m.page_stop.pressed_ns == 0


def test_without_an_input_its_key_is_released() -> None:
    m = memory()
    m.key.pressed_ns, m.stop_test.pressing = T0, True
    i = replace(inputs(), bedside_input=False)
    assert causes.bedside(m, i, LIMITS) == mask(Cause.BEDSIDE_INPUT_LOST)
    assert (m.key.pressed_ns, m.stop_test.pressing) == (0, False)


def test_a_lost_gateway_brings_no_heartbeat() -> None:
    m = memory()
    m.gateway.lost = True
    i = inputs(T0 + 501 * MS)
    i = replace(i, gateway=replace(i.gateway, bedside_beat=5))
    assert causes.bedside(m, i, LIMITS) & mask(Cause.BEDSIDE_PAGE_LOST)


def test_consent_that_nobody_uses_expires() -> None:
    m = memory(State.ARMED)
    m.consent.give(T0 - 30 * S)
    assert causes.bedside(m, inputs(), LIMITS) == 0
    m.consent.give(T0 - 30 * S - 1)
    assert causes.bedside(m, inputs(), LIMITS) == mask(Cause.CONSENT_EXPIRED)


# --- the machine's own


def held(latched: int, for_s: float) -> int:
    m = memory(State.HOLD)
    m.machine = replace(m.machine, latched=latched, since_ns=T0 - round(for_s * S))
    return causes.own(m, inputs(), 0, 2.0, LIMITS)


def test_no_hold_lasts_for_ever() -> None:
    fault, operator = mask(Cause.CONSOLE_STOP), mask(Cause.OPERATOR_RELEASE)
    assert held(fault, 30.0) == 0
    assert held(fault, 30.001) == mask(Cause.HOLD_TOO_LONG)
    assert held(operator, 300.0) == 0
    assert held(operator, 300.001) == mask(Cause.HOLD_TOO_LONG)
    assert held(fault | operator, 30.001) == mask(Cause.HOLD_TOO_LONG)


@pytest.mark.parametrize(
    ("state", "bits", "latched", "drains"),
    [
        (State.HOLD, Cause.COMMAND_AGE, 0, True),
        (State.HOLD, Cause.CONSOLE_STOP, 0, False),
        (State.HOLD, Cause.COMMAND_AGE, mask(Cause.GATEWAY_LOST), False),
        (State.ACTIVE, Cause.COMMAND_AGE, 0, False),
        (State.SAFE_STOP, Cause.COMMAND_AGE, 0, False),
    ],
)
def test_only_a_hold_by_the_link_drains_the_bucket(
    state: State, bits: Cause, latched: int, drains: bool
) -> None:
    m = memory(state)
    m.machine = replace(m.machine, latched=latched)
    found = causes.own(m, inputs(), mask(bits), 1000.0, LIMITS)
    assert bool(found & mask(Cause.LINK_UNSTABLE)) is drains
    assert (m.bucket.drained_ms == 1000.0) is drains


def test_a_lapse_that_servo_saw_is_guard_s_own_overrun() -> None:
    m, i = memory(), inputs()
    m.motion.kind = PermitKind.OPERATE
    seen = replace(i.servo, lapsed=True, permit_epoch=m.epoch.value)
    at = [replace(i, now_ns=T0 + t * MS, servo=seen) for t in (0, 20, 21)]
    assert [bool(causes.own(m, one, 0, 2.0, LIMITS)) for one in at] == [False, False, True]
    for other in (replace(seen, lapsed=False), replace(seen, permit_epoch=1)):
        assert not causes.own(m, replace(at[2], servo=other), 0, 2.0, LIMITS)
        assert m.lapsed_since_ns == 0
    causes.own(m, at[0], 0, 2.0, LIMITS)
    m.motion.kind = PermitKind.REGULATE
    assert not causes.own(m, at[2], 0, 2.0, LIMITS)


@pytest.mark.parametrize("state", [State.ACTIVE, State.DEGRADED, State.ARMED, State.HOLD])
def test_a_release_is_a_cause_in_motion_only(state: State) -> None:
    m = memory(state)
    m.in_use.command = replace(m.in_use.command, deadman=False)
    moving = state in (State.ACTIVE, State.DEGRADED)
    assert causes.own(m, inputs(), 0, 2.0, LIMITS) == (
        mask(Cause.OPERATOR_RELEASE) if moving else 0
    )
    m.in_use.valid = False
    assert causes.own(m, inputs(), 0, 2.0, LIMITS) == 0


@pytest.mark.parametrize(
    ("state", "age", "last", "told"),
    [
        (State.CONNECTED, True, Rejection.LIMITS_MISMATCH, True),
        (State.CONNECTED, False, Rejection.LIMITS_MISMATCH, False),
        (State.CONNECTED, True, Rejection.TOO_OLD, False),
        (State.ARMED, True, Rejection.LIMITS_MISMATCH, False),
    ],
)
def test_wrong_limits_are_named_while_set_up_waits(
    state: State, age: bool, last: Rejection, told: bool
) -> None:
    m = memory(state)
    m.gate.last = last
    bits = mask(Cause.COMMAND_AGE) if age else 0
    found = causes.own(m, inputs(), bits, 2.0, LIMITS)
    assert found == (mask(Cause.LIMITS_MISMATCH) if told else 0)


def test_a_shutdown_hides_who_leaves_only_after_rest() -> None:
    m, bits = memory(State.SAFE_STOP), mask(Cause.SERVO_LOST, Cause.FORCE_OVER_LIMIT)
    assert causes.expected(m, bits, True) == bits, "nobody asked to leave"
    m.shutdown = True
    assert causes.expected(m, bits, False) == bits
    assert causes.expected(m, bits, True) == mask(Cause.FORCE_OVER_LIMIT)
    assert causes.expected(m, bits, False) == mask(Cause.FORCE_OVER_LIMIT), "from then on"


# --- the arm


def arm(p: tuple[float, ...]) -> int:
    i = inputs()
    moved = replace(i, arm=replace(i.arm, base_p_probe_m=p))
    return causes.arm(memory(), moved, LIMITS) & mask(Cause.WORKSPACE)


def test_the_workspace_has_a_margin_on_every_side() -> None:
    for axis in range(3):
        low, high = LIMITS.workspace_min_m[axis], LIMITS.workspace_max_m[axis]
        for value, bad in (
            (low - 0.0099, False), (low - 0.0101, True), (high + 0.0099, False),
            (high + 0.0101, True), (math.nan, True),
        ):  # fmt: skip
            p = [0.58, 0.0, 0.22]
            p[axis] = value
            assert bool(arm(tuple(p))) is bad


def test_an_undeclared_instrument_and_a_force_over_the_trip_are_causes() -> None:
    m = memory()
    m.contact.instrument = Instrument.UNKNOWN
    assert causes.arm(m, inputs(), LIMITS) & mask(Cause.INSTRUMENT_UNKNOWN)
    for force_n, over in ((25.0, False), (25.01, True)):
        m, i = memory(), inputs()
        m.contact.force_n, m.contact.stamp_ns = (0.0, 0.0, force_n - 0.5), T0 - MS
        m.contact.valid_since_ns = T0 - S
        i = replace(i, arm=replace(i.arm, force_n=(0.0, 0.0, force_n)))
        found = causes.arm(m, i, LIMITS)
        assert bool(found & mask(Cause.FORCE_OVER_LIMIT)) is over
        assert not found & mask(Cause.FORCE_SENSOR_INVALID)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loop_ms", True), ("slot_window", True), ("slot_window", 40.0), ("auto_lift", 1),
        ("loop_ms", "50"), ("workspace_min_m", [0.3, True, 0.1]), ("workspace_min_m", 0.3),
    ],
)  # fmt: skip
def test_a_limit_of_another_kind_is_refused(name: str, value: object) -> None:
    with pytest.raises(LimitsError, match=name):
        from_json({name: value})
