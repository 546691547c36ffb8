"""Which causes are present in this step; what they do is in `safety/transitions.py`."""

from __future__ import annotations

import math

from safety.epochs import SETTLE_NS
from safety.gate import Rejection
from safety.limits import Limits
from safety.memory import Memory
from safety.messages import GuardInputs
from safety.states import Cause, Instrument, PermitKind, State
from safety.transitions import LINK_MASK, MOVING, PROCESS_MASK, SETUP, mask

MS = 1_000_000
S = 1_000_000_000
LEAVERS = mask(
    Cause.SERVO_LOST,
    Cause.ARM_SILENT,
    Cause.ARM_POWER_LOST,
    Cause.FORCE_SENSOR_INVALID,
    Cause.GATEWAY_LOST,
    Cause.MEDIA_LOST,
)
"""What an ordered shutdown looks like after standstill: no news."""
WORKSPACE_MARGIN_M = 0.01
"""Servo clamps at the border; this far outside it did not."""
LAPSE_NS = 20 * MS
"""Servo refuses a permit for this long: it saw a lapse. The arm does not move meanwhile."""


def age_ms(m: Memory, now_ns: int) -> float:
    """Age of the command in use; -1: none."""
    return (now_ns - m.in_use.command.echo_ns) / MS if m.in_use.valid else -1.0


def settling(m: Memory, now_ns: int) -> bool:
    """The console cannot have heard of the new epoch yet (nothing moves meanwhile)."""
    return (
        m.machine.state not in MOVING
        and not m.deadman.seen
        and now_ns - m.epoch.changed_ns < SETTLE_NS
    )


def link(m: Memory, i: GuardInputs, limits: Limits) -> tuple[int, int]:
    """(causes, causes at DEGRADED grade) of commands and picture."""
    now = i.now_ns
    bits, late = _commands(m, now, limits)
    if not m.in_use.frame_known and m.in_use.valid:
        bits |= mask(Cause.FRAME_ID_INVALID)
    image = m.frames.image_ms(now)
    if not 0.0 <= image <= limits.image_stale_ms:
        bits |= mask(Cause.PICTURE_STALE)
    if m.frames.unchanged_ms(now) > limits.picture_frozen_ms:
        bits |= mask(Cause.PICTURE_FROZEN)
    if i.media.observe_only or not (i.media.live or i.arm.simulated):
        bits |= mask(Cause.PICTURE_NOT_LIVE)
    if m.loop.average_ms(now, limits) > limits.loop_ms:
        bits |= mask(Cause.LOOP_LATENCY)
    if m.loop.late(limits):
        late |= mask(Cause.LOOP_LATENCY)
    if not (m.lease.session and m.lease.open):
        bits |= mask(Cause.CONSOLE_LOST)
    elif i.gateway.links > 1 and not i.gateway.link_silent_ms <= limits.link_silent_ms:
        late |= mask(Cause.LINK_LOST)  # the others carry on; NaN counts as silent
    return bits, late


def _commands(m: Memory, now: int, limits: Limits) -> tuple[int, int]:
    misses = m.slots.advance(now, limits) if m.in_use.valid else 0
    if settling(m, now):
        m.slots.bits = 0
        return 0, 0
    bits = late = 0
    if not m.in_use.valid or age_ms(m, now) > limits.command_age_ms:
        bits |= mask(Cause.COMMAND_AGE)
    if misses >= limits.hold_misses:
        bits |= mask(Cause.MISSED_SLOTS)
    elif misses >= limits.degraded_misses:
        late |= mask(Cause.MISSED_SLOTS)
    return bits, late


def bedside(m: Memory, i: GuardInputs, limits: Limits) -> int:
    """The page, the independent input, consent."""
    if not m.gateway.lost:
        m.page.update(i.gateway, i.now_ns)
    bits = m.page.causes(i.gateway, i.now_ns, limits)
    if bits & mask(Cause.BEDSIDE_PAGE_LOST):
        m.page_stop.change(False, i.now_ns)  # the stop stays latched, its length is unknown
    if not i.bedside_input:
        bits |= mask(Cause.BEDSIDE_INPUT_LOST)
        m.key.change(False, i.now_ns)
        m.stop_test.pressing = False
    if m.consent.expired(m.machine.state, i.now_ns, limits):
        bits |= mask(Cause.CONSENT_EXPIRED)
    return bits


def arm(m: Memory, i: GuardInputs, limits: Limits) -> int:
    """Force, instrument, workspace, and the measured motion against the permit."""
    fresh = not m.arm.lost
    m.contact.update(i.arm, fresh, i.now_ns, limits)
    if not m.arm.seen:
        m.motion.brake_since_ns = 0  # nobody is there yet who could brake: time starts anew
    bits = m.motion.check(i.arm, fresh, i.now_ns, limits)
    if fresh and m.pose.implausible(i.arm, _asked_m_s(m, i), i.now_ns):
        bits |= mask(Cause.POSE_INVALID)
    if fresh:
        m.needle.follow(i.arm, m.contact.needle_home)
    operated = m.motion.kind == PermitKind.OPERATE
    bits |= m.needle.check(i.arm, fresh, m.needle_allowed, operated, i.now_ns, limits)
    if not m.contact.sensor_ok():
        bits |= mask(Cause.FORCE_SENSOR_INVALID)
    if not m.contact.force_level_n() <= limits.force_trip_n:
        bits |= mask(Cause.FORCE_OVER_LIMIT)
    bits |= m.load.check(i.arm, fresh and m.contact.sensor_ok(), limits)
    if m.contact.instrument == Instrument.UNKNOWN:
        bits |= mask(Cause.INSTRUMENT_UNKNOWN)
    p = i.arm.base_p_probe_m
    for value, low, high in zip(p, limits.workspace_min_m, limits.workspace_max_m, strict=True):
        if not low - WORKSPACE_MARGIN_M <= value <= high + WORKSPACE_MARGIN_M:
            bits |= mask(Cause.WORKSPACE)
    return bits


def _asked_m_s(m: Memory, i: GuardInputs) -> float:
    """Speed that servo orders under a permit to move; 0: none."""
    if m.servo.lost or m.motion.brake_since_ns or m.motion.kind == PermitKind.NONE:
        return 0.0
    return math.hypot(*i.servo.v_target_m_s)


def own(m: Memory, i: GuardInputs, bits: int, elapsed_ms: float, limits: Limits) -> int:
    """Causes that follow from the machine's own state and time in it."""
    state, now = m.machine.state, i.now_ns
    out = 0
    draining = (
        state == State.HOLD and bits & LINK_MASK != 0 and not m.machine.latched & PROCESS_MASK
    )
    if m.bucket.run(elapsed_ms, draining, limits):
        out |= mask(Cause.LINK_UNSTABLE)
    if state == State.HOLD:
        operator = m.machine.latched == mask(Cause.OPERATOR_RELEASE)
        longest = limits.operator_hold_max_s if operator else limits.hold_max_s
        if now - m.machine.since_ns > longest * S:
            out |= mask(Cause.HOLD_TOO_LONG)
    if state in MOVING and m.in_use.valid and not m.in_use.command.deadman:
        out |= mask(Cause.OPERATOR_RELEASE)
    if _lapsed(m, i):
        out |= mask(Cause.GUARD_OVERRUN)
    if m.epoch.failed(now):
        out |= mask(Cause.EPOCH_STORE_FAILED)
    silent = bits & mask(Cause.COMMAND_AGE) != 0
    if state in SETUP and silent and m.gate.last == Rejection.LIMITS_MISMATCH:
        out |= mask(Cause.LIMITS_MISMATCH)
    return out


def expected(m: Memory, bits: int, rest: bool) -> int:
    """Causes without those that an ordered shutdown makes once the arm rests."""
    m.leaving = m.leaving or (m.shutdown and rest)
    return bits & ~LEAVERS if m.leaving else bits


def _lapsed(m: Memory, i: GuardInputs) -> bool:
    """Servo saw a lapse under this epoch and will not drive; other causes may explain it first."""
    lapsed = (
        not m.servo.lost
        and i.servo.lapsed
        and i.servo.permit_epoch == m.epoch.value
        and m.motion.kind == PermitKind.OPERATE
    )
    if not lapsed:
        m.lapsed_since_ns = 0
        return False
    m.lapsed_since_ns = m.lapsed_since_ns or i.now_ns
    return i.now_ns - m.lapsed_since_ns > LAPSE_NS
