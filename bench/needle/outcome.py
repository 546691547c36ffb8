"""What came of one puncture, and how pops and touches are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.needle.patient import Patient
from robot_sim.needle.bend import TipPath

SUCCESS_M, CLOSE_M = 0.005, 0.0025


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    seed: int
    error_m: float
    """Distance of the tip from the target when the expert stopped."""
    parts_m: tuple[float, float, float]
    """The same along the needle, in plane, off plane."""
    finished: bool
    """The expert said "there" (else: gave up, or ran out of time)."""
    touched: tuple[str, ...]
    seconds: float
    peak_n: float
    pops: int
    membranes: int
    false_pops: int
    pop_late_ms: float
    """Longest time from a rupture to its detection; -1: one was missed."""
    holds: int
    turned_rad: float
    after_cut_m: float
    """Way of the needle after the link was cut; 0: it was not."""
    stale_advance: int
    """Steps in which the needle was ordered forward on a picture older than the limit: never."""


def pops(real_ns: list[int], seen_ns: list[int]) -> tuple[float, int]:
    """Longest delay of a detection (ms; -1: one is missing), and detections of nothing."""
    window_ns = 60_000_000
    delays = []
    for at in real_ns:
        hits = [seen - at for seen in seen_ns if 0 <= seen - at <= window_ns]
        delays.append(min(hits) / 1e6 if hits else -1.0)
    false = sum(all(not 0 <= seen - at <= window_ns for at in real_ns) for seen in seen_ns)
    if not delays:
        return 0.0, false
    return (-1.0 if min(delays) < 0.0 else max(delays)), false


def touched(path: TipPath, patient: Patient) -> tuple[str, ...]:
    """Names of rods that the cut path went through."""
    hit = []
    for rod in patient.rods:
        near = [across for s, across, _ in path.trail if abs(s - rod.s_m) < rod.radius_m]
        n, y = rod.across_m
        if any(math.hypot(a[0] - n, a[1] - y) < rod.radius_m for a in near):
            hit.append(rod.name)
    return tuple(hit)
