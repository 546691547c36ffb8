"""What people tell guard, one event at a time: who is heard, and what they then want."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import BEDSIDE, CONSOLE, MS, S
from test_causes import T0, inputs, memory

from safety.limits import Limits
from safety.machine import Machine
from safety.memory import Memory
from safety.messages import GuardEvent
from safety.people import Wishes, hear
from safety.states import Cause, EventKind, Instrument, NeedlePlan, Source, State
from safety.transitions import mask

LIMITS = Limits()
PAGE, KEY, EXPERT = Source.BEDSIDE_PAGE, Source.BEDSIDE_KEY, Source.CONSOLE
SESSION = {PAGE: BEDSIDE, EXPERT: CONSOLE, KEY: 0, Source.SUPERVISOR: 0}
STATES = list(State)


def say(
    m: Memory, kind: EventKind, source: Source = PAGE, arg: int = 1, session: int = -1,
    now: int = T0,
) -> Wishes:  # fmt: skip
    given = SESSION[source] if session < 0 else session
    i = inputs(now)
    event = GuardEvent(kind, source, arg, given, now, 1)
    return hear(m, replace(i, nonce=55, events=(event, *i.events[1:])), LIMITS)


def quiet(m: Memory, now: int = T0) -> Wishes:
    return hear(m, inputs(now), LIMITS)


def test_silence_wants_nothing() -> None:
    m = memory()
    assert quiet(m) == Wishes()
    assert m.events_refused == 0


@pytest.mark.parametrize(
    ("kind", "source", "state", "cause"),
    [
        (EventKind.STOP, PAGE, State.ACTIVE, Cause.BEDSIDE_STOP),
        (EventKind.STOP, KEY, State.ACTIVE, Cause.BEDSIDE_STOP),
        (EventKind.STOP, EXPERT, State.ACTIVE, Cause.CONSOLE_STOP),
        (EventKind.ESTOP, PAGE, State.ACTIVE, Cause.BEDSIDE_ESTOP),
        (EventKind.ESTOP, KEY, State.IDLE, Cause.BEDSIDE_ESTOP),
        (EventKind.REVOKE_MOTION, PAGE, State.ACTIVE, Cause.CONSENT_EXPIRED),
        (EventKind.LIFT, PAGE, State.ACTIVE, Cause.BEDSIDE_TOOK_ARM),
        (EventKind.LIFT, PAGE, State.HOLD, Cause.BEDSIDE_TOOK_ARM),
        (EventKind.LIFT, PAGE, State.ARMED, Cause.BEDSIDE_TOOK_ARM),
        (EventKind.LIFT, PAGE, State.SAFE_STOP, None),
        (EventKind.LIFT, PAGE, State.LOCAL, None),
        (EventKind.LOCAL_ENTER, PAGE, State.DEGRADED, Cause.BEDSIDE_TOOK_ARM),
        (EventKind.LOCAL_ENTER, PAGE, State.HOLD, None),
        (EventKind.DISCOMFORT, PAGE, State.ACTIVE, Cause.PATIENT_DISCOMFORT),
        (EventKind.SHUTDOWN, Source.SUPERVISOR, State.ACTIVE, Cause.SHUTDOWN),
    ],
)
def test_what_stops(kind: EventKind, source: Source, state: State, cause: Cause | None) -> None:
    m = memory(state)
    m.stop_test.done = True
    assert say(m, kind, source).causes == (mask(cause) if cause else 0)
    assert m.events_refused == 0


def test_what_is_wanted() -> None:
    assert say(memory(State.HOLD), EventKind.ALLOW_MOTION).allow
    assert say(memory(State.HOLD), EventKind.ACKNOWLEDGE, EXPERT).acknowledge
    assert say(memory(State.HOLD), EventKind.LOCAL_ENTER).local_enter
    assert say(memory(State.LOCAL), EventKind.LOCAL_EXIT).local_exit


def test_the_shutdown_stays() -> None:
    m = memory()
    say(m, EventKind.SHUTDOWN, Source.SUPERVISOR)
    assert quiet(m).causes == mask(Cause.SHUTDOWN)


@pytest.mark.parametrize(
    ("kind", "source", "session", "heard"),
    [
        (EventKind.ALLOW_MOTION, PAGE, BEDSIDE + 1, False),
        (EventKind.ALLOW_MOTION, PAGE, 0, False),
        (EventKind.ALLOW_MOTION, EXPERT, CONSOLE, False),
        (EventKind.STOP, PAGE, BEDSIDE + 1, True),
        (EventKind.ESTOP, PAGE, 0, True),
        (EventKind.STOP, EXPERT, CONSOLE + 1, False),
        (EventKind.ACKNOWLEDGE, EXPERT, CONSOLE + 1, False),
    ],
)
def test_only_who_is_in_charge_is_heard_but_a_bedside_stop_always(
    kind: EventKind, source: Source, session: int, heard: bool
) -> None:
    m = memory(State.HOLD)
    m.stop_test.done = True
    wishes = say(m, kind, source, session=session)
    assert (wishes != Wishes()) is heard
    assert m.events_refused == (0 if heard else 1)


def test_nobody_is_in_charge_of_session_zero() -> None:
    m = memory(State.HOLD)
    m.lease.session = m.page.session = 0
    assert say(m, EventKind.ACKNOWLEDGE, EXPERT, session=0) == Wishes()
    assert say(m, EventKind.ALLOW_MOTION, PAGE, session=0) == Wishes()
    assert m.events_refused == 2


def test_a_stop_lasts_while_it_is_pressed_and_becomes_an_emergency() -> None:
    for source in (PAGE, KEY):
        m = memory()
        m.stop_test.done = True
        say(m, EventKind.STOP, source)
        assert quiet(m, T0 + S).causes == mask(Cause.BEDSIDE_STOP)
        assert quiet(m, T0 + 2 * S).causes == mask(Cause.BEDSIDE_STOP, Cause.BEDSIDE_ESTOP)
        assert say(m, EventKind.STOP, source, arg=0, now=T0 + 3 * S).causes == 0
        assert quiet(m, T0 + 9 * S).causes == 0


def test_a_release_of_the_expert_s_stop_is_none() -> None:
    assert say(memory(), EventKind.STOP, EXPERT, arg=0) == Wishes()


@pytest.mark.parametrize("state", STATES)
def test_the_key_tests_the_stop_only_where_nothing_moves(state: State) -> None:
    m = memory(state)
    m.power.on = True
    still = state in (
        State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED, State.SAFE_STOP, State.FAULT,
        State.ESTOP,
    )  # fmt: skip
    wishes = say(m, EventKind.STOP, KEY)
    assert (wishes.causes == 0) is still
    assert m.stop_test.done is still
    assert (quiet(m, T0 + MS).causes == 0) is still, "while it is held"
    assert quiet(m, T0 + 2 * S).causes & mask(Cause.BEDSIDE_ESTOP), "held long, it is meant"
    say(m, EventKind.STOP, KEY, arg=0)
    assert not m.stop_test.pressing


def test_a_press_that_is_told_again_is_the_same_press() -> None:
    m = memory(State.IDLE)
    m.power.on = True
    say(m, EventKind.STOP, KEY)
    assert say(m, EventKind.STOP, KEY, now=T0 + MS).causes == 0, "the test goes on"
    assert m.stop_test.pressing
    assert m.key.pressed_ns == T0, "held since the first of them"
    say(m, EventKind.STOP, KEY, arg=0, now=T0 + 2 * MS)
    assert not m.stop_test.pressing


def test_a_stop_ends_the_lift() -> None:
    m = memory(State.SAFE_STOP)
    m.stop_test.done = True
    say(m, EventKind.LIFT)
    assert m.lift.held(T0)
    say(m, EventKind.LIFT, arg=0)
    assert not m.lift.held(T0)
    say(m, EventKind.LIFT)
    say(m, EventKind.STOP, KEY)
    assert not m.lift.held(T0)


@pytest.mark.parametrize("state", STATES)
def test_discomfort_is_remembered_outside_set_up(state: State) -> None:
    m = memory(state)
    say(m, EventKind.DISCOMFORT)
    setup = state in (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED)
    assert m.discomfort is not setup


@pytest.mark.parametrize(("arg", "good"), [(0, False), (1, True), (2, True), (3, True), (4, False)])
def test_an_instrument_is_declared(arg: int, good: bool) -> None:
    m = memory(State.IDLE)
    m.needle.attempts = 3
    say(m, EventKind.DECLARE_INSTRUMENT, arg=arg)
    assert m.contact.instrument == (Instrument(arg) if good else Instrument.PROBE)
    assert m.needle.attempts == (0 if good else 3)
    assert m.events_refused == (0 if good else 1)


def test_a_needle_is_clear_only_at_home() -> None:
    for home in (False, True):
        m = memory(State.HOLD)
        m.contact.needle_home = home
        say(m, EventKind.NEEDLE_CLEAR)
        assert m.contact.needle_clear is home


def test_a_plan_is_proposed_confirmed_and_aborted() -> None:
    m = memory(State.HOLD)

    def plan() -> NeedlePlan:
        return m.needle.plan

    m.needle.home = True
    say(m, EventKind.NEEDLE_PROPOSE, EXPERT, 5000)
    assert (plan(), m.events_refused) == (NeedlePlan.NONE, 1), "no needle is mounted"
    m.contact.instrument = Instrument.PROBE_NEEDLE
    say(m, EventKind.NEEDLE_PROPOSE, EXPERT, 5000)
    assert plan() == NeedlePlan.PROPOSED
    say(m, EventKind.NEEDLE_CONFIRM, PAGE, 5001)
    assert (plan(), m.events_refused) == (NeedlePlan.PROPOSED, 2)
    say(m, EventKind.NEEDLE_CONFIRM, PAGE, 5000)
    assert plan() == NeedlePlan.CONFIRMED
    say(m, EventKind.NEEDLE_ABORT, PAGE)
    assert (plan(), m.events_refused) == (NeedlePlan.NONE, 2)


def test_an_answer_proves_the_view() -> None:
    m = memory(State.QUALIFIED)
    m.machine = Machine(state=State.QUALIFIED)
    m.mark.value, m.mark.presented = 1234, True
    say(m, EventKind.MARK_ANSWER, EXPERT, 4321)
    assert (m.mark.ok, m.mark.value) == (False, 55)
    m.mark.presented = True
    say(m, EventKind.MARK_ANSWER, EXPERT, 55, now=T0 + S)
    assert m.mark.ok


def test_handing_over_needs_nothing_from_guard() -> None:
    m = memory(State.HOLD)
    assert say(m, EventKind.HANDOVER_CONFIRM) == Wishes()
    assert m.events_refused == 0
