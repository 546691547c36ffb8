"""Hand motions of the force bench: position, rotation and both velocities at a time (s)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.force.rig import HandMotion
from haptics.vec import ZERO, Vec
from teleop.scripted import trajectory
from teleop.scripted.freehand import CONSULTANT, Freehand
from teleop.scripted.hand import Path as HandPath

HALF_SCAN_M = 0.02
FREE_HZ = 0.5
FREE_X_M = 0.025
FREE_Y_M = 0.015
FREE_Z_M = 0.004
"""50 mm peak to peak; the axis is limited to the contact speed, 30 mm/s, on its way down."""
SMOOTH_S = 1.0
MOTION_SCALE = 0.75
"""Motion scale of the console: the consultants' fastest strokes stay under 30 mm/s in contact."""
STEP_S = 0.001
START_S = 0.5


def scan(speed_m_s: float) -> HandMotion:
    """To and fro along the probe's y over 40 mm with this peak speed."""
    rate = speed_m_s / HALF_SCAN_M

    def hand(t: float) -> tuple[Vec, Vec, Vec, Vec]:
        y, v = HALF_SCAN_M * math.sin(rate * t), speed_m_s * math.cos(rate * t)
        return (0.0, y, 0.0), ZERO, (0.0, v, 0.0), ZERO

    return hand


def lissajous() -> HandMotion:
    """50 mm peak to peak at 0.5 Hz in three axes, started smoothly."""
    w = 2.0 * math.pi * FREE_HZ

    def at(t: float) -> Vec:
        grown = min(1.0, t / SMOOTH_S)
        share = grown * grown * (3.0 - 2.0 * grown)
        x, y = FREE_X_M * math.sin(w * t), FREE_Y_M * math.sin(w * t + 0.7) - FREE_Y_M * 0.644218
        return (share * x, share * y, share * FREE_Z_M * math.sin(w * t))

    return _differentiated(at)


def _differentiated(at: Callable[[float], Vec]) -> HandMotion:
    def hand(t: float) -> tuple[Vec, Vec, Vec, Vec]:
        before, now = at(max(0.0, t - STEP_S)), at(t)
        span = min(t, STEP_S) or STEP_S
        return now, ZERO, tuple((b - a) / span for a, b in zip(before, now, strict=True)), ZERO

    return hand


@dataclass(frozen=True, slots=True)
class PlayedPath:
    """A path played forward with a smooth start; at its end the hand rests."""

    path: HandPath
    scale: float

    def __call__(self, t: float) -> tuple[Vec, Vec, Vec, Vec]:
        """The hand at `t`."""
        p, r = self._pose(t)
        before_p, before_r = self._pose(max(0.0, t - STEP_S))
        span = min(t, STEP_S) or STEP_S
        v = tuple((b - a) / span for a, b in zip(before_p, p, strict=True))
        w = tuple((b - a) / span for a, b in zip(before_r, r, strict=True))
        return p, r, v, w

    def _pose(self, t: float) -> tuple[Vec, Vec]:
        begun = t * t / (2.0 * START_S) if t < START_S else t - 0.5 * START_S
        pose = self.path.at(min(begun, self.path.length_s))
        return tuple(self.scale * x for x in pose.p_m), pose.r_rad


def freehand(seed: int, file: str) -> PlayedPath:
    """A sonographer's motion: recorded where a file is given, else generated."""
    if file:
        return PlayedPath(trajectory.load(Path(file)), 1.0)
    return PlayedPath(Freehand(seed, CONSULTANT), MOTION_SCALE)
