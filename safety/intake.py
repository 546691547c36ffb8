"""Takes the messages of one step into memory: processes, session, frames, the expert's command."""

from __future__ import annotations

from safety.gate import Rejection, command
from safety.limits import Limits
from safety.memory import NO_COMMAND, Memory
from safety.messages import GatewayStatus, GuardInputs
from safety.states import Cause, Clamp
from safety.transitions import mask
from safety.watchdog import haptic_ms

MS = 1_000_000
APPLIED_FRESH_NS = 20 * MS
"""Within this time of servo's last report the loop is taken at application, else at acceptance."""


def peers(m: Memory, i: GuardInputs, limits: Limits) -> int:
    """Update who is alive; return causes of lost and restarted processes, and of guard's gap."""
    now = i.now_ns
    bits = 0
    if now - m.last_ns > limits.own_gap_ms * MS:
        bits |= mask(Cause.GUARD_OVERRUN)
        m.qualifier.update(False, now)
    m.arm.update(i.arm_seq, i.arm.incarnation, i.arm.stamp_ns, now, limits.arm_silent_ms)
    m.servo.update(i.servo_seq, i.servo.incarnation, i.servo.stamp_ns, now, limits.servo_silent_ms)
    g, v = i.gateway, i.media
    m.gateway.update(i.gateway_seq, g.incarnation, g.stamp_ns, now, limits.gateway_silent_ms)
    m.media.update(i.media_seq, v.incarnation, v.stamp_ns, now, limits.media_silent_ms)
    for peer, lost, restarted in (
        (m.arm, Cause.ARM_SILENT, Cause.ARM_RESTARTED),
        (m.servo, Cause.SERVO_LOST, Cause.SERVO_RESTARTED),
        (m.gateway, Cause.GATEWAY_LOST, Cause.GATEWAY_RESTARTED),
        (m.media, Cause.MEDIA_LOST, Cause.MEDIA_RESTARTED),
    ):
        # Who was never there cannot be lost; set-up waits for arm and servo anyway.
        if peer.lost and (peer.seen or peer is m.gateway or peer is m.media):
            bits |= 1 << lost
        if peer.restarted:
            bits |= 1 << restarted
    return bits if i.supervisor else bits | mask(Cause.SUPERVISOR_LOST)


def power(m: Memory, i: GuardInputs) -> int:
    """Follow the power line; a new power-on forgets stop test and instrument."""
    foreign, new = m.power.update(i.arm, not m.arm.lost)
    if new or m.arm.restarted:
        m.stop_test.forget()
        m.contact.power_cycled()
        m.needle.declared()
    bits = mask(Cause.GUARD_RESTARTED) if foreign else 0
    if m.power.lost(not m.arm.lost):
        bits |= mask(Cause.ARM_POWER_LOST)
    return bits


def session(m: Memory, g: GatewayStatus, now_ns: int) -> int:
    """Follow the lease; whoever drives now starts with nothing accepted and nothing proven."""
    if m.gateway.lost:
        return 0
    bits = 0
    changed = g.console_session != m.lease.session or g.lease_changes != m.lease.changes
    opened = g.console_open and not m.lease.open
    if changed and m.lease.session != 0:
        bits |= mask(Cause.LEASE_CHANGED)
        m.needle.forget_plan()
    if changed or opened or m.gateway.restarted:
        m.epoch.rise(now_ns)
        m.in_use.valid = False
        m.in_use.command = NO_COMMAND
        m.in_use.waiting.clear()
        m.loop.forget()
        m.slots.forget()
        m.dwell.frame_id = -1
        m.frames.presented_id = -1
    if changed or m.gateway.restarted or not g.console_open:
        m.mark.forget()
    m.lease.session, m.lease.open, m.lease.changes = (
        g.console_session,
        g.console_open,
        g.lease_changes,
    )
    return bits


def pictures(m: Memory, i: GuardInputs) -> None:
    """Take the index of sent frames; a restarted media starts it anew."""
    if m.media.restarted:
        m.frames.forget()
        m.loop.forget()
        m.dwell.frame_id = -1
        m.mark.forget()
        m.epoch.rise(i.now_ns)
    for stamp in i.stamps:
        if stamp.rtp_timestamp >= 0:
            m.frames.add(stamp, i.now_ns)


def expert(m: Memory, i: GuardInputs, limits: Limits, limits_hash: int, lag_ms: float) -> bool:
    """Check and take a new safety frame; True: it brought a fresh deadman edge."""
    if i.frame_seq == m.frame_seq:
        return False
    written, m.frame_seq = i.frame_seq - m.frame_seq, i.frame_seq
    seq_before = m.gate.seq if m.gate.epoch == m.epoch.value else -1
    frame = m.gate.check(
        i.frame,
        i.now_ns,
        authenticity=i.authenticity,
        session=m.lease.session if not m.gateway.lost else 0,
        epoch=m.epoch.value,
        stamps=m.stamps,
        limits=limits,
        limits_hash=limits_hash,
    )
    if isinstance(frame, Rejection):
        return False
    use = m.in_use
    use.command, use.clamps = command(frame, limits)
    use.valid, use.accepted_ns = True, i.now_ns
    use.haptic_ms = haptic_ms(frame.haptic_echo_us, frame.haptic_dwell_us, i.now_ns)
    # The mailbox keeps the newest of a burst; those it replaced did arrive in this slot, too.
    sent = frame.seq - seq_before if seq_before >= 0 else 1
    m.slots.command((i.now_ns - frame.echo_ns) / MS, max(1, min(written, sent)), limits)
    _picture_of(m, i.now_ns, limits, lag_ms)
    return m.deadman.command(use.command, limits)


def _picture_of(m: Memory, now_ns: int, limits: Limits, lag_ms: float) -> None:
    """Which frame the expert had on screen, and the loop that follows from it."""
    use = m.in_use
    c = use.command
    acquired_ns = m.frames.present(c.frame_id, now_ns)
    use.frame_known = acquired_ns is not None
    if acquired_ns is None:
        return
    use.acquired_ns = acquired_ns
    use.dwell_ms = m.dwell.trusted_ms(c.frame_id, c.dwell_us, c.echo_ns, limits)
    m.mark.saw(m.frames.presented_mark)
    use.waiting.append((c.seq, c.frame_id, acquired_ns, use.dwell_ms))
    if now_ns - use.applied_sample_ns > APPLIED_FRESH_NS:
        loop_ms = (now_ns - acquired_ns) / MS - use.dwell_ms + lag_ms
        m.loop.add(c.frame_id, loop_ms, now_ns, limits)


def applied(m: Memory, i: GuardInputs, limits: Limits, lag_ms: float) -> None:
    """Close the loop: servo says when it applied which command."""
    use, servo = m.in_use, i.servo
    if m.servo.lost or servo.command_seq == use.applied_seq or servo.permit_epoch != m.epoch.value:
        return
    use.applied_seq = servo.command_seq
    for seq, frame_id, acquired_ns, dwell_ms in use.waiting:
        if seq == servo.command_seq and servo.applied_ns >= acquired_ns:
            use.applied_sample_ns = i.now_ns
            loop_ms = (servo.applied_ns - acquired_ns) / MS - dwell_ms + lag_ms
            m.loop.add(frame_id, loop_ms, i.now_ns, limits)
            return


def clamps(m: Memory, i: GuardInputs) -> Clamp:
    """What guard and servo clamped."""
    return m.in_use.clamps | (i.servo.clamps if not m.servo.lost else Clamp.NONE)
