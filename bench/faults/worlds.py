"""The world that faults are done to: an expert scans at the fastest speed allowed in contact."""

from __future__ import annotations

from dataclasses import dataclass

from bench.faults.watch import Watch
from bench.world import NEAR, World, WorldOptions
from safety.limits import Limits
from teleop.scripted.hand import HandPose, Player
from teleop.scripted.persons import Phase
from transport.impair import LinkProfile

SPEED_M_S = 0.03
"""The limit in contact (`Limits.v_contact_m_s`)."""
REACH_M = 0.036
FAST_M_S = 0.02
"""Faults strike while the probe slides at least so fast."""
SETTLE_S = 1.0
KEPT_NS = 200_000_000
"""Rows of the trace that a fault needs to know from before it."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """Forth and back along the elevational axis at one speed."""

    speed_m_s: float = SPEED_M_S
    length_s: float = REACH_M / SPEED_M_S

    def at(self, s: float) -> HandPose:
        """Pose at scan time `s`."""
        return HandPose((0.0, self.speed_m_s * s, 0.0), (0.0, 0.0, 0.0))


def scanning(
    seed: int,
    control_hz: int,
    wall_reads: list[str],
    limits: Limits | None = None,
    profile: LinkProfile = NEAR,
) -> tuple[World, Watch]:
    """A world in which the expert has been scanning for a second, and its watch."""
    world = World(
        WorldOptions(seed, control_hz, limits or Limits(), up=profile, down=profile, video=profile)
    )
    watch = Watch(world, wall_reads)
    world.page.console.player = Player(Stroke())
    world.run_until(lambda: world.page.expert.phase == Phase.SCAN, 60.0)
    world.run_for(SETTLE_S)
    return world, watch


def go_on(world: World, seconds: float) -> None:
    """Scan on until the probe slides fast (not at a turn), and forget rows that nobody needs."""
    world.run_for(seconds)
    world.run_until(lambda: world.trace.rows[-1].tangential_m_s >= FAST_M_S, 5.0)
    start_ns = world.clock.now_ns - KEPT_NS
    world.trace.rows = [row for row in world.trace.rows if row.now_ns >= start_ns]
