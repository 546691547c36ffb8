"""What guard reports, field by field, from memory and inputs that make each field tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import MS, S
from test_causes import T0, inputs, memory

from safety.alarms import QUIET_HOLD_MS
from safety.guide import Checklist
from safety.limits import Limits
from safety.memory import Memory
from safety.messages import ArmState, GuardInputs, GuardReport
from safety.permit import Order
from safety.power import Power
from safety.qualify import Qualifier
from safety.report import Findings, Fixed, build, failed, resumable
from safety.states import Alarm, Cause, Contact, PermitKind, State
from safety.transitions import mask

LIMITS = Limits()
FIXED = Fixed(limits_hash=77, widened=True, simulated=False, lag_ms=17.0)


def findings(**changes: object) -> Findings:
    found = Findings(
        causes=0, late=0, contact=Contact.SKIN, checklist=Checklist(),
        order=Order(kind=PermitKind.OPERATE, v_max_m_s=0.1, f_max_n=20.0, brake=False),
        at_rest=False,
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]


def told(m: Memory, i: GuardInputs | None = None, **changes: object) -> GuardReport:
    return build(m, inputs() if i is None else i, findings(**changes), FIXED, LIMITS)


@pytest.mark.parametrize(("age_ms", "shown_ms"), [
    (0.0, 17.0), (0.5, 17.5), (40.0, 57.0), (None, -1.0),
])  # fmt: skip
def test_the_age_of_a_picture_contains_the_screen_s_own_lag(
    age_ms: float | None, shown_ms: float
) -> None:
    m = memory()
    m.frames.presented_id = -1 if age_ms is None else 5
    m.frames.presented_acquired_ns = T0 - round((age_ms or 0.0) * MS)
    assert told(m).image_ms == shown_ms


@pytest.mark.parametrize(("valid", "held", "shown"), [
    (True, True, True), (True, False, False), (False, True, False), (False, False, False),
])  # fmt: skip
def test_a_deadman_is_held_by_a_valid_command(valid: bool, held: bool, shown: bool) -> None:
    m = memory()
    m.in_use.valid, m.in_use.command = valid, replace(m.in_use.command, deadman=held)
    assert told(m).deadman is shown


@pytest.mark.parametrize(("lost", "closed", "shown"), [
    (False, True, True), (False, False, False), (True, True, False), (True, False, False),
])  # fmt: skip
def test_brakes_are_shown_closed_by_an_arm_that_says_so(
    lost: bool, closed: bool, shown: bool
) -> None:
    m, i = memory(), inputs()
    m.arm.lost = lost
    assert told(m, replace(i, arm=replace(i.arm, braked=closed))).braked is shown


def test_what_only_the_process_around_guard_knows_is_left_empty() -> None:
    report = told(memory(), replace(inputs(), nonce=(5 << 32) | 0xFEDCBA98))
    assert (report.compute_us, report.overruns, report.nonce) == (0.0, 0, 0xFEDCBA98)
    assert (report.limits_hash, report.limits_widened, report.simulated) == (77, True, False)
    assert (report.permit, report.v_max_m_s, report.f_max_n) == (PermitKind.OPERATE, 0.1, 20.0)


@pytest.mark.parametrize(("state", "latched", "consent", "waits"), [
    (State.HOLD, Cause.OPERATOR_RELEASE, True, True),
    (State.HOLD, Cause.OPERATOR_RELEASE, False, False),
    (State.HOLD, Cause.COMMAND_AGE, True, False),
    (State.ACTIVE, Cause.OPERATOR_RELEASE, True, False),
])  # fmt: skip
def test_a_hold_that_waits_for_the_deadman_alone(
    state: State, latched: Cause, consent: bool, waits: bool
) -> None:
    m = memory(state)
    m.machine = replace(m.machine, latched=mask(latched))
    m.consent.revoke()
    if consent:
        m.consent.give(T0)
    assert resumable(m) is waits
    assert told(m).consent is consent


def test_a_step_that_broke_says_so_and_permits_nothing() -> None:
    report = failed(memory(State.ACTIVE), inputs(), FIXED, LIMITS)
    assert (report.permit, report.contact) == (PermitKind.NONE, Contact.UNKNOWN)
    assert report.live_causes == mask(Cause.INTERNAL_ERROR)
    assert (report.at_rest, report.v_max_m_s, report.needle_advance) == (False, 0.0, False)


@pytest.mark.parametrize(("longer_ns", "alarm"), [(0, Alarm.LOW), (1, Alarm.MEDIUM)])
def test_a_hold_is_quiet_up_to_its_time(longer_ns: int, alarm: Alarm) -> None:
    m = memory(State.HOLD)
    m.machine = replace(m.machine, since_ns=T0 - round(QUIET_HOLD_MS * MS) - longer_ns)
    assert told(m).alarm == alarm


@pytest.mark.parametrize(("after_s", "share"), [
    (0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1.2, 1.0), (2.0, 1.0),
])  # fmt: skip
def test_qualifying_ends_at_one(after_s: float, share: float) -> None:
    one = Qualifier()
    one.update(True, T0)
    assert one.progress(T0 + round(after_s * LIMITS.qualify_s * S), LIMITS) == pytest.approx(share)


# --- the power line


def arm(on: bool) -> ArmState:
    return replace(inputs().arm, powered=on)


@pytest.mark.parametrize(("ordered", "cut", "foreign"), [
    (False, False, True), (True, False, False), (False, True, False),
])  # fmt: skip
def test_power_that_nobody_ordered_or_cut_is_foreign(
    ordered: bool, cut: bool, foreign: bool
) -> None:
    power = Power(ordered=ordered, cut=cut, on=True)
    assert power.update(arm(True), True) == (foreign, False)
    assert Power(on=False).update(arm(False), True) == (False, False)


def test_power_is_lost_only_while_it_is_ordered() -> None:
    assert not Power(ordered=False, was_on=True, on=False).lost(True)
    assert Power(ordered=True, was_on=True, on=False).lost(True)


def test_a_cut_takes_the_order_back_and_its_end_does_not_give_it() -> None:
    power = Power(ordered=True, was_on=True, on=True)
    power.set_cut(True)
    assert (power.ordered, power.was_on, power.cut) == (False, False, True)
    again = Power(ordered=True, was_on=True, on=True)
    again.set_cut(False)
    assert (again.ordered, again.was_on, again.cut) == (True, True, False)
