"""The expert's aiming aid: where the tip will pass the target, and which turn helps (pure).

Tissue coordinates are those of the picture in which the path was planned. A turn of the guide moves
what lies in the tissue through the picture, about the entry point (haptics/needle/pivot.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.iiwa import PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from haptics.needle.aim import Aim
from haptics.needle.pivot import Guide, slid_m
from teleop.needle.plan import Point, at_depth, on_guide

GUIDE = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS)
MARK_OFF_M = 0.01
"""A mark farther from the axis' depth than this is a late or wrong click, no sighting."""


def slid(turned_rad: float) -> float:
    """How far the guide slid along the shaft in this turn (m, into the patient)."""
    return slid_m(GUIDE, PROBE_ENTRY_M, turned_rad)


def to_tissue(point: Point, turned_rad: float) -> Point:
    """Tissue coordinates of a point of the picture while the guide is turned."""
    c, s = math.cos(turned_rad), math.sin(turned_rad)
    start, now = at_depth(PROBE_ENTRY_M), at_depth(PROBE_ENTRY_M - slid(turned_rad))
    x, z = point[0] - now[0], point[1] - now[1]
    return start[0] + c * x + s * z, start[1] - s * x + c * z


def to_picture(point: Point, turned_rad: float) -> Point:
    """Where a point of the tissue is in the picture while the guide is turned."""
    c, s = math.cos(turned_rad), math.sin(turned_rad)
    start, now = at_depth(PROBE_ENTRY_M), at_depth(PROBE_ENTRY_M - slid(turned_rad))
    x, z = point[0] - start[0], point[1] - start[1]
    return now[0] + c * x - s * z, now[1] + s * x + c * z


@dataclass(frozen=True, slots=True)
class Advice:
    """What the page shows."""

    off_m: float
    """Where the tip will pass the target, positive to its right."""
    turn_rad: float
    """Turn that would bring it to the target, as far as the guide turns."""


@dataclass(slots=True)
class Aiming:
    """Follows one insertion."""

    entry_m: float = PROBE_ENTRY_M
    """Depth from home of the planned entry."""
    aim: Aim = field(default_factory=Aim)
    turned_rad: float = 0.0
    sightings: int = 0

    def moved(self, depth_m: float, turned_rad: float) -> None:
        """The axis is at `depth_m`, the guide turned by `turned_rad` since the needle left home."""
        inserted_m = max(0.0, depth_m + slid(turned_rad) - self.entry_m)
        self.aim.moved(inserted_m, turned_rad - self.turned_rad)
        self.turned_rad = turned_rad

    def saw(self, tissue_point: Point) -> None:
        """The expert marked the tip."""
        depth_m, across_m = on_guide(tissue_point)
        if abs(depth_m - self.entry_m - self.aim.s_m) <= MARK_OFF_M:
            self.aim.saw(across_m)
            self.sightings += 1

    def advice(self, depth_m: float, offset_m: float) -> Advice | None:
        """For a target at this depth from home and offset from the guide; None: no tip was seen."""
        goal_m = depth_m - self.entry_m
        if self.sightings == 0 or goal_m <= 0.0:
            return None
        off_m = self.aim.arrives_m(goal_m) - offset_m
        return Advice(off_m, self.aim.correction_rad(goal_m, offset_m))
