"""Kinematics of a serial arm given as data: forward kinematics and geometric Jacobian.

Every joint turns about its own z axis (URDF axis 0 0 1). Units m, rad. Checked against PyBullet to
1e-9 (`tests/haptics/test_kinematics.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.errors import KinematicsError
from haptics.vec import EYE, Mat, Vec, add, apply, cross, multiply, sub


@dataclass(frozen=True, slots=True)
class Joint:
    """A revolute joint: fixed transform from the parent link, then a turn about z."""

    parent_p_joint_m: Vec
    parent_rot_joint: Mat
    lower_rad: float
    upper_rad: float
    speed_max_rad_s: float


@dataclass(frozen=True, slots=True)
class Chain:
    """An arm: its joints, the tool on the last link, and a comfortable posture."""

    name: str
    joints: tuple[Joint, ...]
    flange_p_tool_m: Vec
    flange_rot_tool: Mat
    rest_rad: Vec

    def __post_init__(self) -> None:
        """Refuse a chain that differential kinematics cannot use."""
        if len(self.rest_rad) != len(self.joints):
            raise KinematicsError(
                f"{self.name}: {len(self.rest_rad)} rest angles, {len(self.joints)} joints"
            )
        for i, (joint, rest) in enumerate(zip(self.joints, self.rest_rad, strict=True), 1):
            if not joint.lower_rad < rest < joint.upper_rad:
                raise KinematicsError(f"{self.name}: joint {i} rests outside its limits")


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the tool is, and how it moves with each joint."""

    base_p_tool_m: Vec
    base_rot_tool: Mat
    columns: tuple[Vec, ...]
    """One column (vx, vy, vz, wx, wy, wz) of the geometric Jacobian per joint, base frame."""


def rpy(roll: float, pitch: float, yaw: float) -> Mat:
    """Rotation of URDF roll, pitch, yaw (rad): Rz(yaw) Ry(pitch) Rx(roll)."""
    cr, sr, cp, sp = math.cos(roll), math.sin(roll), math.cos(pitch), math.sin(pitch)
    cy, sy = math.cos(yaw), math.sin(yaw)
    return (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )


def turn_z(m: Mat, angle: float) -> Mat:
    """Return m Rz(angle)."""
    c, s = math.cos(angle), math.sin(angle)
    (a, b, z0), (d, e, z1), (g, h, z2) = m
    return (
        (a * c + b * s, b * c - a * s, z0),
        (d * c + e * s, e * c - d * s, z1),
        (g * c + h * s, h * c - g * s, z2),
    )


def solve(chain: Chain, q_rad: Vec) -> Pose:
    """Tool pose and geometric Jacobian at `q_rad` (one angle per joint)."""
    p: Vec = (0.0, 0.0, 0.0)
    r = EYE
    axes: list[tuple[Vec, Vec]] = []
    for joint, angle in zip(chain.joints, q_rad, strict=True):
        p = add(p, apply(r, joint.parent_p_joint_m))
        r = turn_z(multiply(r, joint.parent_rot_joint), angle)
        axes.append((p, (r[0][2], r[1][2], r[2][2])))
    tool_p = add(p, apply(r, chain.flange_p_tool_m))
    columns = tuple(cross(z, sub(tool_p, origin)) + z for origin, z in axes)
    return Pose(tool_p, multiply(r, chain.flange_rot_tool), columns)


def twist(pose: Pose, qd_rad_s: Vec) -> tuple[Vec, Vec]:
    """Linear and angular velocity of the tool (base frame, m/s, rad/s)."""
    total = [0.0] * 6
    for column, rate in zip(pose.columns, qd_rad_s, strict=True):
        for i in range(6):
            total[i] += column[i] * rate
    return tuple(total[:3]), tuple(total[3:])
