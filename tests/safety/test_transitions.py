"""The exhaustive table: every state x every cause, against a table written out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safety.limits import Limits
from safety.machine import Facts, Machine, step
from safety.states import Cause, State
from safety.transitions import (
    CAUSES,
    LATCHED,
    MOVING,
    REACTIONS,
    SETUP,
    SEVERITY,
    TRANSITIONS,
    When,
    mask,
    reaction,
)

NOW = 1_000_000_000_000
LIMITS = Limits()

# setup, armed (off the skin / on it), moving, hold, local; "." = no reaction.
# B back to set-up, H HOLD, S SAFE_STOP, F FAULT, E ESTOP.
EXPECTED = {
    "OPERATOR_RELEASE": ". .. H . .",
    "COMMAND_AGE": ". BH H H .",
    "MISSED_SLOTS": ". BH H H .",
    "LOOP_LATENCY": ". BH H H .",
    "PICTURE_FROZEN": ". BH H H .",
    "PICTURE_STALE": ". BH H H .",
    "PICTURE_NOT_LIVE": ". BH H H .",
    "FRAME_ID_INVALID": ". BH H H .",
    "COMMAND_INVALID": ". BH H H .",
    "CONSOLE_LOST": ". BH H H .",
    "CONSOLE_STOP": ". BH H H .",
    "LEASE_CHANGED": ". BH H H .",
    "LIMITS_MISMATCH": ". BH H H .",
    "BEDSIDE_PAGE_LOST": ". BH H H H",
    "BEDSIDE_PAGE_HIDDEN": ". BH H H H",
    "BEDSIDE_SOUND_OFF": ". BH H H H",
    "BEDSIDE_INPUT_LOST": ". BH H H H",
    "BEDSIDE_STOP": "S SS S S S",
    "BEDSIDE_ESTOP": "E EE E E E",
    "BEDSIDE_TOOK_ARM": ". HH H H .",
    "PATIENT_DISCOMFORT": ". BH H H .",
    "GATEWAY_LOST": ". BH H H .",
    "GATEWAY_RESTARTED": ". BH H H .",
    "MEDIA_LOST": ". BH H H .",
    "MEDIA_RESTARTED": ". BH H H .",
    "LINK_UNSTABLE": ". SS S S .",
    "HOLD_TOO_LONG": ". .. . S .",
    "CONSENT_EXPIRED": ". BH H H .",
    "FORCE_OVER_LIMIT": "S SS S S S",
    "FORCE_SENSOR_INVALID": ". SS S S S",
    "INSTRUMENT_UNKNOWN": ". SS S S .",
    "WORKSPACE": ". .. H . .",
    "SPEED_OVER_PERMIT": "F FF F F F",
    "STANDSTILL_VIOLATED": "F FF F F F",
    "ARM_SILENT": ". FF F F F",
    "ARM_POWER_LOST": ". SS S S S",
    "SERVO_LOST": ". SS S S S",
    "SERVO_IGNORES_PERMIT": "F FF F F F",
    "BRAKE_FAILED": "F FF F F F",
    "GUARD_OVERRUN": ". SS S S S",
    "GUARD_RESTARTED": "S SS S S S",
    "SUPERVISOR_LOST": "S SS S S S",
    "SHUTDOWN": "S SS S S S",
    "EPOCH_STORE_FAILED": ". SS S S S",
    "INTERNAL_ERROR": "F FF F F F",
    "SERVO_RESTARTED": ". SS S S S",
    "ARM_RESTARTED": ". SS S S S",
    "LINK_LOST": ". .. . . .",
    "POSE_INVALID": ". FF F F F",
    "FORCE_RATE_OVER_LIMIT": ". BH H H H",
    "CONTACT_POWER_OVER_LIMIT": ". SS S S H",
}
LETTER = {
    "B": State.QUALIFIED,
    "H": State.HOLD,
    "S": State.SAFE_STOP,
    "F": State.FAULT,
    "E": State.ESTOP,
}
RANK = {".": -1, "B": 0, "H": 2, "S": 3, "F": 4, "E": 5}
OWN_RANK = {State.SAFE_STOP: 3, State.FAULT: 4, State.ESTOP: 5}


def expected(state: State, cause: Cause, off_skin: bool) -> State:
    """The state after `cause` alone, from the table above."""
    setup, armed, moving, hold, local = EXPECTED[cause.name].split()
    if state in OWN_RANK:
        worst = max(setup + armed + moving + hold + local, key=RANK.__getitem__)
        return LETTER[worst] if RANK[worst] > OWN_RANK[state] else state
    if state in SETUP:
        letter = setup
    elif state == State.ARMED:
        letter = armed[0] if off_skin else armed[1]
    else:
        letter = {State.HOLD: hold, State.LOCAL: local}.get(state, moving)
    return state if letter == "." else LETTER[letter]


CALM = Facts(now_ns=NOW, alive=True, connected=True, qualified=True)


def settled(state: State) -> Facts:
    """Facts under which nothing but a cause moves `state`."""
    if state == State.INIT:
        return replace(CALM, alive=False)
    if state == State.IDLE:
        return replace(CALM, connected=False)
    if state == State.CONNECTED:
        return replace(CALM, qualified=False)
    return CALM


def machine(state: State, **changes: object) -> Machine:
    start = Machine(state=state, since_ns=NOW - 5_000_000, clean_since_ns=NOW)
    if state in (State.HOLD, *LATCHED):
        start = replace(start, first_out=Cause.CONSOLE_STOP, latched=mask(Cause.CONSOLE_STOP))
    return replace(start, **changes)  # type: ignore[arg-type]


def test_every_cause_has_exactly_one_row() -> None:
    assert [row.cause for row in CAUSES] == [c for c in Cause if c != Cause.NONE]
    assert set(EXPECTED) == {c.name for c in Cause if c != Cause.NONE}


@pytest.mark.parametrize("state", list(State))
def test_every_state_times_every_cause(state: State) -> None:
    for cause in Cause:
        if cause == Cause.NONE:
            continue
        for off_skin in (False, True):
            facts = replace(settled(state), causes=mask(cause), off_skin=off_skin)
            before = machine(state)
            after = step(before, facts, LIMITS)
            assert after.state == expected(state, cause, off_skin), (state.name, cause.name)
            if after.state != before.state or after.latched != before.latched:
                assert after.latched & mask(cause)
            if after.state != state and state not in (State.HOLD, *LATCHED):
                assert after.first_out == cause
            if state in (State.HOLD, *LATCHED):
                assert after.first_out == Cause.CONSOLE_STOP, "the first-out cause stays"


@pytest.mark.parametrize("state", list(State))
def test_of_two_causes_the_worse_one_decides(state: State) -> None:
    for one in list(Cause)[1:]:
        for two in list(Cause)[1:]:
            facts = replace(settled(state), causes=mask(one, two) if one != two else mask(one))
            after = step(machine(state), facts, LIMITS)
            wanted = [expected(state, c, False) for c in (one, two)]
            assert after.state == max(wanted, key=lambda s: (SEVERITY[s], s != state))


def test_causes_never_lead_to_a_milder_state() -> None:
    for state in State:
        for cause in list(Cause)[1:]:
            to = reaction(state, cause)
            if to is None:
                continue
            if state in SETUP or to == State.QUALIFIED:
                assert to not in MOVING
            else:
                assert SEVERITY[to] >= SEVERITY[state]


def test_no_cause_ever_leads_into_motion() -> None:
    assert not {to for rows in REACTIONS.values() for to, _ in rows} & {
        *MOVING, State.ARMED, State.LOCAL,
    }  # fmt: skip


def test_an_operator_release_gives_way_to_the_first_real_cause() -> None:
    held = machine(
        State.HOLD, first_out=Cause.OPERATOR_RELEASE, latched=mask(Cause.OPERATOR_RELEASE)
    )
    after = step(held, replace(CALM, causes=mask(Cause.GATEWAY_LOST)), LIMITS)
    assert (after.state, after.first_out) == (State.HOLD, Cause.GATEWAY_LOST)
    assert after.latched == mask(Cause.OPERATOR_RELEASE, Cause.GATEWAY_LOST)


def test_a_new_cause_asks_for_a_new_acknowledgement() -> None:
    stopped = machine(State.SAFE_STOP, acknowledged=True)
    after = step(stopped, replace(CALM, causes=mask(Cause.FORCE_OVER_LIMIT)), LIMITS)
    assert not after.acknowledged
    same = step(replace(after, acknowledged=True), replace(CALM, causes=after.latched), LIMITS)
    assert same.acknowledged, "the same cause again is nothing new"


def test_upward_transitions_are_exactly_those_of_the_design() -> None:
    up = {
        (source, row.target, row.when)
        for row in TRANSITIONS
        for source in row.sources
        if SEVERITY[row.target] < SEVERITY[source]
    }
    assert up == {
        (State.DEGRADED, State.ACTIVE, When.CLEAN),
        (State.HOLD, State.DEGRADED, When.SHORT_HOLD_OVER),
        (State.HOLD, State.ACTIVE, When.OPERATOR_RESUMED),
        (State.HOLD, State.ARMED, When.ALLOWED),
        (State.HOLD, State.LOCAL, When.LOCAL_TAKEN),
        (State.SAFE_STOP, State.LOCAL, When.LOCAL_TAKEN),
        (State.SAFE_STOP, State.ARMED, When.RELEASED_BY_BOTH),
        (State.FAULT, State.ARMED, When.RELEASED_BY_BOTH),
        (State.FAULT, State.SAFE_STOP, When.POWERED_AGAIN),
        (State.ESTOP, State.SAFE_STOP, When.POWERED_AGAIN),
    }


def test_motion_is_entered_only_from_armed_hold_and_degraded() -> None:
    into = {(s, row.when) for row in TRANSITIONS for s in row.sources if row.target in MOVING}
    assert into == {
        (State.ARMED, When.ENGAGED),
        (State.ACTIVE, When.LATE),
        (State.DEGRADED, When.CLEAN),
        (State.HOLD, When.OPERATOR_RESUMED),
        (State.HOLD, When.SHORT_HOLD_OVER),
    }


FACTS = ("ready", "allow", "consent", "edge", "resumable", "acknowledge", "local_enter",
         "local_exit", "at_rest", "power_cut")  # fmt: skip


@pytest.mark.parametrize("state", LATCHED)
def test_a_latched_state_is_left_only_by_both_people(state: State) -> None:
    """Every combination of facts: without acknowledgement and press nothing milder follows."""
    for bits in range(1 << len(FACTS)):
        chosen = {name: bool(bits >> n & 1) for n, name in enumerate(FACTS)}
        after = step(machine(state), replace(CALM, **chosen), LIMITS)
        if after.state in (state, State.LOCAL):
            continue
        assert chosen["acknowledge"]
        assert chosen["allow"]
        assert after.state == (State.SAFE_STOP if chosen["power_cut"] else State.ARMED)


def test_local_taken_from_a_latched_stop_gives_it_back_latched() -> None:
    taken = step(machine(State.SAFE_STOP), replace(CALM, local_enter=True, at_rest=True), LIMITS)
    assert (taken.state, taken.latched) == (State.LOCAL, mask(Cause.CONSOLE_STOP))
    lost = step(taken, replace(CALM, causes=mask(Cause.BEDSIDE_PAGE_LOST)), LIMITS)
    assert lost.state == State.SAFE_STOP, "not a mere HOLD"
    back = step(taken, replace(CALM, local_exit=True), LIMITS)
    assert (back.state, back.first_out) == (State.SAFE_STOP, Cause.CONSOLE_STOP)
    from_hold = step(machine(State.HOLD), replace(CALM, local_enter=True, at_rest=True), LIMITS)
    idle = step(from_hold, replace(CALM, local_exit=True), LIMITS)
    assert (idle.state, idle.latched) == (State.IDLE, 0)


def test_local_is_refused_while_moving_or_with_a_cause_that_would_end_it() -> None:
    for facts in (
        replace(CALM, local_enter=True, at_rest=False),
        replace(CALM, local_enter=True, at_rest=True, causes=mask(Cause.BEDSIDE_PAGE_HIDDEN)),
    ):
        assert step(machine(State.HOLD), facts, LIMITS).state == State.HOLD


def test_set_up_climbs_one_rung_per_step_and_falls_at_once() -> None:
    m = machine(State.INIT)
    seen = []
    for _ in range(4):
        m = step(m, CALM, LIMITS)
        seen.append(m.state)
    assert seen == [State.IDLE, State.CONNECTED, State.QUALIFIED, State.QUALIFIED]
    assert step(m, replace(CALM, qualified=False), LIMITS).state == State.CONNECTED
    assert step(m, replace(CALM, connected=False), LIMITS).state == State.IDLE
    assert step(m, replace(CALM, alive=False), LIMITS).state == State.INIT
