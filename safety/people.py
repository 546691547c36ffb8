"""What people tell guard: events checked by role and session, turned into wishes of this step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safety.limits import Limits
from safety.memory import Memory
from safety.messages import GuardEvent, GuardInputs
from safety.roles import allowed
from safety.states import Cause, EventKind, Instrument, Source, State
from safety.transitions import LATCHED, MOVING, SETUP, mask

_URGENT = (EventKind.STOP, EventKind.ESTOP)
"""Bedside events that count whatever the session number says."""
_STOPS = mask(Cause.BEDSIDE_STOP, Cause.BEDSIDE_ESTOP)


@dataclass(slots=True)
class Wishes:
    """What people want in this step."""

    causes: int = 0
    allow: bool = False
    acknowledge: bool = False
    local_enter: bool = False
    local_exit: bool = False


def hear(memory: Memory, i: GuardInputs, limits: Limits) -> Wishes:
    """Take the events of this step, and the levels of the stop buttons."""
    wishes = Wishes()
    for event in i.events:
        if event.kind == EventKind.NONE:
            continue
        if allowed(event.kind, event.source, memory.machine.state) and _from_driver(memory, event):
            _take(memory, event, i, wishes, limits)
        else:
            memory.events_refused += 1
    wishes.causes |= _stop_levels(memory, i.now_ns, limits)
    if wishes.causes & _STOPS:
        memory.lift.change(False, i.now_ns, limits)  # a stop also stops the lift
    if memory.shutdown:
        wishes.causes |= mask(Cause.SHUTDOWN)
    return wishes


def _from_driver(memory: Memory, event: GuardEvent) -> bool:
    """The sender is the console that drives, the bedside page that is joined, or local."""
    if event.source == Source.CONSOLE:
        return event.session == memory.lease.session != 0
    if event.source == Source.BEDSIDE_PAGE and event.kind not in _URGENT:
        return event.session == memory.page.session != 0
    return True


def _take(m: Memory, e: GuardEvent, i: GuardInputs, w: Wishes, limits: Limits) -> None:
    kind = e.kind
    if kind == EventKind.STOP:
        _stop(m, e, i.now_ns, w)
    elif kind == EventKind.ESTOP:
        w.causes |= mask(Cause.BEDSIDE_ESTOP)
    elif kind == EventKind.ALLOW_MOTION:
        w.allow = True
    elif kind == EventKind.REVOKE_MOTION:
        w.causes |= mask(Cause.CONSENT_EXPIRED)
    elif kind == EventKind.LIFT:
        m.lift.change(e.arg != 0, i.now_ns, limits)
        if e.arg and m.machine.state in (State.ARMED, State.HOLD, *MOVING):
            w.causes |= mask(Cause.BEDSIDE_TOOK_ARM)
    elif kind == EventKind.LOCAL_ENTER:
        w.local_enter = True
        if m.machine.state in MOVING:
            w.causes |= mask(Cause.BEDSIDE_TOOK_ARM)
    elif kind == EventKind.LOCAL_EXIT:
        w.local_exit = True
    elif kind == EventKind.DISCOMFORT:
        m.discomfort = m.machine.state not in SETUP
        w.causes |= mask(Cause.PATIENT_DISCOMFORT)
    else:
        _declare(m, e, i, w, limits)


def _declare(m: Memory, e: GuardEvent, i: GuardInputs, w: Wishes, limits: Limits) -> None:
    """Events that state a fact instead of asking for a reaction."""
    if e.kind == EventKind.DECLARE_INSTRUMENT:
        if e.arg in (Instrument.NONE, Instrument.PROBE, Instrument.PROBE_NEEDLE):
            m.contact.declare(Instrument(e.arg))
            m.needle.declared()
        else:
            m.events_refused += 1
    elif e.kind in _PLANS:
        if not _PLANS[e.kind](m, e, i):
            m.events_refused += 1
    elif e.kind == EventKind.NEEDLE_CLEAR:
        m.contact.needle_clear = m.contact.needle_home
    elif e.kind == EventKind.FORCE_ZERO:
        # In LOCAL no standstill is ordered that could be monitored: the measured speed counts.
        if m.motion.at_rest(limits) or (
            m.machine.state == State.LOCAL
            and not m.arm.lost
            and m.motion.speed_m_s <= limits.stop_speed_m_s
        ):
            m.zero_serial = (m.zero_serial or i.now_ns) + 1
        else:
            m.events_refused += 1
    elif e.kind == EventKind.ACKNOWLEDGE:
        w.acknowledge = True
    elif e.kind == EventKind.MARK_ANSWER:
        m.mark.answer(e.arg, i.nonce, i.now_ns)
    elif e.kind == EventKind.SHUTDOWN:
        m.shutdown = True
    # HANDOVER_CONFIRM moves the lease in the gateway. Here the lease change drops what was armed,
    # and only a new bedside press arms for the new console: that press is what counts.


def _abort(m: Memory) -> bool:
    m.needle.forget_plan()
    return True


_PLANS: dict[EventKind, Callable[[Memory, GuardEvent, GuardInputs], bool]] = {
    EventKind.NEEDLE_PROPOSE: lambda m, e, i: (
        m.contact.instrument == Instrument.PROBE_NEEDLE
        and m.needle.propose(e.arg, i.arm.base_p_probe_m, i.arm.base_q_probe)
    ),
    EventKind.NEEDLE_CONFIRM: lambda m, e, i: m.needle.confirm(e.arg),
    EventKind.NEEDLE_ABORT: lambda m, e, i: _abort(m),
}


def _stop(m: Memory, e: GuardEvent, now_ns: int, w: Wishes) -> None:
    pressed = e.arg != 0
    if e.source == Source.CONSOLE:
        if pressed:
            w.causes |= mask(Cause.CONSOLE_STOP)
    elif e.source == Source.BEDSIDE_PAGE:
        if m.page_stop.change(pressed, now_ns):
            w.causes |= mask(Cause.BEDSIDE_STOP)
    elif m.key.change(pressed, now_ns):
        still = m.machine.state in SETUP or m.machine.state in LATCHED
        if not m.stop_test.is_test(m.power.on, still, now_ns):
            w.causes |= mask(Cause.BEDSIDE_STOP)
    elif not pressed:
        m.stop_test.pressing = False


def _stop_levels(m: Memory, now_ns: int, limits: Limits) -> int:
    """Causes of the buttons that are held down."""
    bits = m.key.causes(now_ns, limits) | m.page_stop.causes(now_ns, limits)
    if m.page_stop.pressed_ns or (m.key.pressed_ns and not m.stop_test.pressing):
        bits |= mask(Cause.BEDSIDE_STOP)
    return bits
