"""What happened in a virtual world, sampled each arm cycle, and the figures read from it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from safety.layout import Vec3
from safety.messages import ArmState, GuardReport
from safety.states import Cause, State

REST_M_S = 0.002
"""Standstill (Limits.stop_speed_m_s)."""
REST_NS = 20_000_000
"""How long the arm must be slower to count as at rest."""


@dataclass(frozen=True, slots=True)
class Row:
    """One arm cycle."""

    now_ns: int
    state: State
    first_out: Cause
    base_p_probe_m: Vec3
    speed_m_s: float
    """All of the probe's velocity."""
    tangential_m_s: float
    """Across the probe axis: motion along it follows breathing while force is regulated."""
    force_n: float
    """True normal force, without sensor noise."""
    braked: bool


class Trace:
    """Rows in order of time."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, now_ns: int, arm: ArmState, report: GuardReport) -> None:
        """Note one arm cycle."""
        vx, vy, vz = arm.base_v_probe_m_s
        x, y, z, w = arm.base_q_probe
        nx, ny, nz = 2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)
        along = vx * nx + vy * ny + vz * nz
        speed = math.sqrt(vx * vx + vy * vy + vz * vz)
        across = math.sqrt(max(0.0, speed * speed - along * along))
        self.rows.append(
            Row(now_ns, report.state, report.first_out, arm.base_p_probe_m, speed, across,
                arm.contact_force_n, arm.braked)
        )  # fmt: skip

    def since(self, start_ns: int) -> list[Row]:
        """Rows from `start_ns` on."""
        return [row for row in self.rows if row.now_ns >= start_ns]


def detect_ms(rows: list[Row], start_ns: int, states: frozenset[State]) -> float:
    """Time from `start_ns` to the first row in one of `states`; -1: never."""
    for row in rows:
        if row.state in states:
            return (row.now_ns - start_ns) / 1e6
    return -1.0


def rest_ms(rows: list[Row], start_ns: int, *, tangential: bool) -> float:
    """Time from `start_ns` until the arm came to rest and stayed there `REST_NS`; -1: never.

    An arm box that leaves does so at rest under its brakes: nothing is seen of it afterwards.
    """
    rest_ns: int | None = None
    for row in rows:
        if (row.tangential_m_s if tangential else row.speed_m_s) > REST_M_S:
            rest_ns = None
        elif rest_ns is None:
            rest_ns = row.now_ns
        elif row.now_ns - rest_ns >= REST_NS:
            return (rest_ns - start_ns) / 1e6
    if rest_ns is not None and rows[-1].braked:
        return (rest_ns - start_ns) / 1e6
    return -1.0


def travelled_m(rows: list[Row], *, tangential: bool) -> float:
    """Path of the probe over the rows (m)."""
    total = 0.0
    for a, b in itertools.pairwise(rows):
        total += (b.tangential_m_s if tangential else b.speed_m_s) * (b.now_ns - a.now_ns) / 1e9
    return total


def peak_force_n(rows: list[Row]) -> float:
    """Largest true normal force (N)."""
    return max((row.force_n for row in rows), default=0.0)
