"""Transitions that people, time or the set-up make: with all their parts, not without any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from safety.limits import Limits
from safety.machine import Facts, Machine, step
from safety.states import Cause, State
from safety.transitions import BLOCKING, SHORT_MASK, mask

NOW = 1_000_000_000_000
MS, S = 1_000_000, 1_000_000_000
LIMITS = Limits()
LATE_BITS = mask(Cause.LOOP_LATENCY)
AGE_BITS = mask(Cause.COMMAND_AGE)
SHORT_NS = round(LIMITS.short_hold_ms * MS)
WINDOW_NS = round(LIMITS.short_hold_window_s * S)
CLEAN_NS = round(LIMITS.degraded_clean_s * S)
SET_UP = {"alive": True, "connected": True, "qualified": True}


def after(machine: Machine, **facts: Any) -> Machine:
    return step(machine, Facts(NOW, **facts), LIMITS)


def held(state: State = State.HOLD, *causes: Cause, **more: Any) -> Machine:
    found = {"since_ns": NOW - 10 * MS, "latched": mask(*causes), "clean_since_ns": 5, **more}
    return Machine(state, first_out=causes[0] if causes else Cause.NONE, **found)


MADE: tuple[tuple[Machine, dict[str, Any], State], ...] = (
    (Machine(State.INIT), {"alive": True}, State.IDLE),
    (Machine(State.IDLE), {"alive": True, "connected": True}, State.CONNECTED),
    (Machine(State.CONNECTED), SET_UP, State.QUALIFIED),
    (Machine(State.QUALIFIED), {**SET_UP, "allow": True, "ready": True}, State.ARMED),
    (held(State.HOLD, Cause.COMMAND_AGE), {"allow": True, "ready": True}, State.ARMED),
    (Machine(State.ARMED), {"edge": True, "consent": True}, State.ACTIVE),
    (Machine(State.ACTIVE), {"late": LATE_BITS}, State.DEGRADED),
    (held(State.HOLD, Cause.OPERATOR_RELEASE), {"edge": True, "consent": True}, State.ACTIVE),
    (held(State.HOLD, Cause.COMMAND_AGE), {"resumable": True, "consent": True}, State.DEGRADED),
    (held(State.SAFE_STOP, Cause.FORCE_OVER_LIMIT, acknowledged=True),
     {"allow": True, "ready": True}, State.ARMED),
    (held(State.FAULT, Cause.BRAKE_FAILED, acknowledged=True),
     {"allow": True, "ready": True}, State.ARMED),
    (held(State.SAFE_STOP, Cause.FORCE_OVER_LIMIT),
     {"acknowledge": True, "allow": True, "ready": True}, State.ARMED),
    (held(State.ESTOP, Cause.BEDSIDE_ESTOP, acknowledged=True),
     {"allow": True, "power_cut": True}, State.SAFE_STOP),
    (held(State.FAULT, Cause.BRAKE_FAILED, acknowledged=True),
     {"allow": True, "power_cut": True}, State.SAFE_STOP),
    (held(State.HOLD, Cause.COMMAND_AGE), {"local_enter": True, "at_rest": True}, State.LOCAL),
    (held(State.SAFE_STOP, Cause.FORCE_OVER_LIMIT),
     {"local_enter": True, "at_rest": True}, State.LOCAL),
    (held(State.LOCAL, local_from=State.SAFE_STOP), {"local_exit": True}, State.SAFE_STOP),
    (held(State.LOCAL, local_from=State.HOLD), {"local_exit": True}, State.IDLE),
)  # fmt: skip


@pytest.mark.parametrize(("machine", "facts", "target"), MADE)
def test_it_happens_with_all_its_parts_and_without_any_of_them_it_does_not(
    machine: Machine, facts: dict[str, Any], target: State
) -> None:
    assert after(machine, **facts).state == target
    assert after(machine, **facts).since_ns == NOW
    for part in facts:
        found = after(machine, **{k: v for k, v in facts.items() if k != part}).state
        assert found != target, part


@pytest.mark.parametrize(("machine", "facts", "target"), MADE)
def test_a_person_moves_nothing_on_while_a_cause_is_there(
    machine: Machine, facts: dict[str, Any], target: State
) -> None:
    """Also when that cause has been latched before, so that it makes no new reaction."""
    if "allow" not in facts and "resumable" not in facts:
        return
    for cause in Cause:
        bit = mask(cause)
        if not bit & BLOCKING[machine.state]:
            continue
        known = replace(machine, latched=machine.latched | bit)
        assert after(known, **facts, causes=bit).state != target, cause.name


def test_acknowledged_without_a_cut_and_power_without_both_people_stay_apart() -> None:
    stopped = held(State.FAULT, Cause.BRAKE_FAILED, acknowledged=True)
    assert after(stopped, allow=True, ready=True, power_cut=True).state == State.SAFE_STOP
    unread = replace(stopped, acknowledged=False)
    assert after(unread, allow=True, ready=True).state == State.FAULT
    assert after(unread, allow=True, power_cut=True).state == State.FAULT
    for cause in (Cause.BEDSIDE_STOP, Cause.BEDSIDE_ESTOP):
        pressed = held(State.ESTOP, Cause.BEDSIDE_ESTOP, Cause.BEDSIDE_STOP, acknowledged=True)
        found = after(pressed, allow=True, power_cut=True, causes=mask(cause))
        assert found.state == State.ESTOP


@pytest.mark.parametrize("state", State)
def test_only_a_latched_stop_can_be_acknowledged(state: State) -> None:
    machine = Machine(state, latched=mask(Cause.COMMAND_AGE), since_ns=NOW)
    read = state in (State.SAFE_STOP, State.ESTOP, State.FAULT)
    assert after(machine, acknowledge=True, alive=True).acknowledged == read
    assert not after(machine, alive=True).acknowledged
    if read:
        assert after(replace(machine, acknowledged=True), acknowledge=True).acknowledged
        assert after(replace(machine, acknowledged=True)).acknowledged


@pytest.mark.parametrize("state", State)
def test_time_without_lateness_counts_anew_while_it_moves_only(state: State) -> None:
    machine = Machine(state, since_ns=NOW, clean_since_ns=NOW - 10 * MS)
    moving = state in (State.ACTIVE, State.DEGRADED)
    wanted = NOW if moving else NOW - 10 * MS
    assert after(machine, late=LATE_BITS, **SET_UP).clean_since_ns == wanted
    assert after(machine, **SET_UP).clean_since_ns == NOW - 10 * MS


def test_degraded_ends_when_it_was_clean_for_its_time() -> None:
    machine = Machine(State.DEGRADED, clean_since_ns=NOW - CLEAN_NS, latched=LATE_BITS)
    assert after(machine).state == State.ACTIVE
    assert (after(machine).latched, after(machine).first_out) == (0, Cause.NONE)
    assert after(replace(machine, clean_since_ns=NOW - CLEAN_NS + 1)).state == State.DEGRADED
    assert after(Machine(State.ACTIVE)).state == State.ACTIVE, "nothing is late"


def test_what_each_engagement_leaves_behind() -> None:
    armed = after(Machine(State.ARMED, engagement=7), edge=True, consent=True)
    assert (armed.engagement, armed.clean_since_ns, armed.short_holds_ns) == (8, NOW, ())
    resumed = after(held(State.HOLD, Cause.OPERATOR_RELEASE), edge=True, consent=True)
    assert (resumed.engagement, resumed.latched, resumed.first_out) == (1, 0, Cause.NONE)
    assert (resumed.clean_since_ns, resumed.short_holds_ns) == (NOW, ())
    short = after(held(State.HOLD, Cause.COMMAND_AGE), resumable=True, consent=True)
    assert (short.engagement, short.clean_since_ns, short.short_holds_ns) == (1, NOW, (NOW,))
    allowed = after(held(State.HOLD, Cause.COMMAND_AGE), allow=True, ready=True)
    assert (allowed.engagement, allowed.latched, allowed.acknowledged) == (0, 0, False)
    left = after(held(State.LOCAL, Cause.COMMAND_AGE, local_from=State.HOLD), local_exit=True)
    assert (left.latched, left.first_out, left.acknowledged) == (0, Cause.NONE, False)


def test_a_released_deadman_is_resumed_only_when_nothing_else_was_wrong() -> None:
    more = held(State.HOLD, Cause.OPERATOR_RELEASE, Cause.COMMAND_AGE)
    assert after(more, edge=True, consent=True).state == State.HOLD
    assert after(held(State.HOLD), edge=True, consent=True).state == State.HOLD


def test_a_short_hold_at_the_border_of_its_time() -> None:
    machine = held(State.HOLD, Cause.COMMAND_AGE, since_ns=NOW - SHORT_NS)
    assert after(machine, resumable=True, consent=True).state == State.DEGRADED
    older = replace(machine, since_ns=NOW - SHORT_NS - 1)
    assert after(older, resumable=True, consent=True).state == State.HOLD


@pytest.mark.parametrize("cause", [c for c in Cause if c != Cause.NONE])
def test_only_short_causes_end_by_themselves(cause: Cause) -> None:
    machine = held(State.HOLD, Cause.COMMAND_AGE, cause)
    short = bool(mask(cause) & SHORT_MASK)
    resumed = after(machine, resumable=True, consent=True).state == State.DEGRADED
    assert resumed == short
    assert after(held(State.HOLD), resumable=True, consent=True).state == State.HOLD, "no cause"


def test_so_many_short_holds_and_no_more() -> None:
    machine = held(State.HOLD, Cause.COMMAND_AGE)
    recent = tuple(NOW - WINDOW_NS + 1 + n for n in range(LIMITS.short_hold_count))
    used = replace(machine, short_holds_ns=recent)
    assert after(used, resumable=True, consent=True).state == State.HOLD
    one_left = replace(machine, short_holds_ns=(NOW - WINDOW_NS, *recent[1:]))
    assert after(one_left, resumable=True, consent=True).state == State.DEGRADED


def test_the_arm_is_not_taken_with_a_cause_that_would_end_it_at_once() -> None:
    stopped = held(State.SAFE_STOP, Cause.FORCE_OVER_LIMIT)
    force = mask(Cause.FORCE_OVER_LIMIT)
    found = after(stopped, local_enter=True, at_rest=True, causes=force)
    assert found.state == State.SAFE_STOP
    assert after(stopped, local_enter=True, at_rest=True).local_from == State.SAFE_STOP


def test_a_cause_in_local_gives_back_what_it_was_taken_from() -> None:
    page = mask(Cause.BEDSIDE_PAGE_LOST)
    old = mask(Cause.FORCE_OVER_LIMIT)
    taken = held(State.LOCAL, Cause.FORCE_OVER_LIMIT, local_from=State.SAFE_STOP)
    found = after(taken, causes=page)
    assert (found.state, found.latched, found.first_out) == (
        State.SAFE_STOP, old | page, Cause.FORCE_OVER_LIMIT
    )  # fmt: skip
    free = held(State.LOCAL, Cause.FORCE_OVER_LIMIT, local_from=State.IDLE)
    found = after(free, causes=page)
    assert (found.state, found.latched, found.first_out) == (
        State.HOLD, page, Cause.BEDSIDE_PAGE_LOST
    )  # fmt: skip
    assert after(taken, causes=mask(Cause.BRAKE_FAILED)).state == State.FAULT
    moving = held(State.ACTIVE, Cause.FORCE_OVER_LIMIT, local_from=State.SAFE_STOP)
    found = after(moving, causes=AGE_BITS)
    assert (found.state, found.latched, found.since_ns) == (State.HOLD, AGE_BITS, NOW)


def test_a_further_cause_of_the_same_stop_keeps_its_time_and_its_first_cause() -> None:
    machine = held(State.HOLD, Cause.CONSOLE_LOST)
    found = after(machine, causes=mask(Cause.CONSENT_EXPIRED))
    assert (found.state, found.since_ns) == (State.HOLD, machine.since_ns)
    assert found.first_out == Cause.CONSOLE_LOST
    worse = after(machine, causes=mask(Cause.BRAKE_FAILED))
    assert (worse.state, worse.since_ns) == (State.FAULT, NOW)


def test_a_worse_state_of_what_is_known_is_not_acknowledged_by_itself() -> None:
    machine = held(State.SAFE_STOP, Cause.BRAKE_FAILED)
    bit = mask(Cause.BRAKE_FAILED)
    assert not after(machine, causes=bit).acknowledged
    assert after(replace(machine, acknowledged=True), causes=bit).acknowledged
    more = replace(machine, acknowledged=True)
    assert not after(more, causes=bit | mask(Cause.WORKSPACE, Cause.SHUTDOWN)).acknowledged


def test_of_several_causes_the_lowest_number_is_the_first() -> None:
    both = mask(Cause.BEDSIDE_STOP, Cause.FORCE_OVER_LIMIT)
    found = after(Machine(State.ACTIVE), causes=both).first_out
    assert found == min(Cause.BEDSIDE_STOP, Cause.FORCE_OVER_LIMIT)


@pytest.mark.parametrize(
    ("state", "lost", "target"),
    [
        (State.IDLE, "alive", State.INIT),
        (State.CONNECTED, "alive", State.INIT),
        (State.QUALIFIED, "alive", State.INIT),
        (State.CONNECTED, "connected", State.IDLE),
        (State.QUALIFIED, "connected", State.IDLE),
        (State.QUALIFIED, "qualified", State.CONNECTED),
    ],
)
def test_the_set_up_falls_to_the_rung_below_what_is_lost(
    state: State, lost: str, target: State
) -> None:
    stands = {**SET_UP, "qualified": state == State.QUALIFIED, "connected": state != State.IDLE}
    assert after(Machine(state), **stands).state == state
    assert after(Machine(state), **{**stands, lost: False}).state == target
