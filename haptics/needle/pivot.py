"""Remote centre of motion: the arm turns the guide about the point where the needle enters.

The entry point may not move across the shaft: two rows U^T (x_entry - x_near) = 0, U spanning the
plane normal to the shaft, x_near the shaft's point next to the entry. The third row along the shaft
belongs to who holds the depth of the guide (the probe's force control, the needle's own axis). The
turn is commanded in the guide's plane; the two other rotations are held.

On the skin, force control keeps the probe at its height. What the turn would lift it by is taken
back along the shaft (`keep_height`), which leaves the entry point where it is; the guide then has
slid along the shaft by `slid_m`, and the needle's axis takes that back (teleop/servo/needle.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.vec import (
    ZERO,
    Mat,
    Vec,
    add,
    apply,
    apply_transposed,
    column,
    cross,
    dot,
    off_axis,
    scale,
    sub,
)

HOLD_1_S = 25.0
"""Gain from the entry point's deviation to speed; the arm's lag of 5 ms allows ten times that."""


@dataclass(frozen=True, slots=True)
class Guide:
    """Needle guide in the probe frame: tip home and insertion axis (unit)."""

    probe_p_home_m: Vec
    probe_axis: Vec


@dataclass(frozen=True, slots=True)
class Twist:
    """Velocity of the probe origin and angular velocity, base frame."""

    v_m_s: Vec
    w_rad_s: Vec


def near_point(guide: Guide, base_p_probe_m: Vec, base_rot_probe: Mat, base_p_entry_m: Vec) -> Vec:
    """The shaft's point next to the entry point, base frame."""
    home = add(base_p_probe_m, apply(base_rot_probe, guide.probe_p_home_m))
    axis = apply(base_rot_probe, guide.probe_axis)
    to_entry = sub(base_p_entry_m, home)
    return sub(base_p_entry_m, off_axis(to_entry, axis))


def entry_error_m(guide: Guide, base_p_probe_m: Vec, base_rot_probe: Mat, entry_m: Vec) -> Vec:
    """From the shaft to the entry point, across the shaft (base frame)."""
    return sub(entry_m, near_point(guide, base_p_probe_m, base_rot_probe, entry_m))


def pivot_twist(
    guide: Guide,
    base_p_probe_m: Vec,
    base_rot_probe: Mat,
    base_p_entry_m: Vec,
    probe_w_rad_s: Vec,
) -> Twist:
    """Twist that turns with `probe_w_rad_s` (probe frame) about the entry point and keeps it."""
    w = apply(base_rot_probe, probe_w_rad_s)
    lever = sub(base_p_probe_m, base_p_entry_m)
    back = scale(entry_error_m(guide, base_p_probe_m, base_rot_probe, base_p_entry_m), HOLD_1_S)
    return Twist(add(cross(w, lever), back), w)


def keep_height(guide: Guide, base_rot_probe: Mat, v_m_s: Vec) -> Vec:
    """Add motion along the shaft to `v_m_s` so that nothing of it is along the probe's axis."""
    lifts = dot(v_m_s, column(base_rot_probe, 2))
    along = apply(base_rot_probe, guide.probe_axis)
    return sub(v_m_s, scale(along, lifts / guide.probe_axis[2]))


def slid_m(guide: Guide, entry_depth_m: float, turned_rad: float) -> float:
    """How far the guide slid along the shaft (into the patient) in a turn that kept the height.

    ds/dt = -w e_x / a_z, where e_x(s) is the entry point beside the probe and a the axis.
    """
    a_x, a_z = guide.probe_axis[0], guide.probe_axis[2]
    beside_m = guide.probe_p_home_m[0] + entry_depth_m * a_x
    if a_x == 0.0:
        return -beside_m * turned_rad / a_z
    return -beside_m / a_x * math.expm1(a_x / a_z * turned_rad)


def entry_at(guide: Guide, base_p_probe_m: Vec, base_rot_probe: Mat, entry_depth_m: float) -> Vec:
    """The entry point (base frame) for a depth along the guide's axis from home."""
    at = add(guide.probe_p_home_m, scale(guide.probe_axis, entry_depth_m))
    return add(base_p_probe_m, apply(base_rot_probe, at))


def in_probe(base_rot_probe: Mat, base_p_probe_m: Vec, base_p_m: Vec) -> Vec:
    """A point of the base frame, probe frame."""
    return apply_transposed(base_rot_probe, sub(base_p_m, base_p_probe_m))


NO_TWIST = Twist(ZERO, ZERO)
