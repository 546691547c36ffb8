"""GuardCore: the whole safety decision as one pure step of its inputs (recorded and replayed).

Order of a step: who is alive -> what people want -> the expert's command -> which causes are
present -> the state machine -> the permit. Nothing but `GuardInputs` comes in.
"""

from __future__ import annotations

from dataclasses import replace

from safety import causes, intake, memory, people, permit, report
from safety.enable import answer
from safety.guide import Checklist, ready
from safety.limits import Limits, limits_hash, widened
from safety.machine import Facts, Machine, step
from safety.memory import Memory
from safety.messages import EnableSignal, GuardInputs, GuardOutputs, Permit
from safety.people import Wishes
from safety.report import Findings, Fixed
from safety.states import Cause, Contact, Instrument, State
from safety.transitions import BLOCKING, LATCHED, LINK_MASK, MOVING, PROCESS_MASK, SETUP, mask

MS = 1_000_000
SUSPECT = mask(
    Cause.SPEED_OVER_PERMIT,
    Cause.STANDSTILL_VIOLATED,
    Cause.ARM_SILENT,
    Cause.SERVO_LOST,
    Cause.SERVO_IGNORES_PERMIT,
    Cause.BRAKE_FAILED,
    Cause.INTERNAL_ERROR,
)
"""With these nothing but brakes: whoever would move the arm is not to be trusted, or not there."""
CUTS_POWER = mask(Cause.BEDSIDE_ESTOP, Cause.BRAKE_FAILED, Cause.STANDSTILL_VIOLATED)
NO_VIEW = mask(Cause.PICTURE_FROZEN, Cause.PICTURE_STALE, Cause.MEDIA_LOST, Cause.PICTURE_NOT_LIVE)
"""Latched in a HOLD that lasts, these ask for a new proof of the live view."""


class GuardCore:
    """Pure and deterministic; `snapshot` and `restore` continue bit by bit."""

    def __init__(self, limits: Limits, *, simulated: bool, display_lag_ms: float = 0.0) -> None:
        self.limits = limits
        self.fixed = Fixed(limits_hash(limits), bool(widened(limits)), simulated, display_lag_ms)
        self.memory = Memory()
        self.error: str = ""
        """Text of the newest internal error, for the log."""

    def snapshot(self) -> bytes:
        """All memory, exact."""
        return memory.dump(self.memory)

    def restore(self, data: bytes) -> None:
        """Continue from a snapshot; ValueError: it is not one of this version."""
        self.memory = memory.load(data)

    def step(self, inputs: GuardInputs) -> GuardOutputs:
        """Decide once. Never raises: an internal error is a FAULT with brakes."""
        try:
            return self._step(inputs)
        except Exception as error:  # any bug must end in brakes, not in a dead guard
            self.error = f"{type(error).__name__}: {error}"
            return self._fail(inputs)

    def _step(self, i: GuardInputs) -> GuardOutputs:
        m, limits = self.memory, self.limits
        self._begin(i)
        bits = intake.peers(m, i, limits) | intake.power(m, i)
        bits |= intake.session(m, i.gateway, i.now_ns)
        m.deadman.enter_epoch(m.epoch.value)
        intake.pictures(m, i)
        wishes = people.hear(m, i, limits)
        edge = intake.expert(m, i, limits, self.fixed.limits_hash, self.fixed.lag_ms)
        intake.applied(m, i, limits, self.fixed.lag_ms)
        link, late = causes.link(m, i, limits)
        bits |= wishes.causes | link | causes.bedside(m, i, limits) | causes.arm(m, i, limits)
        bits |= causes.own(m, i, bits, (i.now_ns - m.last_ns) / MS, limits)
        contact = m.contact.contact(i.now_ns, limits)
        checklist = self._checklist(i, bits, late)
        facts = self._facts(i, bits, late, wishes, contact, checklist, edge)
        before = m.machine
        m.machine = step(before, facts, limits)
        self._follow(i, before, facts, bits)
        order = permit.decide(self._situation(i, contact), limits)
        m.motion.order(
            order.kind, order.speed_limit_m_s(contact, limits), order.brake, i.now_ns, limits
        )
        findings = Findings(bits, late, contact, checklist, order, facts.at_rest)
        return self._outputs(i, findings)

    def _begin(self, i: GuardInputs) -> None:
        m = self.memory
        if m.incarnation == 0:
            m.incarnation = i.now_ns
            m.last_ns = i.now_ns
            m.machine = Machine(since_ns=i.now_ns)
        m.cycle += 1
        m.epoch.update(i.epoch_durable, i.now_ns)

    def _checklist(self, i: GuardInputs, bits: int, late: int) -> Checklist:
        m, limits, now = self.memory, self.limits, i.now_ns
        self._qualify(i, bits, late)
        page = m.page.here(now, limits)
        return Checklist(
            alive=(
                m.power.on
                and m.epoch.usable()
                and not (m.arm.lost or m.servo.lost)
                and m.contact.sensor_ok()
            ),
            bedside_page=page,
            bedside_sound=page and i.gateway.bedside_sound and i.gateway.bedside_visible,
            bedside_input=i.bedside_input,
            stop_tested=m.stop_test.done and not m.key.pressed_ns,
            instrument=m.contact.instrument in (Instrument.PROBE, Instrument.PROBE_NEEDLE),
            console=m.lease.session != 0 and m.lease.open and not m.gateway.lost,
            link=m.qualifier.progress(now, limits) >= 1.0,
            mark=m.mark.ok,
            deadman_up=m.in_use.valid and not m.in_use.command.deadman,
            quiet=not bits & (BLOCKING[State.ARMED] | BLOCKING[State.HOLD]),
        )

    def _qualify(self, i: GuardInputs, bits: int, late: int) -> None:
        """Criteria of reference 8.2: age, no HOLD-grade gap, a live picture."""
        m, now = self.memory, i.now_ns
        age = causes.age_ms(m, now)
        fresh = 0.0 <= age <= self.limits.qualify_age_ms or causes.settling(m, now)
        good = fresh and not (bits & (LINK_MASK | PROCESS_MASK | NO_VIEW) or late)
        m.qualifier.update(good, now)
        wanted = m.lease.open and m.frames.presented_id >= 0 and m.machine.state not in MOVING
        m.mark.update(wanted and not m.gateway.lost, i.nonce, now)

    def _facts(
        self,
        i: GuardInputs,
        bits: int,
        late: int,
        wishes: Wishes,
        contact: Contact,
        checklist: Checklist,
        edge: bool,
    ) -> Facts:
        m = self.memory
        return Facts(
            now_ns=i.now_ns,
            causes=bits,
            late=late,
            off_skin=contact == Contact.NONE,
            alive=checklist.alive,
            connected=checklist.console and checklist.bedside_page,
            qualified=checklist.link,
            ready=ready(checklist),
            allow=wishes.allow and not report.resumable(m),
            consent=m.consent.given_ns > 0,
            edge=edge,
            resumable=m.deadman.resumable(i.servo, self.limits),
            acknowledge=wishes.acknowledge,
            local_enter=wishes.local_enter,
            local_exit=wishes.local_exit,
            at_rest=m.motion.at_rest(self.limits),
            power_cut=m.power.cut,
        )

    def _follow(self, i: GuardInputs, before: Machine, facts: Facts, bits: int) -> None:
        """Bring the rest of memory into line with the machine's new state."""
        m, now, after = self.memory, i.now_ns, self.memory.machine
        if after.state != before.state:
            self._entered(i, before, after)
        if after.state == State.ARMED and facts.allow:
            m.consent.give(now)
        m.consent.follow(after, now, self.limits)
        if after.engagement != before.engagement:
            m.engaged_ns, m.recovered_ns = now, 0
        if after.state == State.HOLD and after.latched & NO_VIEW and m.consent.given_ns == 0:
            m.mark.forget()
        if bits & mask(Cause.GUARD_OVERRUN) and before.state not in SETUP:
            m.epoch.rise(now)  # servo may have seen a lapse: it accepts only a newer epoch
        self._power(before, after, bits)
        self._measure_stop(i, before, after, facts.at_rest)

    def _entered(self, i: GuardInputs, before: Machine, after: Machine) -> None:
        m, now = self.memory, i.now_ns
        if after.state == State.ARMED or before.state == State.LOCAL:
            m.epoch.rise(now)
            m.deadman.enter_epoch(m.epoch.value)
        if after.state == State.ARMED:
            m.discomfort = False
        if after.state == State.ACTIVE and before.state == State.DEGRADED:
            m.recovered_ns = now
        if after.state == State.HOLD and before.state in MOVING:
            m.deadman.hold_began()
        if before.state in (*MOVING, *SETUP, State.LOCAL):
            m.last_force_n = max(0.0, m.contact.force_n[2]) if m.contact.sensor_ok() else 0.0

    def _power(self, before: Machine, after: Machine, bits: int) -> None:
        m = self.memory
        if after.state == State.SAFE_STOP and before.state in (State.ESTOP, State.FAULT):
            m.power.set_cut(False)
        elif after.state == State.ESTOP or (after.state == State.FAULT and bits & CUTS_POWER):
            m.power.set_cut(True)
        if m.epoch.usable() and not m.arm.lost:
            m.power.order()

    def _measure_stop(self, i: GuardInputs, before: Machine, after: Machine, rest: bool) -> None:
        stop = self.memory.stop
        moved = before.state in (*MOVING, State.LOCAL)
        if moved and after.state in (State.HOLD, *LATCHED):
            stop.order_ns, stop.running, stop.stop_ms = i.now_ns, True, -1.0
        elif stop.running and rest and i.arm.stamp_ns > stop.order_ns:
            stop.running = False
            stop.stop_ms = (i.arm.stamp_ns - stop.order_ns) / MS
            stop.force_n = self.memory.contact.force_n[2]

    def _situation(self, i: GuardInputs, contact: Contact) -> permit.Situation:
        m, now = self.memory, i.now_ns
        able = (
            m.power.on
            and not m.power.cut
            and m.epoch.usable()
            and not (m.arm.lost or m.servo.lost)
            and m.contact.sensor_ok()
            and not m.machine.latched & SUSPECT
        )
        return permit.Situation(
            state=m.machine.state,
            contact=contact,
            instrument=m.contact.instrument,
            able=able,
            in_state_ns=now - m.machine.since_ns,
            engaged_ns=now - m.engaged_ns,
            recovered_ns=now - m.recovered_ns,
            last_force_n=m.last_force_n,
            discomfort=m.discomfort,
            lift=m.lift.held(now),
            live=i.media.live and not m.media.lost,
        )

    def _outputs(self, i: GuardInputs, f: Findings) -> GuardOutputs:
        m = self.memory
        rep = report.build(m, i, f, self.fixed, self.limits)
        m.stamps.issue(i.now_ns, rep.nonce, int(self.limits.stamp_life_ms * MS))
        m.last_ns = i.now_ns
        return GuardOutputs(
            permit=self._permit(i, f.order),
            enable=EnableSignal(
                i.now_ns, answer(i.arm.challenge), m.power.ordered and not m.power.cut,
                f.order.brake,
            ),
            report=rep,
            epoch_wanted=m.epoch.value,
        )  # fmt: skip

    def _permit(self, i: GuardInputs, order: permit.Order) -> Permit:
        m = self.memory
        return Permit(
            incarnation=m.incarnation,
            epoch=m.epoch.value,
            kind=order.kind,
            state=m.machine.state,
            issued_ns=i.now_ns,
            valid_until_ns=i.now_ns + int(self.limits.permit_life_ms * MS),
            v_max_m_s=order.v_max_m_s,
            v_contact_m_s=order.v_contact_m_s,
            w_max_rad_s=order.w_max_rad_s,
            f_max_n=order.f_max_n,
            travel_max_m=order.travel_max_m,
            new_contact=order.new_contact,
            needle_advance=order.needle_advance,
            ramp=order.ramp,
            engagement=m.machine.engagement,
            command_stamp_ns=m.in_use.accepted_ns,
            command=m.in_use.command,
        )

    def _fail(self, i: GuardInputs) -> GuardOutputs:
        m = self.memory
        before = m.machine
        m.machine = replace(
            before,
            state=before.state if before.state == State.ESTOP else State.FAULT,
            since_ns=before.since_ns if before.state in (State.FAULT, State.ESTOP) else i.now_ns,
            first_out=before.first_out if before.state in LATCHED else Cause.INTERNAL_ERROR,
            latched=before.latched | mask(Cause.INTERNAL_ERROR),
            acknowledged=False,
        )
        m.consent.revoke()
        m.last_ns = i.now_ns
        return GuardOutputs(
            permit=self._permit(i, permit.BRAKE),
            enable=EnableSignal(i.now_ns, answer(i.arm.challenge), m.power.ordered, True),
            report=report.failed(m, i, self.fixed, self.limits),
            epoch_wanted=m.epoch.value,
        )
