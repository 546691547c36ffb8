"""Checks the invariants in every step of a virtual world, and notes every change of state."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from bench.faults.act import after
from bench.faults.model import FORCE_MAX_N, Invariant
from bench.world import World
from safety.messages import Permit
from safety.states import Cause, Contact, PermitKind, State
from safety.transitions import LATCHED, MOVING, SEVERITY, SHORT_MASK, mask

MS = 1_000_000
AGE_NS = 50 * MS
LIFE_NS = 20 * MS
"""A permit's life: as long servo may go on with a command after guard has gone."""
SHORT_NS = 200 * MS
SPEED_MAX_M_S = 0.15
"""Free speed limit, tolerance and the speed of regulation, with room for the filter."""
STILL_RAD_S = 1e-6
ROUNDING = 1.0 + 1e-9
NEEDLE_STILL_M_S = 1e-4
OPERATOR = mask(Cause.OPERATOR_RELEASE)
_NUMBERS = tuple(
    f.name for f in fields(Permit) if f.name.endswith(("_m_s", "_rad_s", "_n", "_m", "ramp"))
)


@dataclass(frozen=True, slots=True)
class Change:
    """Guard changed its state."""

    at_ns: int
    before: State
    state: State
    first_out: Cause


class Watch:
    """Install it before faults are injected: it sees what each process itself decided."""

    def __init__(self, world: World, wall_reads: list[str]) -> None:
        self._world = world
        self._wall_reads = wall_reads
        """Grows when somebody reads the wall clock (`bench/faults/wall.py`)."""
        self.changes: list[Change] = []
        self.broken: dict[Invariant, str] = {}
        self.steps = 0
        self.peak_force_n = 0.0
        self._begun = False
        self._state = State.INIT
        self._latched = 0
        self._cycle = 0
        self._incarnation = 0
        self._accepted = 0
        self._last_applied_ns = 0
        self._speed_rad_s = 0.0
        self._genuine: set[bytes] = set()
        """Frames that came over the link since the watch began."""
        self._accepted_seq = 0
        self._listen()
        after(world.guard_task, self._guard)
        after(world.servo_task, self._servo)
        after(world.arm_task, self._arm)

    def begin(self) -> None:
        """Judge from now on; nobody at the bedside allows motion any more."""
        report = self._world.site.report.value
        self._begun = True
        self._state, self._latched = report.state, report.causes
        self._cycle, self._incarnation = report.cycle, report.incarnation
        self._accepted = report.commands_accepted
        self._accepted_seq = self._world.site.permit.value.command.seq
        self._genuine.add(self._world.site.frame.value)
        self._last_applied_ns = self._world.site.servo_report.value.applied_ns
        self._since_ns = report.since_ns

    def _listen(self) -> None:
        frame = self._world.site.frame
        put = frame.put

        def listen(value: bytes) -> None:
            if self._begun:
                self._genuine.add(value)
            put(value)

        frame.put = listen  # type: ignore[method-assign]

    def _break(self, which: Invariant, now_ns: int, evidence: str) -> None:
        at_ms = (now_ns - self._world.clock.start_ns) / MS
        self.broken.setdefault(which, f"{which.name} at {at_ms:.1f} ms: {evidence}")

    def _guard(self, now_ns: int) -> None:
        if not self._begun:
            return
        self.steps += 1
        site = self._world.site
        report, permit = site.report.value, site.permit.value
        if report.incarnation == self._incarnation and report.cycle != self._cycle + 1:
            self._break(Invariant.I9, now_ns, f"cycle {report.cycle} after {self._cycle}")
        self._cycle, self._incarnation = report.cycle, report.incarnation
        if report.commands_accepted > self._accepted:
            self._accepted = report.commands_accepted
            self._took(now_ns, permit)
        numbers = (*(getattr(permit, name) for name in _NUMBERS), *permit.command.hand_p_m,
                   *permit.command.hand_r_rad, permit.command.force_ref_n)  # fmt: skip
        if not all(map(math.isfinite, numbers)):
            self._break(Invariant.I7, now_ns, f"permit {permit}")
        blind = report.contact == Contact.UNKNOWN and permit.kind != PermitKind.NONE
        if report.state not in MOVING and (blind or permit.needle_advance):
            self._break(Invariant.I5, now_ns, f"{permit.kind.name}, {report.contact.name}")
        if self._wall_reads:
            self._break(Invariant.I10, now_ns, self._wall_reads[0])
        if report.state != self._state:
            self._changed(now_ns)
        self._latched = report.causes

    def _took(self, now_ns: int, permit: Permit) -> None:
        """Guard accepted a command in this step."""
        age_ns = now_ns - permit.command.echo_ns
        if age_ns > AGE_NS:
            self._break(Invariant.I2, now_ns, f"accepted a command {age_ns / MS:.1f} ms old")
        if self._world.site.frame.value not in self._genuine:
            self._break(Invariant.OWN, now_ns, "accepted a frame that the console did not make")
        if permit.command.seq <= self._accepted_seq:
            self._break(Invariant.OWN, now_ns, f"accepted frame {permit.command.seq} again")
        self._accepted_seq = permit.command.seq

    def _changed(self, now_ns: int) -> None:
        report = self._world.site.report.value
        before, state = self._state, report.state
        self.changes.append(Change(now_ns, before, state, report.first_out))
        falls = SEVERITY[state] < SEVERITY[before]
        if before in LATCHED and state not in LATCHED:
            self._break(Invariant.I4, now_ns, f"{before.name} to {state.name}")
        elif before == State.HOLD and state in (State.ARMED, State.ACTIVE):
            if state == State.ARMED or self._latched != OPERATOR:
                self._break(Invariant.I4, now_ns, f"HOLD to {state.name}, nobody at the bedside")
        elif before == State.HOLD and state == State.DEGRADED:
            held_ns = now_ns - self._since_ns
            if held_ns > SHORT_NS + 4 * MS or self._latched & ~SHORT_MASK:
                self._break(Invariant.I3, now_ns, f"resumed after {held_ns / MS:.0f} ms")
        elif falls and (before, state) != (State.DEGRADED, State.ACTIVE):
            self._break(Invariant.I3, now_ns, f"{before.name} to {state.name}")
        stops = SEVERITY[state] >= SEVERITY[State.HOLD] > SEVERITY[before]
        if stops and report.first_out == Cause.NONE:
            self._break(Invariant.I9, now_ns, f"{state.name} without a cause")
        self._state, self._since_ns = state, now_ns

    def _servo(self, now_ns: int) -> None:
        if not self._begun:
            return
        site = self._world.site
        command, report, permit = (
            site.arm_command.value, site.servo_report.value, site.permit.value
        )  # fmt: skip
        if not all(map(math.isfinite, (*command.qd_rad_s, command.needle_v_m_s))):
            self._break(Invariant.I7, now_ns, f"servo sends {command.qd_rad_s}")
        if command.brake:
            self._speed_rad_s = 0.0
            return
        speed = math.hypot(*command.qd_rad_s)
        slower = speed <= self._speed_rad_s * ROUNDING
        slows_down, self._speed_rad_s = report.lapsed and slower, speed
        valid = now_ns < permit.valid_until_ns and permit.kind != PermitKind.NONE
        if speed > STILL_RAD_S and not (valid or report.yielding or slows_down):
            self._break(Invariant.I1, now_ns, f"drives under {permit.kind.name}")
        if report.permit_kind == PermitKind.OPERATE and not report.lapsed:
            self._age(now_ns)

    def _age(self, now_ns: int) -> None:
        """A command that is applied for the first time, and one that is still in use."""
        site = self._world.site
        report, permit = site.servo_report.value, site.permit.value
        age_ns = now_ns - permit.command.echo_ns
        fresh = report.applied_ns != self._last_applied_ns
        self._last_applied_ns = report.applied_ns
        # Guard judged it at most a cycle ago; until its next word the permit's life counts.
        limit_ns = AGE_NS + (self._world.servo_task.period_ns if fresh else LIFE_NS)
        if age_ns > limit_ns and permit.command.deadman:
            self._break(Invariant.I2, now_ns, f"a command {age_ns / MS:.1f} ms old in use")

    def _arm(self, now_ns: int) -> None:
        arm = self._world.site.arm.value
        self.peak_force_n = max(self.peak_force_n, arm.contact_force_n) if self._begun else 0.0
        if not self._begun:
            return
        if not arm.contact_force_n <= FORCE_MAX_N:
            self._break(Invariant.I6, now_ns, f"{arm.contact_force_n:.1f} N")
        speed = math.hypot(*arm.base_v_probe_m_s)
        if not speed <= SPEED_MAX_M_S:
            self._break(Invariant.I6, now_ns, f"{1e3 * speed:.0f} mm/s")
        moves = math.isfinite(arm.needle_v_m_s) and abs(arm.needle_v_m_s) > NEEDLE_STILL_M_S
        if moves and self._state not in MOVING:
            self._break(Invariant.I5, now_ns, f"needle at {1e3 * arm.needle_v_m_s:.1f} mm/s")
