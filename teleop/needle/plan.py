"""Checks a path that was clicked in the picture against the guide and what must not be touched.

Everything is in the picture's plane, probe frame: x to the right, z into the patient (m).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from haptics.iiwa import PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from safety.needle import GOAL_MAX_M, GOAL_MIN_M
from transport.schema import Avoid, NeedlePath

ALLOWANCE_M = 0.002
"""The needle may go this far beyond the planned target (registration along the needle)."""
TARGET_OFF_M = 0.005
"""Farthest that re-aiming brings the tip at 70 mm (4 degrees)."""
ENTRY_OFF_M = 0.006
"""The needle enters where the guide is: a click farther off means another place."""
MARGIN_M = {"vessel": 0.005, "bone": 0.003}
"""Least distance between path and border: registration 1 mm, bending and aiming 2 mm, and for a
vessel its pulsation."""
INFRONT_M = 0.005
"""What lies behind the target counts up to here."""
Point = tuple[float, float]


class PathRefusal(StrEnum):
    """Why a path is refused. Text: `needle_refused.NAME`."""

    NONE = ""
    TARGET_OFF_GUIDE = "TARGET_OFF_GUIDE"
    ENTRY_OFF_GUIDE = "ENTRY_OFF_GUIDE"
    TOO_SHORT = "TOO_SHORT"
    TOO_DEEP = "TOO_DEEP"
    VESSEL_TOO_NEAR = "VESSEL_TOO_NEAR"
    BONE_TOO_NEAR = "BONE_TOO_NEAR"
    NO_NEEDLE = "NO_NEEDLE"
    NEEDLE_NOT_HOME = "NEEDLE_NOT_HOME"


@dataclass(frozen=True, slots=True)
class PathCheck:
    """What was found. Margins are -1 where nothing was marked."""

    depth_m: float
    """From the needle's home to the foot of the target on the guide's line."""
    offset_m: float
    """Signed distance of the target from that line, positive to the picture's right."""
    margin_vessel_m: float
    margin_bone_m: float
    refused: PathRefusal

    @property
    def goal_m(self) -> float:
        """Depth beyond which the needle is never advanced."""
        return min(GOAL_MAX_M, self.depth_m + ALLOWANCE_M)


def on_guide(point: Point) -> Point:
    """(depth from home, signed offset to the right) of a point of the picture."""
    hx, _, hz = PROBE_P_GUIDE_M
    ax, _, az = PROBE_GUIDE_AXIS
    dx, dz = point[0] - hx, point[1] - hz
    return dx * ax + dz * az, dx * az - dz * ax


def at_depth(depth_m: float) -> Point:
    """The point of the guide's line at a depth from home, (x, z)."""
    hx, _, hz = PROBE_P_GUIDE_M
    ax, _, az = PROBE_GUIDE_AXIS
    return hx + depth_m * ax, hz + depth_m * az


def beside(depth_m: float, offset_m: float) -> Point:
    """The point at an offset to the right of the guide's line."""
    x, z = at_depth(depth_m)
    return x + offset_m * PROBE_GUIDE_AXIS[2], z - offset_m * PROBE_GUIDE_AXIS[0]


def check(path: NeedlePath) -> PathCheck:
    """Judge a path; the first reason against it counts."""
    target, entry = (path.target_x_m, path.target_z_m), (path.entry_x_m, path.entry_z_m)
    depth, offset = on_guide(target)
    entry_depth, entry_offset = on_guide(entry)
    margins = {kind: _margin(path.avoid, kind, entry, target) for kind in MARGIN_M}
    rules = (
        (depth - entry_depth < 0.01 or depth < GOAL_MIN_M, PathRefusal.TOO_SHORT),
        (depth + ALLOWANCE_M > GOAL_MAX_M, PathRefusal.TOO_DEEP),
        (abs(offset) > TARGET_OFF_M, PathRefusal.TARGET_OFF_GUIDE),
        (abs(entry_offset) > ENTRY_OFF_M, PathRefusal.ENTRY_OFF_GUIDE),
        (_near(margins["vessel"], "vessel"), PathRefusal.VESSEL_TOO_NEAR),
        (_near(margins["bone"], "bone"), PathRefusal.BONE_TOO_NEAR),
    )
    refused = next((reason for bad, reason in rules if bad), PathRefusal.NONE)
    shown = {kind: value if math.isfinite(value) else -1.0 for kind, value in margins.items()}
    return PathCheck(depth, offset, shown["vessel"], shown["bone"], refused)


def _near(margin_m: float, kind: str) -> bool:
    return margin_m < MARGIN_M[kind]


def _margin(avoid: tuple[Avoid, ...], kind: str, entry: Point, target: Point) -> float:
    """Least distance of the path (and a little beyond it) to the borders of this kind."""
    length = math.dist(entry, target)
    if length <= 0.0:
        return math.inf
    share = INFRONT_M / length
    far = (
        target[0] + share * (target[0] - entry[0]),
        target[1] + share * (target[1] - entry[1]),
    )
    found = [_distance((a.x_m, a.z_m), entry, far) - a.radius_m for a in avoid if a.kind == kind]
    return max(0.0, min(found)) if found else math.inf


def _distance(p: Point, a: Point, b: Point) -> float:
    """Of a point from a segment."""
    dx, dz = b[0] - a[0], b[1] - a[1]
    t = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dz) / (dx * dx + dz * dz)
    t = max(0.0, min(1.0, t))
    return math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dz)
