"""Brings the rest of memory into line after the state machine has moved."""

from __future__ import annotations

from safety.assess import NO_VIEW
from safety.limits import Limits
from safety.machine import Machine
from safety.memory import Memory
from safety.messages import GuardInputs
from safety.states import Cause, State
from safety.transitions import LATCHED, MOVING, SETUP, mask

MS = 1_000_000
CUTS_POWER = mask(Cause.BEDSIDE_ESTOP, Cause.BRAKE_FAILED, Cause.STANDSTILL_VIOLATED)
"""In FAULT: the brakes did not do their work, so that only taking power away is left."""


def follow(
    m: Memory, i: GuardInputs, before: Machine, bits: int, allowed: bool, rest: bool, limits: Limits
) -> None:
    """Consent, epoch, engagement, power and the stop meter after a step of the machine."""
    now, after = i.now_ns, m.machine
    if after.state != before.state:
        _entered(m, now, before, after)
    if after.state == State.ARMED and allowed:
        m.consent.give(now)
    _consent(m, after, bits, now, limits)
    if after.engagement != before.engagement:
        m.engaged_ns, m.recovered_ns = now, 0
    if bits & mask(Cause.GUARD_OVERRUN) and before.state not in SETUP:
        m.epoch.rise(now)  # servo may have seen a lapse: it accepts only a newer epoch
    _power(m, before, after, bits)
    _measure_stop(m, i, before, after, rest)


def _consent(m: Memory, after: Machine, bits: int, now: int, limits: Limits) -> None:
    had = m.consent.given_ns > 0
    m.consent.follow(after, now, limits)
    if had and not m.consent.given_ns and after.latched & NO_VIEW:
        m.mark.forget()  # what ended the consent also ended the proof of a live view
    if after.state in (*LATCHED, State.LOCAL) and bits & NO_VIEW:
        m.mark.forget()  # nobody can go on from here by what was seen before


def _entered(m: Memory, now: int, before: Machine, after: Machine) -> None:
    """The state changed."""
    if after.state == State.ARMED or before.state == State.LOCAL:
        m.epoch.rise(now)
        m.deadman.enter_epoch(m.epoch.value)
    if after.state == State.ARMED:
        m.discomfort = False
    if after.state in (*LATCHED, State.LOCAL):
        m.needle.forget_plan()
    if after.state == State.ACTIVE and before.state == State.DEGRADED:
        m.recovered_ns = now
    if after.state == State.HOLD and before.state in MOVING:
        m.deadman.hold_began()
    if before.state in (*MOVING, *SETUP, State.LOCAL):
        m.last_force_n = max(0.0, m.contact.force_n[2]) if m.contact.sensor_ok() else 0.0


def _power(m: Memory, before: Machine, after: Machine, bits: int) -> None:
    """ESTOP and failed brakes cut power; both people give it back (POWERED_AGAIN)."""
    if after.state == State.SAFE_STOP and before.state in (State.ESTOP, State.FAULT):
        m.power.set_cut(False)
    elif after.state == State.ESTOP or (after.state == State.FAULT and bits & CUTS_POWER):
        m.power.set_cut(True)
    if m.epoch.usable() and not m.arm.lost:
        m.power.order()


def _measure_stop(m: Memory, i: GuardInputs, before: Machine, after: Machine, rest: bool) -> None:
    """Time from the order to measured standstill, and the force then."""
    stop = m.stop
    moved = before.state in (*MOVING, State.LOCAL)
    if moved and after.state in (State.HOLD, *LATCHED):
        stop.order_ns, stop.running, stop.stop_ms = i.now_ns, True, -1.0
    elif stop.running and rest and i.arm.stamp_ns > stop.order_ns:
        stop.running = False
        stop.stop_ms = (i.arm.stamp_ns - stop.order_ns) / MS
        stop.force_n = m.contact.force_n[2]
