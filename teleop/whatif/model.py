"""Asks the real machine: `safety`'s own step, bookkeeping, timers, people's table and permits.

What is *not* played is perception: which measurement leads to which cause. Time passes in one jump
per question, after the first cycle has seen the causes. Nothing here is a copy of a rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from safety import assess, causes, people
from safety.alarms import priority
from safety.follow import follow
from safety.guide import Checklist, next_step, ready
from safety.limits import Limits
from safety.machine import Facts, step
from safety.memory import Memory
from safety.messages import GUARD_STEP, GuardEvent, GuardInputs
from safety.permit import BRAKE, Order, decide
from safety.report import resumable
from safety.states import Cause, Contact, EventKind, Instrument, Source, State
from safety.transitions import BLOCKING, LATCHED, mask
from teleop.whatif.messages import Action, Answer, Passed, Question
from teleop.whatif.recall import NOW_NS, SESSION, cause_mask, member, recall, remember

MS = 1_000_000
CYCLE_MS = 2.0
SETTLE_STEPS = 6
"""Set-up climbs one rung in each step."""
_BLANK = GUARD_STEP.unpack(bytes(GUARD_STEP.size)).inputs
_NO_EVENT = replace(_BLANK.events[0], kind=EventKind.NONE)
_PAGE, _CONSOLE = Source.BEDSIDE_PAGE, Source.CONSOLE
_EVENTS: dict[Action, tuple[EventKind, Source]] = {
    Action.ALLOW: (EventKind.ALLOW_MOTION, _PAGE),
    Action.REVOKE: (EventKind.REVOKE_MOTION, _PAGE),
    Action.ACKNOWLEDGE: (EventKind.ACKNOWLEDGE, _CONSOLE),
    Action.STOP: (EventKind.STOP, _PAGE),
    Action.EMERGENCY: (EventKind.ESTOP, _PAGE),
    Action.CONSOLE_STOP: (EventKind.STOP, _CONSOLE),
    Action.DISCOMFORT: (EventKind.DISCOMFORT, _PAGE),
    Action.TAKE_ARM: (EventKind.LOCAL_ENTER, _PAGE),
    Action.GIVE_ARM: (EventKind.LOCAL_EXIT, _PAGE),
    Action.LIFT: (EventKind.LIFT, _PAGE),
}


@dataclass(slots=True)
class _Play:
    """One question being answered."""

    question: Question
    memory: Memory
    limits: Limits
    contact: Contact
    checks: Checklist
    causes: int = 0
    late: int = 0
    order: Order = BRAKE


def answer(question: Question, limits: Limits) -> Answer:
    """What the machine does; QuestionError: a name that does not exist."""
    play = _start(question, limits)
    passed: list[Passed] = []
    m = play.memory
    edge = question.action == Action.PRESS and not question.memory.deadman
    _one(play, CYCLE_MS, _inputs(question), edge, passed)
    waits = [question.wait_ms] if question.wait_ms > 0.0 else []
    for elapsed_ms in (*waits, *(CYCLE_MS,) * SETTLE_STEPS):
        _one(play, elapsed_ms, _quiet_inputs(), False, passed)
    return Answer(
        memory=remember(m),
        passed=passed,
        permit=play.order.kind.name,
        v_max_m_s=_speed_m_s(play),
        f_max_n=play.order.f_max_n,
        travel_max_m=play.order.travel_max_m,
        brake=play.order.brake,
        alarm=_alarm(play),
        step=_step(play),
        refused=m.events_refused > 0,
    )


def _start(q: Question, limits: Limits) -> _Play:
    m = recall(q.memory)
    instrument = member(Instrument, q.instrument)
    m.contact.instrument = instrument
    m.contact.force_n = (0.0, 0.0, q.force_n)
    works = q.conditions.arm_works
    m.arm.lost = m.servo.lost = not works
    m.power.on = works and not m.power.cut
    m.in_use.valid = q.conditions.joined
    deadman = (q.memory.deadman or q.action == Action.PRESS) and q.action != Action.RELEASE
    m.in_use.command = replace(m.in_use.command, deadman=deadman)
    play = _Play(q, m, limits, member(Contact, q.contact), Checklist())
    play.causes = cause_mask(q.causes)
    play.late = mask(Cause.LOOP_LATENCY) if q.late else 0
    return play


def _inputs(q: Question) -> GuardInputs:
    """Inputs of the first cycle: the action is in them."""
    found = _EVENTS.get(q.action)
    if found is None:
        return _quiet_inputs()
    kind, source = found
    event = GuardEvent(kind, source, arg=1, session=SESSION, sent_ns=NOW_NS, serial=1)
    quiet = _quiet_inputs()
    return replace(quiet, events=(event, *quiet.events[1:]))


def _quiet_inputs() -> GuardInputs:
    return replace(_BLANK, now_ns=NOW_NS, events=(_NO_EVENT,) * len(_BLANK.events))


def _age(m: Memory, elapsed_ms: float) -> None:
    """Let time pass: everything that is remembered is so much older."""
    ns = int(elapsed_ms * MS)
    was = m.machine
    m.machine = replace(
        was,
        since_ns=was.since_ns - ns,
        clean_since_ns=was.clean_since_ns - ns,
        short_holds_ns=tuple(at - ns for at in was.short_holds_ns),
    )
    m.engaged_ns -= ns
    m.recovered_ns -= ns if m.recovered_ns else 0
    m.consent.given_ns -= ns if m.consent.given_ns else 0


def _one(play: _Play, elapsed_ms: float, i: GuardInputs, edge: bool, passed: list[Passed]) -> None:
    """One cycle of guard, `elapsed_ms` after the one before."""
    m, limits, q = play.memory, play.limits, play.question
    _age(m, elapsed_ms)
    m.epoch.update(m.epoch.value, i.now_ns)  # the store works
    wishes = people.hear(m, i, limits)
    bits = play.causes | wishes.causes
    bits |= causes.own(m, i, bits, elapsed_ms, limits)
    if m.consent.expired(m.machine.state, i.now_ns, limits):
        bits |= mask(Cause.CONSENT_EXPIRED)
    play.checks = _checks(play, bits)
    before = m.machine
    facts = _facts(play, bits, wishes, edge)
    m.machine = step(before, facts, limits)
    follow(m, i, before, bits, facts.allow, q.conditions.at_rest, limits)
    if m.power.cut:
        m.power.on = False
    play.order = decide(assess.situation(m, i, play.contact, limits), limits)
    if m.machine.state != before.state:
        passed.append(Passed(m.machine.state.name, m.machine.first_out.name))


def _facts(play: _Play, bits: int, wishes: people.Wishes, edge: bool) -> Facts:
    m, c, q = play.memory, play.checks, play.question.conditions
    return Facts(
        now_ns=NOW_NS,
        causes=bits,
        late=play.late,
        off_skin=play.contact == Contact.NONE,
        alive=c.alive,
        connected=q.joined,
        qualified=c.link,
        ready=ready(c),
        allow=wishes.allow and not resumable(m),
        consent=m.consent.given_ns > 0,
        edge=edge,
        resumable=m.in_use.command.deadman,
        acknowledge=wishes.acknowledge,
        local_enter=wishes.local_enter,
        local_exit=wishes.local_exit,
        at_rest=q.at_rest,
        power_cut=m.power.cut,
    )


def _checks(play: _Play, bits: int) -> Checklist:
    q, m = play.question.conditions, play.memory
    return Checklist(
        alive=q.arm_works and m.power.on,
        bedside_page=q.joined,
        bedside_sound=q.joined,
        bedside_input=q.joined,
        stop_tested=q.stop_tested,
        instrument=m.contact.instrument in (Instrument.PROBE, Instrument.PROBE_NEEDLE),
        console=q.joined,
        link=q.link_good,
        mark=q.mark_read,
        deadman_up=not m.in_use.command.deadman,
        quiet=not bits & (BLOCKING[State.ARMED] | BLOCKING[State.HOLD]),
    )


def _speed_m_s(play: _Play) -> float:
    order = play.order
    touching = play.contact != Contact.NONE and order.v_contact_m_s > 0.0
    return order.v_contact_m_s if touching else order.v_max_m_s


def _alarm(play: _Play) -> str:
    m = play.memory.machine
    since_ms = (NOW_NS - m.since_ns) / MS
    return priority(m.state, m.latched, play.late, play.contact, since_ms).name


def _step(play: _Play) -> str:
    m = play.memory
    acknowledged = m.machine.acknowledged or m.machine.state not in LATCHED
    return next_step(
        m.machine.state,
        play.checks,
        acknowledged=acknowledged,
        power_cut=m.power.cut,
        resumable=resumable(m),
    ).name
