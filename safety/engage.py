"""Deadman edges, and whether a short HOLD may resume by itself (docs/safety-concept.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from safety.layout import Vec3
from safety.limits import Limits
from safety.messages import Command, ServoReport

ZERO3: Vec3 = (0.0, 0.0, 0.0)


@dataclass(slots=True)
class Deadman:
    """Level and edges of the expert's deadman, as seen in accepted commands."""

    epoch: int = -1
    seen: bool = False
    """A command was accepted in this epoch."""
    level: bool = False
    edges: int = 0
    released_edges: int = -1
    """Edge counter when last seen released in this epoch; -1: a release has to be seen first."""
    hold_edges: int = 0
    hold_p_m: Vec3 = ZERO3
    hold_r_rad: Vec3 = ZERO3
    p_m: Vec3 = ZERO3
    r_rad: Vec3 = ZERO3
    fresh: bool = False
    """A command was accepted since HOLD began."""
    steady: bool = False
    """All of those had the deadman down without a new edge, in probe mode."""

    def enter_epoch(self, epoch: int) -> None:
        """A new epoch: what was seen before does not count."""
        if epoch != self.epoch:
            self.epoch, self.seen, self.released_edges = epoch, False, -1

    def command(self, c: Command, limits: Limits) -> bool:
        """Take an accepted command; True: a fresh edge with a slow hand.

        A press while the hand moves faster than the engaging limit does not count: release first.
        """
        edge = False
        if not c.deadman:
            self.released_edges = c.deadman_edges
        elif self.released_edges >= 0 and c.deadman_edges != self.released_edges:
            edge = math.hypot(*c.hand_v_m_s) <= limits.engage_hand_v_m_s
            self.released_edges = -1
        self.seen, self.level, self.edges = True, c.deadman, c.deadman_edges
        self.p_m, self.r_rad = c.hand_p_m, c.hand_r_rad
        self.steady = (
            (self.steady or not self.fresh)
            and c.deadman
            and c.deadman_edges == self.hold_edges
            and c.mode == 0
        )
        self.fresh = True
        return edge

    def hold_began(self) -> None:
        """Remember hand and edges of the last command before HOLD."""
        self.hold_edges, self.hold_p_m, self.hold_r_rad = self.edges, self.p_m, self.r_rad
        self.fresh = self.steady = False

    def resumable(self, servo: ServoReport, limits: Limits) -> bool:
        """Deadman held throughout, hand and robot still together."""
        moved_m = math.dist(self.p_m, self.hold_p_m)
        turned_rad = math.dist(self.r_rad, self.hold_r_rad)
        return (
            self.fresh
            and self.steady
            and max(moved_m, servo.offset_m) <= limits.short_hold_offset_m
            and max(turned_rad, servo.offset_rad) <= limits.short_hold_offset_rad
        )
