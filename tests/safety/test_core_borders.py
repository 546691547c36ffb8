"""One step of the whole core: what it hands on, what it forgets, and what a broken one leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness import CONSOLE, MS, S
from test_causes import T0
from test_intake import all_here, session_memory
from test_people import EXPERT, say

from safety.core import GuardCore
from safety.limits import Limits
from safety.machine import Machine
from safety.memory import Memory
from safety.messages import GuardInputs, GuardOutputs
from safety.states import Cause, EventKind, Instrument, NeedlePlan, PermitKind, State
from safety.transitions import LATCHED, mask

LIMITS = Limits()
EPOCH = 1 << 32
KNOWN = Cause.COMMAND_AGE


def world(now: int = T0, **changes: Any) -> GuardInputs:
    i = all_here(now)
    gateway = replace(i.gateway, console_session=CONSOLE, console_open=True)
    return replace(i, gateway=gateway, epoch_durable=EPOCH, **changes)


def core(state: State = State.HOLD, **machine: Any) -> GuardCore:
    made = GuardCore(LIMITS, simulated=True)
    made.memory = session_memory()
    made.memory.incarnation = T0 - S
    made.memory.machine = Machine(state, **{"since_ns": T0 - 10 * MS, **machine})
    return made


def taken(one: GuardCore, i: GuardInputs) -> GuardOutputs:
    out = one.step(i)
    assert not one.error, one.error
    return out


def broken(one: GuardCore, now: int = T0) -> GuardOutputs:
    out = one.step(replace(world(now), gateway=None))  # type: ignore[arg-type]
    assert one.error
    one.error = ""
    return out


# --- what a step hands on


def test_a_screen_adds_no_lag_unless_one_is_named() -> None:
    assert GuardCore(LIMITS, simulated=True).fixed.lag_ms == 0.0


def test_the_first_step_is_the_beginning_of_its_state() -> None:
    one = GuardCore(LIMITS, simulated=True)
    assert taken(one, world()).report.since_ns == T0
    assert taken(one, world(T0 + 2 * MS)).report.since_ns == T0


def test_a_permit_lives_for_its_life() -> None:
    permit = taken(core(), world()).permit
    assert permit.issued_ns == T0
    assert permit.valid_until_ns == T0 + round(LIMITS.permit_life_ms * MS)


@pytest.mark.parametrize(("session", "stays"), [(CONSOLE, True), (CONSOLE + 1, False)])
def test_a_press_of_another_console_s_epoch_is_forgotten(session: int, stays: bool) -> None:
    one = core()
    deadman = one.memory.deadman
    deadman.epoch, deadman.seen, deadman.released_edges = EPOCH, True, 4
    i = world()
    taken(one, replace(i, gateway=replace(i.gateway, console_session=session)))
    assert (deadman.epoch == EPOCH, deadman.seen) == (stays, stays)
    assert (deadman.released_edges >= 0) is stays, "a release has to be seen first"


def test_servo_s_word_closes_the_loop() -> None:
    one, i = core(), world()
    one.memory.in_use.waiting.append((5, 1, T0 - 30 * MS, 0.0))
    servo = replace(i.servo, command_seq=5, permit_epoch=EPOCH, applied_ns=T0 - 2 * MS)
    assert taken(one, replace(i, servo=servo)).report.loop_ms == 28.0
    assert one.memory.in_use.applied_sample_ns == T0


def test_a_needle_that_was_allowed_before_is_not_allowed_now() -> None:
    one = core()
    one.memory.needle_allowed = True
    assert not taken(one, world()).permit.needle_advance
    assert not one.memory.needle_allowed


@pytest.mark.parametrize("cut", [False, True])
def test_power_that_is_cut_is_off_whatever_was_ordered(cut: bool) -> None:
    """The parts keep both from being true at once; the line to the arm does not count on that."""
    one = core()
    one.memory.power.ordered, one.memory.power.cut = True, cut
    nothing_durable = replace(world(), epoch_durable=0)  # so that nobody orders power anew
    assert taken(one, nothing_durable).enable.power is not cut


@pytest.mark.parametrize(("instrument", "plan", "refused"), [
    (Instrument.PROBE_NEEDLE, NeedlePlan.PROPOSED, 0), (Instrument.PROBE, NeedlePlan.NONE, 1),
    (Instrument.UNKNOWN, NeedlePlan.NONE, 1),
])  # fmt: skip
def test_a_plan_needs_a_needle_that_is_mounted_and_home(
    instrument: Instrument, plan: NeedlePlan, refused: int
) -> None:
    for home in (True, False):
        m: Memory = session_memory()
        m.contact.instrument, m.needle.home = instrument, home
        say(m, EventKind.NEEDLE_PROPOSE, EXPERT, 9000)
        assert (m.needle.plan, m.events_refused) == (
            (plan, refused) if home else (NeedlePlan.NONE, 1)
        )


# --- what a step that broke leaves behind


@pytest.mark.parametrize("state", State)
def test_a_step_that_breaks_ends_in_a_fault_and_keeps_what_was_latched(state: State) -> None:
    one = core(state, latched=mask(KNOWN), first_out=KNOWN, acknowledged=True)
    one.memory.consent.give(T0 - S)
    out = broken(one)
    stopped = state in LATCHED
    assert out.report.state == (State.ESTOP if state == State.ESTOP else State.FAULT)
    assert out.report.first_out == (KNOWN if stopped else Cause.INTERNAL_ERROR)
    assert out.report.causes == mask(Cause.INTERNAL_ERROR, *([KNOWN] if stopped else []))
    assert (out.report.acknowledged, out.report.consent) == (False, False)
    assert (out.permit.kind, out.enable.brake) == (PermitKind.NONE, True)
    goes_on = state in (State.FAULT, State.ESTOP)
    assert out.report.since_ns == (T0 - 10 * MS if goes_on else T0)


@pytest.mark.parametrize("steps", [True, False])
def test_time_in_steps_that_broke_is_no_gap_of_guard(steps: bool) -> None:
    """Guard was there, though it could not decide: its silence alone is an overrun."""
    one, gap_ms = core(State.FAULT), round(LIMITS.own_gap_ms)
    if steps:
        broken(one, T0 + gap_ms * MS)
    causes = taken(one, world(T0 + (gap_ms + 2) * MS)).report.live_causes
    assert bool(causes & mask(Cause.GUARD_OVERRUN)) is not steps
