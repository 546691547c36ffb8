"""What follows a step of the machine: consent, epoch, power, held force, the stop meter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import MS, S, arm_state

from safety.follow import follow
from safety.limits import Limits
from safety.machine import Machine
from safety.memory import Memory
from safety.messages import GUARD_STEP, GuardInputs
from safety.states import Cause, NeedlePlan, State
from safety.transitions import mask

T0 = 1000 * S
LIMITS = Limits()
BLANK = GUARD_STEP.unpack(bytes(GUARD_STEP.size)).inputs
EPOCH = 1 << 32


def inputs(now: int = T0, **arm: object) -> GuardInputs:
    return replace(BLANK, now_ns=now, arm=replace(arm_state(now), **arm))  # type: ignore[arg-type]


def memory(state: State, **machine: object) -> Memory:
    m = Memory()
    m.machine = Machine(state=state, since_ns=T0 - S, **machine)  # type: ignore[arg-type]
    m.epoch.value = m.epoch.durable = EPOCH
    m.arm.lost = False
    m.contact.valid_since_ns = 1
    m.contact.force_n = (0.0, 0.0, 7.0)
    m.last_force_n = 3.0
    m.consent.give(T0 - S)
    m.discomfort = True
    m.mark.ok = True
    m.needle.plan = NeedlePlan.CONFIRMED
    return m


def go(m: Memory, state: State, bits: int = 0, **more: object) -> Memory:
    """The machine moved to `state`; with `allowed`, `rest` or machine fields in `more`."""
    allowed, rest = bool(more.pop("allowed", False)), bool(more.pop("rest", False))
    before = m.machine
    since_ns = before.since_ns if state == before.state else T0
    m.machine = replace(before, state=state, since_ns=since_ns, **more)  # type: ignore[arg-type]
    follow(m, inputs(), before, bits, allowed, rest, LIMITS)
    return m


@pytest.mark.parametrize(
    ("before", "after", "rises"),
    [
        (State.QUALIFIED, State.ARMED, True), (State.HOLD, State.ARMED, True),
        (State.LOCAL, State.IDLE, True), (State.LOCAL, State.SAFE_STOP, True),
        (State.ARMED, State.ACTIVE, False), (State.ACTIVE, State.HOLD, False),
        (State.ARMED, State.ARMED, False), (State.HOLD, State.LOCAL, False),
    ],
)  # fmt: skip
def test_where_old_commands_die(before: State, after: State, rises: bool) -> None:
    m = go(memory(before), after)
    assert (m.epoch.value > EPOCH) is rises
    assert (m.deadman.epoch == m.epoch.value) is rises


@pytest.mark.parametrize("state", list(State))
def test_a_gap_of_guard_ends_the_epoch_but_not_in_set_up(state: State) -> None:
    m = go(memory(state), state, mask(Cause.GUARD_OVERRUN))
    setup = state in (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED)
    assert (m.epoch.value > EPOCH) is not setup
    assert go(memory(state), state, mask(Cause.SERVO_LOST)).epoch.value == EPOCH


def test_a_press_counts_where_it_arms_and_discomfort_ends_there() -> None:
    m = memory(State.QUALIFIED)
    m.consent.revoke()
    go(m, State.ARMED, allowed=True)
    assert (m.consent.given_ns, m.discomfort) == (T0, False)
    again = go(m, State.ARMED, allowed=False)
    assert again.consent.given_ns == T0
    refused = memory(State.QUALIFIED)
    refused.consent.revoke()
    assert go(refused, State.QUALIFIED, allowed=True).consent.given_ns == 0


@pytest.mark.parametrize(
    ("cause", "proven"), [(Cause.MEDIA_LOST, False), (Cause.CONSOLE_STOP, True)]
)
def test_what_ends_consent_with_the_picture_ends_the_proof_of_a_view(
    cause: Cause, proven: bool
) -> None:
    m = go(memory(State.ACTIVE), State.HOLD, latched=mask(cause))
    assert m.consent.given_ns == 0
    assert m.mark.ok is proven
    kept = memory(State.ACTIVE)
    go(kept, State.HOLD, latched=mask(Cause.PICTURE_FROZEN))
    assert (kept.consent.given_ns > 0, kept.mark.ok) == (True, True), "it may still resume"


@pytest.mark.parametrize(("state", "cause", "proven"), [
    (State.SAFE_STOP, Cause.MEDIA_LOST, False), (State.LOCAL, Cause.MEDIA_LOST, False),
    (State.SAFE_STOP, Cause.CONSOLE_STOP, True), (State.HOLD, Cause.MEDIA_LOST, True),
    (State.ARMED, Cause.MEDIA_LOST, True),
])  # fmt: skip
def test_where_nobody_can_go_on_a_lost_picture_ends_the_proof(
    state: State, cause: Cause, proven: bool
) -> None:
    assert go(memory(State.ACTIVE), state, mask(cause)).mark.ok is proven


def test_without_a_consent_nothing_ends_with_it() -> None:
    m = memory(State.HOLD)
    m.consent.revoke()
    assert go(m, State.HOLD, latched=mask(Cause.MEDIA_LOST)).mark.ok
    late = memory(State.ACTIVE)
    assert go(late, State.ACTIVE, allowed=True).consent.given_ns == T0 - S, "given in ARMED only"


@pytest.mark.parametrize("state", [State.SAFE_STOP, State.FAULT, State.ESTOP, State.LOCAL])
def test_a_plan_ends_with_every_stop_and_with_hand_guiding(state: State) -> None:
    assert go(memory(State.ACTIVE), state).needle.plan == NeedlePlan.NONE
    assert go(memory(State.ACTIVE), State.HOLD).needle.plan == NeedlePlan.CONFIRMED


@pytest.mark.parametrize(
    ("before", "after", "held_n"),
    [
        (State.ACTIVE, State.HOLD, 7.0), (State.DEGRADED, State.SAFE_STOP, 7.0),
        (State.QUALIFIED, State.ARMED, 7.0), (State.LOCAL, State.HOLD, 7.0),
        (State.HOLD, State.SAFE_STOP, 3.0), (State.ARMED, State.HOLD, 3.0),
        (State.ACTIVE, State.ACTIVE, 3.0),
    ],
)  # fmt: skip
def test_the_force_that_is_held_is_that_of_the_stop(
    before: State, after: State, held_n: float
) -> None:
    assert go(memory(before), after).last_force_n == held_n


def test_a_pull_and_an_unknown_force_are_held_as_none() -> None:
    m = memory(State.ACTIVE)
    m.contact.force_n = (0.0, 0.0, -0.4)
    assert go(m, State.HOLD).last_force_n == 0.0
    blind = memory(State.ACTIVE)
    blind.contact.valid_since_ns = 0
    assert go(blind, State.HOLD).last_force_n == 0.0


def test_ramps_begin_with_an_engagement_and_with_a_recovery() -> None:
    m = memory(State.ARMED, engagement=4)
    m.recovered_ns = 5
    go(m, State.ACTIVE, engagement=5)
    assert (m.engaged_ns, m.recovered_ns) == (T0, 0)
    slow = memory(State.DEGRADED, engagement=5)
    assert go(slow, State.ACTIVE).recovered_ns == T0
    assert slow.engaged_ns == 0
    assert go(memory(State.ARMED), State.ACTIVE).recovered_ns == 0
    assert go(memory(State.DEGRADED), State.HOLD).recovered_ns == 0


def test_a_hold_from_motion_remembers_the_hand() -> None:
    m = memory(State.ACTIVE)
    m.deadman.edges, m.deadman.fresh = 9, True
    go(m, State.HOLD)
    assert (m.deadman.hold_edges, m.deadman.fresh) == (9, False)
    armed = memory(State.ARMED)
    armed.deadman.edges = 9
    assert go(armed, State.HOLD).deadman.hold_edges == 0
    latched = memory(State.ACTIVE)
    latched.deadman.edges = 9
    assert go(latched, State.SAFE_STOP).deadman.hold_edges == 0


@pytest.mark.parametrize(
    ("state", "cause", "cut"),
    [
        (State.ESTOP, Cause.BEDSIDE_ESTOP, True),
        (State.FAULT, Cause.BRAKE_FAILED, True),
        (State.FAULT, Cause.STANDSTILL_VIOLATED, True),
        (State.FAULT, Cause.BEDSIDE_ESTOP, True),
        (State.FAULT, Cause.SPEED_OVER_PERMIT, False),
        (State.FAULT, Cause.ARM_SILENT, False),
        (State.SAFE_STOP, Cause.BRAKE_FAILED, False),
        (State.HOLD, Cause.CONSOLE_STOP, False),
    ],
)
def test_power_is_cut_where_brakes_are_not_enough(state: State, cause: Cause, cut: bool) -> None:
    m = go(memory(State.ACTIVE), state, mask(cause))
    assert (m.power.cut, m.power.ordered) == (cut, not cut)


@pytest.mark.parametrize(
    ("before", "back"),
    [(State.ESTOP, True), (State.FAULT, True), (State.LOCAL, False), (State.SAFE_STOP, False)],
)
def test_power_comes_back_on_the_way_out_of_estop_and_fault_only(before: State, back: bool) -> None:
    m = memory(before)
    m.power.set_cut(True)
    go(m, State.SAFE_STOP)
    assert (m.power.cut, m.power.ordered) == (not back, back)


def test_power_waits_for_a_durable_epoch_and_for_the_arm() -> None:
    for spoil in ("epoch", "arm"):
        m = memory(State.INIT)
        if spoil == "epoch":
            m.epoch.durable = 0
        else:
            m.arm.lost = True
        assert not go(m, State.INIT).power.ordered
    assert go(memory(State.INIT), State.INIT).power.ordered


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (State.ACTIVE, State.HOLD, True), (State.DEGRADED, State.FAULT, True),
        (State.LOCAL, State.SAFE_STOP, True), (State.HOLD, State.SAFE_STOP, False),
        (State.ACTIVE, State.DEGRADED, False), (State.ARMED, State.HOLD, False),
    ],
)  # fmt: skip
def test_a_stop_is_measured_from_motion(before: State, after: State, counts: bool) -> None:
    m = memory(before)
    m.stop.stop_ms = 12.0
    go(m, after)
    assert m.stop.running is counts
    assert m.stop.stop_ms == (-1.0 if counts else 12.0)
    assert (m.stop.order_ns == T0) is counts


def test_a_stop_ends_with_the_first_sample_at_rest_after_the_order() -> None:
    m = go(memory(State.ACTIVE), State.HOLD)

    def seen(stamp: int, rest: bool) -> float:
        i = replace(inputs(T0 + 60 * MS), arm=replace(arm_state(stamp)))
        follow(m, i, m.machine, 0, False, rest, LIMITS)
        return m.stop.stop_ms

    assert seen(T0, True) == -1.0, "a sample of before the order"
    assert seen(T0 + 30 * MS, False) == -1.0
    assert seen(T0 + 40 * MS, True) == pytest.approx(40.0)
    assert (m.stop.running, m.stop.force_n) == (False, 7.0)
    assert seen(T0 + 80 * MS, True) == pytest.approx(40.0), "measured once"
