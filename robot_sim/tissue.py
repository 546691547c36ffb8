"""Analytic contact of a convex probe with breathing skin: Hunt-Crossley with friction.

F = k d0 (d / d0)^n + c (d / d0)^n v along the outward normal of the skin, never pulling; d is the
compression, v its rate. Stiffness k (N/m) and damping c (N s/m) are those of the scene at
d0 = 10 mm (ranges: reference of probe-size contact, 200..4000 N/m, n 1.2..1.5). The probe face is a
sphere of the array's radius, so that a tilted probe touches beside its centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.iiwa import PROBE_FACE_RADIUS_M as FACE_RADIUS_M
from haptics.vec import ZERO, Mat, Vec, add, column, cross, dot, norm, off_axis, scale, sub
from robot_sim.scene import Scene, breathing_lift_m, skin_normal, skin_z_m

DEPTH_REF_M = 0.010
"""Compression at which the scene states stiffness and damping."""
STICTION_V_M_S = 0.002
"""Sliding speed at which Coulomb friction is developed (regularisation)."""
RATE_STEP_NS = 1_000_000
"""Step of the central difference that gives the velocity of the breathing skin."""


@dataclass(frozen=True, slots=True)
class ProbeMotion:
    """Probe face in the base frame."""

    base_p_probe_m: Vec
    base_rot_probe: Mat
    v_m_s: Vec
    w_rad_s: Vec


@dataclass(frozen=True, slots=True)
class Touch:
    """What the probe does to the patient."""

    force_n: Vec
    """Exerted on the patient, base frame."""
    base_p_contact_m: Vec
    depth_m: float
    """Compression of the skin; 0 without contact."""
    normal_n: float


def _none(point: Vec) -> Touch:
    return Touch(ZERO, point, 0.0, 0.0)


def lift_rate_m_s(scene: Scene, now_ns: int) -> float:
    """Velocity of the skin along z (m/s)."""
    after = breathing_lift_m(scene, now_ns + RATE_STEP_NS)
    before = breathing_lift_m(scene, now_ns - RATE_STEP_NS)
    return (after - before) * 0.5e9 / RATE_STEP_NS


def normal_force_n(scene: Scene, depth_m: float, rate_m_s: float) -> float:
    """Hunt-Crossley force (N) for a compression (m) and its rate (m/s)."""
    if depth_m <= 0.0:
        return 0.0
    m = scene.mechanics
    profile = math.pow(depth_m / DEPTH_REF_M, m.exponent)
    return max(0.0, profile * (m.stiffness_n_m * DEPTH_REF_M + m.damping_n_s_m * rate_m_s))


def touch(scene: Scene, probe: ProbeMotion, now_ns: int) -> Touch:
    """Force of the probe on the patient at `now_ns`."""
    origin = scene.surface.base_p_patient_m
    centre = sub(
        sub(probe.base_p_probe_m, origin), scale(column(probe.base_rot_probe, 2), FACE_RADIUS_M)
    )
    normal = skin_normal(scene, centre[0], centre[1])
    lowest = sub(centre, scale(normal, FACE_RADIUS_M))
    point = add(lowest, origin)
    if abs(lowest[0]) > scene.surface.half_x_m or abs(lowest[1]) > scene.surface.half_y_m:
        return _none(point)
    depth = (skin_z_m(scene, lowest[0], lowest[1], now_ns) - lowest[2]) * normal[2]
    if depth <= 0.0:
        return _none(point)
    arm = sub(point, probe.base_p_probe_m)
    slide = add(probe.v_m_s, cross(probe.w_rad_s, arm))
    rate = lift_rate_m_s(scene, now_ns) * normal[2] - dot(slide, normal)
    pressing = normal_force_n(scene, depth, rate)
    along = off_axis(slide, normal)
    speed = math.hypot(norm(along), STICTION_V_M_S)
    drag = scale(along, scene.mechanics.friction * pressing / speed)
    return Touch(add(scale(normal, -pressing), drag), point, depth, pressing)
