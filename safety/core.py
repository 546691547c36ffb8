"""GuardCore: the whole safety decision as one pure step of its inputs (recorded and replayed).

Order of a step: who is alive -> what people want -> the expert's command -> which causes are
present -> the state machine -> the permit. Nothing but `GuardInputs` comes in.
"""

from __future__ import annotations

from dataclasses import replace

from safety import assess, causes, intake, memory, people, permit, report
from safety.enable import answer
from safety.follow import follow
from safety.limits import Limits, limits_hash, widened
from safety.machine import Machine, step
from safety.memory import Memory
from safety.messages import EnableSignal, GuardInputs, GuardOutputs, Permit
from safety.report import Findings, Fixed
from safety.states import Cause, State
from safety.transitions import LATCHED, mask

MS = 1_000_000


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
        m, limits, fixed = self.memory, self.limits, self.fixed
        self._begin(i)
        bits = intake.peers(m, i, limits) | intake.power(m, i)
        bits |= intake.session(m, i.gateway, i.now_ns)
        intake.pictures(m, i)
        m.deadman.enter_epoch(m.epoch.value)
        wishes = people.hear(m, i, limits)
        edge = intake.expert(m, i, limits, fixed.limits_hash, fixed.lag_ms)
        intake.applied(m, i, limits, fixed.lag_ms)
        link, late = causes.link(m, i, limits)
        bits |= wishes.causes | link | causes.bedside(m, i, limits) | causes.arm(m, i, limits)
        bits |= causes.own(m, i, bits, (i.now_ns - m.last_ns) / MS, limits)
        bits = causes.expected(m, bits, m.motion.at_rest(limits))
        assess.qualify(m, i, bits, limits)
        contact = m.contact.contact(i.now_ns, limits)
        checks = assess.checklist(m, i, bits, limits)
        facts = assess.facts(m, i, bits, late, wishes, contact, checks, edge, limits)
        before = m.machine
        m.machine = step(before, facts, limits)
        follow(m, i, before, bits, facts.allow, facts.at_rest, limits)
        order = permit.decide(assess.situation(m, i, contact, limits), limits)
        speed_m_s = order.speed_limit_m_s(contact, limits)
        m.motion.order(
            order.kind, speed_m_s, order.turn_limit_rad_s(), order.brake, i.now_ns, limits
        )
        m.needle_allowed = order.needle_advance
        return self._outputs(i, Findings(bits, late, contact, checks, order, facts.at_rest))

    def _begin(self, i: GuardInputs) -> None:
        m = self.memory
        if m.incarnation == 0:
            m.incarnation = m.last_ns = i.now_ns
            m.machine = Machine(since_ns=i.now_ns)
        m.cycle += 1
        m.epoch.update(i.epoch_durable, i.now_ns)

    def _outputs(self, i: GuardInputs, f: Findings) -> GuardOutputs:
        m = self.memory
        rep = report.build(m, i, f, self.fixed, self.limits)
        m.stamps.issue(i.now_ns, rep.nonce, int(self.limits.stamp_life_ms * MS))
        m.last_ns = i.now_ns
        return GuardOutputs(
            permit=self._permit(i, f.order),
            enable=EnableSignal(
                stamp_ns=i.now_ns,
                answer=answer(i.arm.challenge),
                power=m.power.ordered and not m.power.cut,
                brake=f.order.brake,
                zero_serial=m.zero_serial,
            ),
            report=rep,
            epoch_wanted=m.epoch.value,
        )

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
            needle_goal_m=order.needle_goal_m,
            needle_pivot_rad_s=order.needle_pivot_rad_s,
        )

    def _fail(self, i: GuardInputs) -> GuardOutputs:
        """FAULT with brakes, whatever broke; the next step tries again, still in FAULT."""
        m = self.memory
        before = m.machine
        latched = before.state in LATCHED
        m.machine = replace(
            before,
            state=State.ESTOP if before.state == State.ESTOP else State.FAULT,
            since_ns=before.since_ns if before.state in (State.FAULT, State.ESTOP) else i.now_ns,
            first_out=before.first_out if latched else Cause.INTERNAL_ERROR,
            latched=(before.latched if latched else 0) | mask(Cause.INTERNAL_ERROR),
            acknowledged=False,
        )
        m.consent.revoke()
        m.last_ns = i.now_ns
        return GuardOutputs(
            permit=self._permit(i, permit.BRAKE),
            enable=EnableSignal(
                i.now_ns, answer(i.arm.challenge), m.power.ordered, True, m.zero_serial
            ),
            report=report.failed(m, i, self.fixed, self.limits),
            epoch_wanted=m.epoch.value,
        )
