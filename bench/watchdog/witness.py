"""Watches a virtual world with knowledge that no process in it has: when input was really sampled.

Guard judges a command by the echo of its own stamp, which contains a whole round trip. The witness
knows the sample's true time, so it can say whether a stop was needed and whether an old command
ever moved the arm.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from bench.world import World
from safety.states import Cause, PermitKind, State
from teleop.scripted.persons import ENGAGED

LATE_NS = 50_000_000
"""A command older than this may not move the arm (the mission's 50 ms)."""
STOPS = frozenset({State.HOLD, State.SAFE_STOP, State.ESTOP, State.FAULT})
KEPT = 1000
"""Commands that are remembered (5 s at 200 Hz); a command that takes longer counts as lost."""
NO_DOUBT = (1 << 62, 0)
BY_AGE = frozenset({Cause.COMMAND_AGE, Cause.MISSED_SLOTS})
"""Causes that say: commands are too old, or too many are missing."""


@dataclass(slots=True)
class Tally:
    """What was counted."""

    time_ns: Counter[State] = field(default_factory=Counter)
    """Time per state."""
    stops: Counter[Cause] = field(default_factory=Counter)
    """Times that motion was stopped, by first-out cause."""
    degraded: Counter[Cause] = field(default_factory=Counter)
    """Times that motion was slowed down, by what was late (each of several counts)."""
    false_stops: int = 0
    """Stops by age or missed slots although the command in use was truly younger than 50 ms, and a
    newer one arrived before it became older."""
    driven_cycles: int = 0
    """Servo cycles in which a command moved the arm."""
    old_driven_cycles: int = 0
    """Those whose command was truly older than 50 ms."""
    oldest_driven_ns: int = 0
    commands: int = 0
    lost: int = 0
    """Commands of which no copy arrived."""
    late: int = 0
    """Commands whose first copy arrived more than 50 ms after the sample."""
    loop_ms: array[float] = field(default_factory=lambda: array("f"))
    """The loop with each applied command, as guard measured it."""
    bands: list[tuple[State, int, int]] = field(default_factory=list)
    """(state, from, to)."""


class Witness:
    """Hooks into the tasks of a world; `begin` starts the counting."""

    def __init__(self, world: World) -> None:
        self.tally = Tally()
        self._world = world
        self._sampled_ns: dict[int, int] = {}
        self._waiting: set[int] = set()
        """Commands of which no copy has arrived yet."""
        self._doubt = NO_DOUBT
        """(sequence of the command in use, when it becomes too old) at the last stop by age."""
        self._counting = False
        self._state = State.INIT
        self._since_ns = 0
        self._frame_loop_ms = -1.0
        servo, guard = world.servo_task, world.guard_task
        self._step_servo, servo.run = servo.run, self._servo
        self._step_guard, guard.run = guard.run, self._guard
        world.on_sampled, world.on_arrived = self._sampled, self._arrived

    def begin(self) -> None:
        """Count from now on."""
        self.tally = Tally()
        self._counting = True
        self._since_ns = self._world.clock.now_ns
        self._state = self._world.site.report.value.state

    def end(self) -> Tally:
        """Close the open span; return what was counted."""
        self._close(self._world.clock.now_ns)
        self._counting = False
        return self.tally

    def _sampled(self, seq: int, now_ns: int) -> None:
        """The page sampled its input."""
        self._sampled_ns[seq] = now_ns
        self._waiting.add(seq)
        gone = seq - KEPT
        self._sampled_ns.pop(gone, None)
        self.tally.commands += self._counting
        if gone in self._waiting:
            self._waiting.discard(gone)
            self.tally.lost += self._counting

    def _arrived(self, seq: int, now_ns: int) -> None:
        """A copy of a command arrived at the robot."""
        if seq > self._doubt[0]:
            self.tally.false_stops += now_ns <= self._doubt[1]
            self._doubt = NO_DOUBT
        if seq in self._waiting:
            self._waiting.discard(seq)
            late = now_ns - self._sampled_ns[seq] > LATE_NS
            self.tally.late += late and self._counting

    def _guard(self, now_ns: int, lateness_ns: int) -> None:
        self._step_guard(now_ns, lateness_ns)
        report = self._world.site.report.value
        if self._counting and report.loop_ms != self._frame_loop_ms and report.loop_ms >= 0.0:
            self._frame_loop_ms = report.loop_ms
            self.tally.loop_ms.append(report.loop_ms)
        if report.state != self._state:
            before = self._state
            self._close(now_ns)
            self._state, self._since_ns = report.state, now_ns
            if self._counting and before in ENGAGED and report.state in STOPS:
                self._stopped(report.first_out, now_ns)
            if self._counting and before == State.ACTIVE and report.state == State.DEGRADED:
                self.tally.degraded.update(c for c in Cause if report.live_causes >> c & 1)

    def _close(self, now_ns: int) -> None:
        if self._counting:
            self.tally.time_ns[self._state] += now_ns - self._since_ns
            self.tally.bands.append((self._state, self._since_ns, now_ns))

    def _stopped(self, cause: Cause, now_ns: int) -> None:
        self.tally.stops[cause] += 1
        command = self._world.site.permit.value.command
        sampled_ns = self._sampled_ns.get(command.seq)
        if cause in BY_AGE and sampled_ns is not None:
            self._doubt = (command.seq, sampled_ns + LATE_NS)

    def _servo(self, now_ns: int, lateness_ns: int) -> None:
        self._step_servo(now_ns, lateness_ns)
        if not self._counting:
            return
        site = self._world.site
        applied = site.servo_report.value
        if applied.permit_kind != PermitKind.OPERATE or applied.lapsed:
            return
        if site.arm_command.value.brake:
            return
        # A command that the witness never saw sampled counts as old.
        age_ns = now_ns - self._sampled_ns.get(applied.command_seq, 0)
        self.tally.driven_cycles += 1
        self.tally.old_driven_cycles += age_ns > LATE_NS
        self.tally.oldest_driven_ns = max(self.tally.oldest_driven_ns, age_ns)
