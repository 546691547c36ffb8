"""From the causes of a step to what the state machine and the permit are told."""

from __future__ import annotations

from safety.causes import age_ms, settling
from safety.guide import Checklist, ready
from safety.limits import Limits
from safety.machine import Facts
from safety.memory import Memory
from safety.messages import GuardInputs
from safety.people import Wishes
from safety.permit import Situation, needle_possible
from safety.report import resumable
from safety.states import Cause, Contact, Instrument, NeedlePlan, State
from safety.transitions import BLOCKING, CAUSES, LINK_MASK, MOVING, PROCESS_MASK, mask

SUSPECT = mask(
    Cause.SPEED_OVER_PERMIT,
    Cause.STANDSTILL_VIOLATED,
    Cause.ARM_SILENT,
    Cause.SERVO_LOST,
    Cause.SERVO_IGNORES_PERMIT,
    Cause.BRAKE_FAILED,
    Cause.INTERNAL_ERROR,
    Cause.POSE_INVALID,
)
"""With these nothing but brakes: whoever would move the arm is not to be trusted, or not there."""
OUTLASTED = mask(Cause.LINK_UNSTABLE, Cause.HOLD_TOO_LONG)
"""A HOLD came to its end by time: nothing new is known of arm, servo, sensor or patient."""
_OF_HOLD = mask(*(row.cause for row in CAUSES if row.moving == State.HOLD))
NO_VIEW = mask(Cause.PICTURE_FROZEN, Cause.PICTURE_STALE, Cause.MEDIA_LOST, Cause.PICTURE_NOT_LIVE)
"""The expert did not see the live patient."""
_ARMING = BLOCKING[State.ARMED] | BLOCKING[State.HOLD]


def qualify(m: Memory, i: GuardInputs, bits: int, limits: Limits) -> None:
    """Criteria of reference 8.2: age, no HOLD-grade gap, a live picture. Then ask for the mark."""
    now = i.now_ns
    fresh = 0.0 <= age_ms(m, now) <= limits.qualify_age_ms or settling(m, now)
    m.qualifier.update(fresh and not bits & (LINK_MASK | PROCESS_MASK | NO_VIEW), now)
    wanted = m.lease.open and m.frames.presented_id >= 0 and m.machine.state not in MOVING
    m.mark.update(wanted and not m.gateway.lost, i.nonce, now)


def _arm_works(m: Memory) -> bool:
    """Arm, servo and sensor are there, with power, and permits can be issued."""
    return (
        m.power.on
        and m.epoch.usable()
        and not (m.arm.lost or m.servo.lost)
        and m.contact.sensor_ok()
    )


def checklist(m: Memory, i: GuardInputs, bits: int, limits: Limits) -> Checklist:
    """Everything that arming needs."""
    page = m.page.here(i.now_ns, limits)
    return Checklist(
        alive=_arm_works(m),
        bedside_page=page,
        bedside_sound=page and i.gateway.bedside_sound and i.gateway.bedside_visible,
        bedside_input=i.bedside_input,
        stop_tested=m.stop_test.done and not m.key.pressed_ns,
        instrument=m.contact.instrument in (Instrument.PROBE, Instrument.PROBE_NEEDLE),
        console=m.lease.session != 0 and m.lease.open and not m.gateway.lost,
        link=m.qualifier.progress(i.now_ns, limits) >= 1.0,
        mark=m.mark.ok,
        deadman_up=m.in_use.valid and not m.in_use.command.deadman,
        quiet=not bits & _ARMING,
    )


def facts(
    m: Memory,
    i: GuardInputs,
    bits: int,
    late: int,
    wishes: Wishes,
    contact: Contact,
    c: Checklist,
    edge: bool,
    limits: Limits,
) -> Facts:
    """What the state machine is told."""
    return Facts(
        now_ns=i.now_ns,
        causes=bits,
        late=late,
        off_skin=contact == Contact.NONE,
        alive=c.alive,
        connected=c.console and c.bedside_page,
        qualified=c.link,
        ready=ready(c),
        # While HOLD only waits for the deadman, consent stands; a press must not re-arm.
        allow=wishes.allow and not resumable(m),
        consent=m.consent.given_ns > 0,
        edge=edge,
        resumable=m.deadman.resumable(i.servo, limits),
        acknowledge=wishes.acknowledge,
        local_enter=wishes.local_enter,
        local_exit=wishes.local_exit,
        at_rest=m.motion.at_rest(limits),
        power_cut=m.power.cut,
    )


def outlasted(latched: int) -> bool:
    """A HOLD lasted too long, and nothing worse was latched with it."""
    return bool(latched & OUTLASTED) and not latched & ~(OUTLASTED | _OF_HOLD)


def situation(m: Memory, i: GuardInputs, contact: Contact, limits: Limits) -> Situation:
    """What the permit depends on, after the state machine has moved."""
    now = i.now_ns
    image_ms = m.frames.image_ms(now)
    s = Situation(
        state=m.machine.state,
        contact=contact,
        instrument=m.contact.instrument,
        able=_arm_works(m) and not m.power.cut and not m.machine.latched & SUSPECT,
        in_state_ns=now - m.machine.since_ns,
        engaged_ns=now - m.engaged_ns,
        recovered_ns=now - m.recovered_ns,
        last_force_n=m.last_force_n,
        discomfort=m.discomfort,
        lift=m.lift.held(now),
        live=i.media.live and not m.media.lost,
        needle_goal_m=m.needle.goal_m if m.needle.plan == NeedlePlan.CONFIRMED else 0.0,
        image_fresh=0.0 <= image_ms <= limits.needle_image_ms,
        ending=bool(m.machine.latched & mask(Cause.SHUTDOWN, Cause.SUPERVISOR_LOST)),
        outlasted=outlasted(m.machine.latched),
    )
    wanted = m.in_use.command.needle_v_m_s if m.in_use.valid else 1.0
    s.needle_released = m.needle.may_advance(needle_possible(s), wanted, i.arm)
    return s
