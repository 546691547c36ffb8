"""One touch on a virtual clock: operator, grip, coupling, link, robot, surface at 1 kHz."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.haptics.couplings import CoupledPair, Grip
from robot_sim.operator import Operator

DT_NS = 1_000_000
DT_S = DT_NS / 1e9
SAMPLE_EVERY = 10
"""Traces are kept at 100 Hz."""


@dataclass(slots=True)
class Trace:
    """What happened, at 100 Hz; extremes at every sample."""

    time_s: list[float] = field(default_factory=list)
    force_n: list[float] = field(default_factory=list)
    """True contact force."""
    felt_n: list[float] = field(default_factory=list)
    """Force on the hand."""
    grip_m: list[float] = field(default_factory=list)
    robot_m: list[float] = field(default_factory=list)
    hand_m: list[float] = field(default_factory=list)
    """Hand in the robot's scale."""
    peak_n: float = 0.0
    port_low_j: float = 0.0
    """Lowest energy that had flowed into the coupling at the hand's port (no grant counted)."""
    touched_s: float = -1.0
    lost: int = 0
    """Times that contact was lost."""


def run(pair: CoupledPair, operator: Operator, seconds: float) -> Trace:
    """Let the operator work for `seconds`; return what happened."""
    trace = Trace()
    held_n, before_m, port_j, touching = 0.0, operator.p_m, 0.0, False
    robot = pair.robot
    for cycle in range(1, round(seconds * 1000) + 1):
        now_ns = cycle * DT_NS
        operator.step(held_n, DT_S)
        moved = operator.p_m - before_m
        before_m = operator.p_m
        port_j += held_n * moved
        trace.port_low_j = min(trace.port_low_j, port_j)
        held_n = pair.console(now_ns, Grip(operator.p_m, operator.v_m_s, moved), DT_S)
        pair.machine(now_ns, DT_S)
        force = robot.force_n
        trace.peak_n = max(trace.peak_n, force)
        if force > 0.5 and trace.touched_s < 0.0:
            trace.touched_s = now_ns / 1e9
        if touching and force <= 0.0:
            trace.lost += 1
        touching = force > 0.0 and (touching or force > 0.5)
        if cycle % SAMPLE_EVERY == 0:
            _note(trace, pair, operator, held_n, now_ns / 1e9)
    return trace


def _note(trace: Trace, pair: CoupledPair, operator: Operator, held_n: float, at_s: float) -> None:
    trace.time_s.append(at_s)
    trace.force_n.append(pair.robot.force_n)
    trace.felt_n.append(held_n)
    trace.grip_m.append(operator.p_m)
    trace.robot_m.append(pair.robot.p_m)
    trace.hand_m.append(operator.p_m * pair.scales.motion)
