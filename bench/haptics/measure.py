"""Figures from traces."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.haptics.couplings import Ratio
from bench.haptics.world import Trace
from haptics.bilateral.mapping import Scales
from haptics.bilateral.passivity import GRANT_J

STABLE_SD_N = 0.5
TAIL_S = 3.0
SETTLE_S = 1.0


def rms(values: Sequence[float]) -> float:
    """Root mean square; 0 for none."""
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else 0.0


def spread(values: Sequence[float]) -> float:
    """Standard deviation."""
    mean = sum(values) / len(values)
    return rms([v - mean for v in values])


def tail(trace: Trace, values: Sequence[float]) -> list[float]:
    """The last seconds."""
    start = trace.time_s[-1] - TAIL_S
    return [v for t, v in zip(trace.time_s, values, strict=True) if t > start]


def stable(trace: Trace) -> bool:
    """Contact held at the end, without bounce or oscillation."""
    forces = tail(trace, trace.force_n)
    return trace.touched_s >= 0.0 and min(forces) > 0.0 and spread(forces) < STABLE_SD_N


def port_energy_mj(trace: Trace) -> float:
    """Lowest store of the hand's port, the starting grant counted."""
    return (trace.port_low_j + GRANT_J) * 1e3


def felt_error_n(trace: Trace, scales: Scales | Ratio) -> float:
    """Felt minus scaled contact force, rms from one second after the touch (N, at the hand)."""
    start = trace.touched_s + SETTLE_S
    rows = zip(trace.time_s, trace.felt_n, trace.force_n, strict=True)
    return rms([felt - scales.force * force for t, felt, force in rows if t > start])


def felt_stiffness(trace: Trace, scales: Scales | Ratio) -> float:
    """Slope of felt force over grip travel, in the robot's scale (N/m)."""
    start = trace.touched_s + 2.0 * SETTLE_S
    rows = zip(trace.time_s, trace.grip_m, trace.felt_n, strict=True)
    pairs = [(x, f) for t, x, f in rows if t > start]
    mx = sum(x for x, _ in pairs) / len(pairs)
    mf = sum(f for _, f in pairs) / len(pairs)
    xx = sum((x - mx) ** 2 for x, _ in pairs)
    xf = sum((x - mx) * (f - mf) for x, f in pairs)
    return xf / xx / (scales.force * scales.motion)
