"""Rigid-body dynamics of a serial arm: mass matrix, velocity and gravity torques, tool inertia.

All spatial quantities are expressed in base axes about the base origin, so that no transform stands
between links and the composite inertias of links simply add (Featherstone, Rigid Body Dynamics
Algorithms, 2008: composite-rigid-body and recursive Newton-Euler algorithms). A spatial inertia is
mass m, first moment h = m c and the six numbers of the rotational inertia about the origin.
Checked to 1e-9 against PyBullet, Pinocchio and MuJoCo (`tests/haptics/test_dynamics.py`).
Plain floats, written out: the algorithm runs each millisecond and replays to the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.errors import KinematicsError
from haptics.kinematics import Chain, Pose, turn_z
from haptics.vec import EYE, Mat, Vec, add, apply, cross, dot, multiply, scale, sub

GRAVITY_M_S2 = 9.81
Inertia = tuple[float, ...]
"""m, hx, hy, hz, ixx, iyy, izz, ixy, ixz, iyz (kg, kg m, kg m2) about the base origin."""
Spatial = tuple[Vec, Vec]
"""Angular and linear part about the base origin."""


@dataclass(frozen=True, slots=True)
class Body:
    """Inertia of a link as a URDF states it."""

    mass_kg: float
    com_m: Vec
    """Centre of mass in the frame of the link."""
    inertia_kg_m2: Vec
    """Diagonal about the centre of mass, axes of the link."""


@dataclass(frozen=True, slots=True)
class ArmModel:
    """An arm whose dynamics are known."""

    chain: Chain
    links: tuple[Body, ...]
    """One per joint."""
    tool: Body
    """In the frame of the tool."""
    friction_nm_s_rad: float
    """Viscous friction of each joint."""

    def __post_init__(self) -> None:
        """Refuse a model that does not fit its chain."""
        if len(self.links) != len(self.chain.joints):
            raise KinematicsError(
                f"{self.chain.name}: {len(self.links)} links, {len(self.chain.joints)} joints"
            )


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Dynamics at one state of the arm: M qdd + coriolis + gravity = torque + J^T f."""

    pose: Pose
    mass: tuple[Vec, ...]
    """Lower triangle of M (kg m2), row i with i + 1 numbers."""
    coriolis_nm: Vec
    """C(q, qd) qd."""
    gravity_nm: Vec
    """Torques that hold the arm's own weight."""
    drift: Vec
    """dJ/dt qd: linear and angular acceleration of the tool at qdd = 0 (m/s2, rad/s2)."""


def _spatial_inertia(body: Body, p: Vec, r: Mat) -> Inertia:
    """Inertia of a body whose frame is at `p`, `r`, about the base origin."""
    m = body.mass_kg
    cx, cy, cz = add(p, apply(r, body.com_m))
    a, b, c = body.inertia_kg_m2
    (r0, r1, r2), (r3, r4, r5), (r6, r7, r8) = r
    return (
        m, m * cx, m * cy, m * cz,
        a * r0 * r0 + b * r1 * r1 + c * r2 * r2 + m * (cy * cy + cz * cz),
        a * r3 * r3 + b * r4 * r4 + c * r5 * r5 + m * (cx * cx + cz * cz),
        a * r6 * r6 + b * r7 * r7 + c * r8 * r8 + m * (cx * cx + cy * cy),
        a * r0 * r3 + b * r1 * r4 + c * r2 * r5 - m * cx * cy,
        a * r0 * r6 + b * r1 * r7 + c * r2 * r8 - m * cx * cz,
        a * r3 * r6 + b * r4 * r7 + c * r5 * r8 - m * cy * cz,
    )  # fmt: skip


def _momentum(i: Inertia, w: Vec, v: Vec) -> Spatial:
    """Angular and linear momentum of inertia `i` moving at (w, v)."""
    m, hx, hy, hz, xx, yy, zz, xy, xz, yz = i
    wx, wy, wz = w
    vx, vy, vz = v
    return (
        (
            xx * wx + xy * wy + xz * wz + hy * vz - hz * vy,
            xy * wx + yy * wy + yz * wz + hz * vx - hx * vz,
            xz * wx + yz * wy + zz * wz + hx * vy - hy * vx,
        ),
        (
            m * vx + wy * hz - wz * hy,
            m * vy + wz * hx - wx * hz,
            m * vz + wx * hy - wy * hx,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Frames:
    """Where everything is."""

    axes: tuple[Spatial, ...]
    """Motion of the base origin, carried along, per joint rate."""
    inertias: tuple[Inertia, ...]
    pose: Pose


def _frames(model: ArmModel, q_rad: Vec) -> _Frames:
    p: Vec = (0.0, 0.0, 0.0)
    r = EYE
    axes: list[Spatial] = []
    inertias: list[Inertia] = []
    joints: list[tuple[Vec, Vec]] = []
    for joint, body, angle in zip(model.chain.joints, model.links, q_rad, strict=True):
        p = add(p, apply(r, joint.parent_p_joint_m))
        r = turn_z(multiply(r, joint.parent_rot_joint), angle)
        z = (r[0][2], r[1][2], r[2][2])
        axes.append((z, cross(p, z)))
        joints.append((p, z))
        inertias.append(_spatial_inertia(body, p, r))
    tool_p = add(p, apply(r, model.chain.flange_p_tool_m))
    tool_r = multiply(r, model.chain.flange_rot_tool)
    tool = _spatial_inertia(model.tool, tool_p, tool_r)
    inertias[-1] = tuple([a + b for a, b in zip(inertias[-1], tool, strict=True)])
    columns = tuple([cross(z, sub(tool_p, origin)) + z for origin, z in joints])
    return _Frames(tuple(axes), tuple(inertias), Pose(tool_p, tool_r, columns))


def _mass_and_gravity(frames: _Frames) -> tuple[tuple[Vec, ...], Vec]:
    """Composite-rigid-body algorithm from the tool to the base."""
    rows: list[Vec] = []
    held: list[float] = []
    whole: Inertia = (0.0,) * 10
    for j in range(len(frames.axes) - 1, -1, -1):
        whole = tuple([a + b for a, b in zip(whole, frames.inertias[j], strict=True)])
        z, s = frames.axes[j]
        n, p = _momentum(whole, z, s)
        rows.append(tuple([dot(zi, n) + dot(si, p) for zi, si in frames.axes[: j + 1]]))
        # The weight (0, 0, -m g) has the moment h x (0, 0, -g) about the origin.
        held.append(GRAVITY_M_S2 * (z[0] * whole[2] - z[1] * whole[1] + s[2] * whole[0]))
    return tuple(reversed(rows)), tuple(reversed(held))


def _velocity_torques(frames: _Frames, qd_rad_s: Vec) -> tuple[Vec, Vec]:
    """Recursive Newton-Euler with qdd = 0 and no gravity; also the drift of the tool."""
    w: Vec = (0.0, 0.0, 0.0)
    v = aw = av = w
    forces: list[Spatial] = []
    for (z, s), inertia, rate in zip(frames.axes, frames.inertias, qd_rad_s, strict=True):
        zq, sq = scale(z, rate), scale(s, rate)
        aw = add(aw, cross(w, zq))
        av = add(av, add(cross(w, sq), cross(v, zq)))
        w, v = add(w, zq), add(v, sq)
        n, p = _momentum(inertia, w, v)
        dn, dp = _momentum(inertia, aw, av)
        forces.append(
            (add(dn, add(cross(w, n), cross(v, p))), add(dp, cross(w, p))),
        )
    tool = frames.pose.base_p_tool_m
    linear = add(av, add(cross(aw, tool), cross(w, add(v, cross(w, tool)))))
    total_n: Vec = (0.0, 0.0, 0.0)
    total_f: Vec = (0.0, 0.0, 0.0)
    torques: list[float] = []
    for (z, s), (n, f) in zip(reversed(frames.axes), reversed(forces), strict=True):
        total_n, total_f = add(total_n, n), add(total_f, f)
        torques.append(dot(z, total_n) + dot(s, total_f))
    return tuple(reversed(torques)), linear + aw


def dynamics(model: ArmModel, q_rad: Vec, qd_rad_s: Vec) -> Dynamics:
    """Everything about the arm at angles `q_rad` (rad) and rates `qd_rad_s` (rad/s)."""
    frames = _frames(model, q_rad)
    mass, gravity = _mass_and_gravity(frames)
    coriolis, drift = _velocity_torques(frames, qd_rad_s)
    return Dynamics(frames.pose, mass, coriolis, gravity, drift)
