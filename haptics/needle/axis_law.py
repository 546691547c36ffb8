"""Speed of the needle along its guide: what the expert asks for, within every gate (pure).

Nothing here starts a motion: the result is never faster than what was asked, has its sign or is
zero, and a withdrawal is limited by speed only (it is always the expert's own).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.filters import LowPass, slew
from haptics.needle.puncture import PunctureDetector
from haptics.needle.stiffness import LayerStiffness
from safety.states import Clamp

FILTER_S = 0.003
"""Low-pass of the load cell: a puncture stays visible within 20 ms."""
ACCELERATION_M_S2 = 0.02
"""Slow enough that viscous friction changes by less than the puncture threshold in 20 ms."""
SLOWING_M_S2 = 0.04
"""From full speed to rest in 125 ms and 0.3 mm."""
STIFFNESS_FLOOR_N_M = 200.0
FORCE_RATE_N_S = 6.0
"""Highest force rate by own motion: 5 mm/s up to 1200 N/m, slower on stiffer membranes."""
FORCE_SOFT = 0.7
"""Share of the force cap from which speed falls, to zero at the cap."""
GOAL_1_S = 2.5
"""Speed per distance to the planned depth: a soft stop without overshoot."""
GOAL_CREEP_M_S = 0.0004
GOAL_DONE_M = 0.0001
AFTER_PUNCTURE_NS = 300_000_000
AFTER_PUNCTURE_M_S = 0.001
"""A person needs that long to feel the pop and decide; the needle moves 0.3 mm at most."""


@dataclass(frozen=True, slots=True)
class NeedleCaps:
    """What guard and limits allow."""

    v_m_s: float
    force_n: float
    goal_m: float
    """Planned depth from home: never advanced beyond."""
    advance: bool
    """Guard permits advancing (plan confirmed, live and fresh picture, ACTIVE)."""
    gate: float
    """How far breathing lets the needle advance (0..1)."""


@dataclass(frozen=True, slots=True)
class NeedleSample:
    """What is measured and asked for in one cycle."""

    now_ns: int
    dt_s: float
    wanted_m_s: float
    depth_m: float
    force_n: float
    """Load cell of the axis: force on the patient, positive while pushing in."""


@dataclass(frozen=True, slots=True)
class NeedleMotion:
    """What the law decides."""

    v_m_s: float
    clamps: Clamp
    punctured: bool


@dataclass(slots=True)
class NeedleLaw:
    """State of one needle axis."""

    force: LowPass = field(default_factory=lambda: LowPass(FILTER_S))
    stiffness: LayerStiffness = field(default_factory=LayerStiffness)
    puncture: PunctureDetector = field(default_factory=PunctureDetector)
    v_m_s: float = 0.0
    punctured_ns: int = -AFTER_PUNCTURE_NS

    def update(self, s: NeedleSample, caps: NeedleCaps) -> NeedleMotion:
        """Advance by one cycle."""
        force_n = self.force.update(s.force_n, s.dt_s)
        punctured = self.puncture.update(s.now_ns, force_n, self.v_m_s, s.dt_s)
        if punctured:
            self.punctured_ns = s.now_ns
            self.stiffness.restart(s.depth_m, force_n)
        elif self.v_m_s > 0.0:
            self.stiffness.update(s.depth_m, force_n)
        if s.wanted_m_s > 0.0:
            v, clamps = self._advance(s, caps, force_n)
        else:
            v, clamps = max(s.wanted_m_s, -caps.v_m_s), Clamp.NONE
            if v > s.wanted_m_s:
                clamps = Clamp.SPEED
        self.v_m_s = self._slewed(v, caps.advance and s.wanted_m_s > 0.0, s.dt_s)
        return NeedleMotion(self.v_m_s, clamps, punctured)

    def _slewed(self, v_m_s: float, going_on: bool, dt_s: float) -> float:
        """Speed up slowly; slow down at once, but gently where only a gate of the law closes."""
        start = self.v_m_s if v_m_s * self.v_m_s >= 0.0 else 0.0
        if abs(v_m_s) > abs(start):
            return slew(start, v_m_s, ACCELERATION_M_S2 * dt_s)
        return slew(start, v_m_s, SLOWING_M_S2 * dt_s) if going_on else v_m_s

    def rest(self, force_n: float, dt_s: float) -> None:
        """The axis is braked: keep the force current."""
        if force_n == force_n:
            self.force.update(force_n, dt_s)
        self.v_m_s = 0.0

    def _advance(self, s: NeedleSample, caps: NeedleCaps, force_n: float) -> tuple[float, Clamp]:
        """The slowest of all gates decides; every gate that acts is told."""
        if not caps.advance:
            return 0.0, Clamp.NEEDLE_BLOCKED
        room_m = caps.goal_m - s.depth_m
        creep = GOAL_CREEP_M_S if room_m > GOAL_DONE_M else 0.0
        soft_n = FORCE_SOFT * caps.force_n
        left = (caps.force_n - force_n) / max(1e-9, caps.force_n - soft_n)
        stiff = max(STIFFNESS_FLOOR_N_M, self.stiffness.stiffness_n_m)
        fresh_pop = s.now_ns - self.punctured_ns < AFTER_PUNCTURE_NS
        gates = (
            (caps.v_m_s, Clamp.SPEED),
            (max(creep, GOAL_1_S * room_m) if room_m > 0.0 else 0.0, Clamp.NEEDLE_DEPTH),
            (caps.v_m_s * max(0.0, min(1.0, left)), Clamp.NEEDLE_FORCE),
            (FORCE_RATE_N_S / stiff, Clamp.NEEDLE_FORCE),
            (AFTER_PUNCTURE_M_S if fresh_pop else caps.v_m_s, Clamp.NEEDLE_FORCE),
            (caps.v_m_s * caps.gate, Clamp.NEEDLE_BREATHING),
        )
        v, clamps = s.wanted_m_s, Clamp.NONE
        for limit, clamp in gates:
            if limit < s.wanted_m_s:
                clamps |= clamp
            v = min(v, limit)
        return max(0.0, v), clamps
