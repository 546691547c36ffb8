"""The legs of the loop out of a recording: samples, states, stages of a command (pure but IO)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

from bench.kit.model import Band, Figure, Measured, Series
from bench.kit.stats import share_within, summary
from bench.latency.spec import IN_TIME_MS, WARM_UP_S
from safety import messages as m
from safety.states import Cause, State
from teleop.record.reader import open_recording

DRIVING = (State.ACTIVE, State.DEGRADED, State.HOLD, State.SAFE_STOP)
LEGS = (("loop", "loop_ms"), ("command age", "age_ms"), ("image age", "image_ms"),
        ("haptic", "haptic_ms"))  # fmt: skip
EVERY = 5
"""Each fifth guard step is kept as a sample: 100 Hz at least."""


@dataclass(slots=True)
class _Collected:
    """What one pass over the recording gathers."""

    steps: list[tuple[int, m.GuardReport]] = field(default_factory=list)
    received_ns: dict[bytes, int] = field(default_factory=dict)
    gate_ms: list[tuple[int, float]] = field(default_factory=list)
    guard_late_us: list[tuple[int, float]] = field(default_factory=list)
    servo_late_us: list[tuple[int, float]] = field(default_factory=list)
    accepted_ns: dict[int, int] = field(default_factory=dict)
    """By command sequence."""
    servo_ms: list[tuple[int, float]] = field(default_factory=list)
    _frame_seq: int = -1
    _applied: int = -1

    def command(self, data: bytes) -> None:
        """A frame as it reached the gateway."""
        self.received_ns.setdefault(data[8:], int.from_bytes(data[:8], "little", signed=True))

    def guard(self, step: m.GuardStep) -> None:
        """One step of guard."""
        i, report = step.inputs, step.outputs.report
        self.steps.append((i.now_ns, report))
        self.guard_late_us.append((i.now_ns, i.lateness_us))
        if i.frame_seq != self._frame_seq:
            self._frame_seq = i.frame_seq
            received = self.received_ns.get(i.frame)
            if received is not None and i.now_ns >= received:
                self.gate_ms.append((i.now_ns, (i.now_ns - received) / 1e6))
        command = step.outputs.permit.command
        self.accepted_ns.setdefault(command.seq, i.now_ns)

    def servo(self, step: m.ServoStep) -> None:
        """One step of servo."""
        report = step.outputs.report
        self.servo_late_us.append((step.inputs.now_ns, step.inputs.lateness_us))
        if report.command_seq != self._applied:
            self._applied = report.command_seq
            accepted = self.accepted_ns.get(report.command_seq)
            if accepted is not None and report.applied_ns >= accepted:
                self.servo_ms.append((report.applied_ns, (report.applied_ns - accepted) / 1e6))


def _collect(path: Path) -> _Collected:
    found = _Collected()
    rows: list[tuple[int, str, bytes]] = [
        (message.stamp_ns, message.topic, message.data)
        for message in open_recording(path).messages()
        if message.topic in ("command", "guard_step", "servo_step")
    ]
    for _, topic, data in sorted(rows, key=lambda row: (row[0], row[1])):
        if topic == "command":
            found.command(data)
        elif topic == "guard_step":
            found.guard(m.GUARD_STEP.unpack(data))
        else:
            found.servo(m.SERVO_STEP.unpack(data))
    return found


def measured(path: Path) -> Measured:
    """Figures of the time in which the expert pressed the deadman, after the warm-up."""
    found = _collect(path)
    pressed = [(at, r) for at, r in found.steps if r.deadman and r.state in DRIVING]
    if not pressed:
        return Measured(notes=("the expert never drove",), bands=_bands(found.steps))
    start_ns = pressed[0][0] + round(WARM_UP_S * 1e9)
    end_ns = pressed[-1][0]
    driven = [(at, r) for at, r in pressed if at >= start_ns]
    series = [_leg(name, attribute, driven, start_ns) for name, attribute in LEGS]
    series += [
        _timed("gate", "ms", found.gate_ms, start_ns, end_ns),
        _timed("servo", "ms", found.servo_ms, start_ns, end_ns),
        _timed("guard lateness", "us", found.guard_late_us, start_ns, end_ns),
        _timed("servo lateness", "us", found.servo_late_us, start_ns, end_ns),
    ]
    figures = [f for s in series for f in summary(s)]
    figures += share_within(series[0], IN_TIME_MS)
    figures += _states(driven)
    kept = [s for s in series if s.values]
    bands = _bands([(at, r) for at, r in found.steps if at >= start_ns])
    return Measured(tuple(figures), tuple(kept), bands, tuple(_causes(driven)))


def _leg(name: str, attribute: str, steps: list[tuple[int, m.GuardReport]], start_ns: int
         ) -> Series:  # fmt: skip
    """Values of a leg as guard saw them; "none yet" (negative) is no sample."""
    kept = [(at, float(getattr(report, attribute))) for at, report in steps[::EVERY]]
    kept = [(at, value) for at, value in kept if value >= 0.0]
    return Series(name, "ms", tuple(round(v, 3) for _, v in kept),
                  tuple(round((at - start_ns) / 1e9, 3) for at, _ in kept), 0, IN_TIME_MS,
                  headline=name == "loop")  # fmt: skip


def _timed(name: str, unit: str, rows: list[tuple[int, float]], start_ns: int, end_ns: int
           ) -> Series:  # fmt: skip
    kept = [(at, value) for at, value in rows if start_ns <= at <= end_ns]
    return Series(name, unit, tuple(round(v, 3) for _, v in kept),
                  tuple(round((at - start_ns) / 1e9, 4) for at, _ in kept))  # fmt: skip


def _states(driven: list[tuple[int, m.GuardReport]]) -> Iterable[Figure]:
    """Share of the time with the deadman pressed; stops by number and per hour."""
    count = len(driven)
    for state in DRIVING:
        share = 100.0 * sum(r.state == state for _, r in driven) / max(1, count)
        yield Figure(f"time in {state.name}", "%", share, count)
    stops = sum(
        b.state in (State.HOLD, State.SAFE_STOP) and a.state in (State.ACTIVE, State.DEGRADED)
        for (_, a), (_, b) in pairwise(driven)
    )
    yield Figure("stops while driving", "", float(stops), count)


def _causes(driven: list[tuple[int, m.GuardReport]]) -> Iterable[str]:
    first = {r.first_out for _, r in driven if r.first_out != Cause.NONE}
    if first:
        yield "first-out causes while driving: " + ", ".join(sorted(c.name for c in first))


def _bands(steps: list[tuple[int, m.GuardReport]]) -> tuple[Band, ...]:
    if not steps:
        return ()
    start_ns, out = steps[0][0], []
    for state, group in groupby(steps, key=lambda step: step[1].state):
        part = list(group)
        out.append(Band("state", state.name, round((part[0][0] - start_ns) / 1e9, 3),
                        round((part[-1][0] - start_ns) / 1e9, 3)))  # fmt: skip
    return tuple(out)
