"""Remote centre of motion of the arm: pivots about the entry point, kinematics with lagging joints.

Real: chain, differential kinematics, pivot law, the joints' bandwidth and acceleration of the box.
Lumped: no load (the joints of the simulated arm follow their rates to 1e-6 rad/s under it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.diff_ik import solve_rates
from haptics.iiwa import IIWA, PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M, START_RAD
from haptics.kinematics import solve
from haptics.needle.pivot import Guide, entry_at, entry_error_m, pivot_twist
from haptics.vec import ZERO, Vec, norm
from robot_sim.joint_servo import JointServo

GUIDE = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS)
STEP_S = 0.002
PERIOD_S = 8.0
SECONDS = 17.0


@dataclass(frozen=True, slots=True)
class RcmFigures:
    """Deviation of the shaft from the entry point (mm)."""

    max_mm: float
    rms_mm: float
    errors_mm: tuple[float, ...]


def run(in_plane_deg: float, off_plane_deg: float, hold: bool = True) -> RcmFigures:
    """Pivot as sines of these amplitudes. `hold` False: no correction of drift (ablation)."""
    q: Vec = START_RAD
    servo, errors = JointServo(), []
    pose = solve(IIWA, q)
    entry = entry_at(GUIDE, pose.base_p_tool_m, pose.base_rot_tool, PROBE_ENTRY_M)
    for i in range(round(SECONDS / STEP_S)):
        t = i * STEP_S
        pose = solve(IIWA, q)
        p, rot = pose.base_p_tool_m, pose.base_rot_tool
        w = ZERO if t < 1.0 else _rate(t - 1.0, in_plane_deg, off_plane_deg)
        reference = entry if hold else entry_at(GUIDE, p, rot, PROBE_ENTRY_M)
        twist = pivot_twist(GUIDE, p, rot, reference, w)
        rates = solve_rates(IIWA, pose, q, twist.v_m_s, twist.w_rad_s)
        servo.update(rates.qd_rad_s, True, STEP_S)
        q = tuple(a + b * STEP_S for a, b in zip(q, servo.rate_rad_s, strict=True))
        if t >= 1.0:
            errors.append(1e3 * norm(entry_error_m(GUIDE, p, rot, entry)))
    rms = math.sqrt(sum(e * e for e in errors) / len(errors))
    return RcmFigures(max(errors), rms, tuple(errors))


def _rate(t_s: float, in_plane_deg: float, off_plane_deg: float) -> tuple[float, ...]:
    """Rate of the pivot, started smoothly from rest."""
    omega = 2.0 * math.pi / PERIOD_S
    ease = min(1.0, t_s)
    a, b = math.radians(in_plane_deg), math.radians(off_plane_deg)
    return (
        ease * b * omega * math.cos(omega * t_s + 1.0),
        ease * a * omega * math.cos(omega * t_s),
        0.0,
    )
