"""Builds what guard tells everyone from memory and this step's decisions."""

from __future__ import annotations

from dataclasses import dataclass

from safety.alarms import priority
from safety.causes import age_ms
from safety.guide import Checklist, next_step
from safety.intake import clamps
from safety.limits import Limits
from safety.memory import Memory
from safety.messages import GuardInputs, GuardReport
from safety.permit import Order
from safety.states import Alarm, Cause, Contact, PermitKind, State, Step
from safety.transitions import BLOCKING, SETUP, mask

MS = 1_000_000


@dataclass(slots=True)
class Findings:
    """What this step found, besides memory."""

    causes: int
    late: int
    contact: Contact
    checklist: Checklist
    order: Order
    at_rest: bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """What never changes in a run."""

    limits_hash: int
    widened: bool
    simulated: bool
    lag_ms: float


def shown_causes(m: Memory, causes: int) -> int:
    """Causes worth showing: in set-up those that arming waits for."""
    state = m.machine.state
    return causes & (BLOCKING[State.ARMED] if state in SETUP else BLOCKING[state])


def resumable(m: Memory) -> bool:
    """HOLD that only waits for the deadman."""
    return (
        m.machine.state == State.HOLD
        and m.machine.latched == mask(Cause.OPERATOR_RELEASE)
        and m.consent.given_ns > 0
    )


def build(m: Memory, i: GuardInputs, f: Findings, fixed: Fixed, limits: Limits) -> GuardReport:
    """The report of this step."""
    now, machine, image = i.now_ns, m.machine, m.frames.image_ms(i.now_ns)
    return GuardReport(
        incarnation=m.incarnation,
        stamp_ns=now,
        nonce=i.nonce & 0xFFFFFFFF,
        cycle=m.cycle,
        state=machine.state,
        since_ns=machine.since_ns,
        first_out=machine.first_out,
        causes=machine.latched,
        live_causes=shown_causes(m, f.causes) | f.late,
        alarm=_alarm(m, f, now),
        step=_step(m, f),
        epoch=m.epoch.value,
        engagement=machine.engagement,
        permit=f.order.kind,
        v_max_m_s=f.order.v_max_m_s,
        f_max_n=f.order.f_max_n,
        contact=f.contact,
        instrument=m.contact.instrument,
        clamps=clamps(m, i),
        age_ms=age_ms(m, now),
        loop_ms=m.loop.newest_ms,
        image_ms=image + fixed.lag_ms if image >= 0.0 else -1.0,
        haptic_ms=m.in_use.haptic_ms,
        slots_missed=m.slots.bits.bit_count(),
        bucket_ms=m.bucket.left_ms(limits),
        qualified=m.qualifier.progress(now, limits),
        mark=m.mark.value,
        mark_ok=m.mark.ok,
        stop_tested=m.stop_test.done,
        bedside_input=i.bedside_input,
        bedside_page=m.page.here(now, limits),
        consent=m.consent.given_ns > 0,
        consent_until_ns=m.consent.until_ns(machine.state, limits),
        acknowledged=machine.acknowledged,
        deadman=m.in_use.valid and m.in_use.command.deadman,
        session=m.lease.session,
        commands_accepted=m.gate.accepted,
        commands_rejected=m.gate.rejected,
        last_rejection=m.gate.last,
        limits_hash=fixed.limits_hash,
        limits_widened=fixed.widened,
        simulated=fixed.simulated,
        lateness_us=i.lateness_us,
        compute_us=0.0,
        overruns=0,
        braked=not m.arm.lost and i.arm.braked,
        at_rest=f.at_rest,
        powered=m.power.on,
        force_n=m.contact.force_n[2],
        stop_ms=m.stop.stop_ms,
        stop_force_n=m.stop.force_n,
        needle_plan=m.needle.plan,
        needle_goal_m=m.needle.goal_m,
        needle_advance=f.order.needle_advance,
        needle_attempts=m.needle.attempts,
    )


def _alarm(m: Memory, f: Findings, now: int) -> Alarm:
    since_ms = (now - m.machine.since_ns) / MS
    return priority(m.machine.state, m.machine.latched, f.late, f.contact, since_ms)


def _step(m: Memory, f: Findings) -> Step:
    return next_step(
        m.machine.state,
        f.checklist,
        acknowledged=m.machine.acknowledged,
        power_cut=m.power.cut,
        resumable=resumable(m),
    )


def failed(m: Memory, i: GuardInputs, fixed: Fixed, limits: Limits) -> GuardReport:
    """The report of a step that broke: only what cannot break again."""
    findings = Findings(
        causes=mask(Cause.INTERNAL_ERROR),
        late=0,
        contact=Contact.UNKNOWN,
        checklist=Checklist(),
        order=Order(kind=PermitKind.NONE),
        at_rest=False,
    )
    return build(m, i, findings, fixed, limits)
