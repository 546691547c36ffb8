"""Differential inverse kinematics: a tool velocity to joint velocities.

Damped least squares (Nakamura & Hanafusa 1986; Chiaverini 1997): qd = qd0 + J^T (J J^T + l^2 I)^-1
(v - J qd0), where qd0 pulls to a comfortable posture. The damping l is zero away from singular
poses, so that the tool is exact there. Joint limits are kept by slowing down before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.cholesky import backward, factor, forward, root_determinant
from haptics.kinematics import Chain, Joint, Pose, twist
from haptics.vec import Vec

MANIPULABILITY_MIN = 0.02
"""sqrt(det(J J^T)) below which damping begins; the iiwa works at 0.10 to 0.16 over the patient."""
DAMPING_MAX = 0.08
"""Largest l: keeps joints below about 1 rad/s for 0.1 m/s in the worst direction."""
POSTURE_RATE_1_S = 0.5
"""Pull to the rest posture in the null space (2 s time constant: unseen at the probe)."""
LIMIT_ZONE_RAD = 0.10
"""Distance to a joint limit at which its speed begins to fall to zero."""
ZERO_RATES: Vec = (0.0,) * 7


@dataclass(frozen=True, slots=True)
class JointRates:
    """Result of one step."""

    qd_rad_s: Vec
    limited: bool
    """A joint or speed limit changed the result."""
    singular: bool
    """The arm is close to a singular pose; the tool does not follow exactly."""


def _solved(pose: Pose, damping: float, wanted: list[float]) -> tuple[list[float], float]:
    """(J J^T + damping^2 I)^-1 wanted, and sqrt(det) of that matrix."""
    low = factor(_gram(pose, damping))
    return backward(low, forward(low, wanted)), root_determinant(low)


def _gram(pose: Pose, damping: float) -> list[list[float]]:
    """Lower triangle of J J^T + damping^2 I."""
    rows = list(zip(*pose.columns, strict=True))
    out = []
    for i in range(6):
        ri = rows[i]
        line = [sum([x * y for x, y in zip(ri, rows[j], strict=True)]) for j in range(i + 1)]
        line[i] += damping * damping
        out.append(line)
    return out


def _near_limit(joint: Joint, q: float, qd: float) -> float:
    """Slow `qd` down when it moves towards a limit that is close."""
    room = joint.upper_rad - q if qd > 0 else q - joint.lower_rad
    return qd * min(1.0, max(0.0, room / LIMIT_ZONE_RAD))


def solve_rates(chain: Chain, pose: Pose, q_rad: Vec, v_m_s: Vec, w_rad_s: Vec) -> JointRates:
    """Joint velocities for the tool velocity (base frame) at `pose`, within all joint limits."""
    posture = tuple(
        POSTURE_RATE_1_S * (rest - q) for rest, q in zip(chain.rest_rad, q_rad, strict=True)
    )
    drift_v, drift_w = twist(pose, posture)
    wanted = [a - b for a, b in zip(v_m_s + w_rad_s, drift_v + drift_w, strict=True)]
    y, manipulability = _solved(pose, 0.0, wanted)
    singular = manipulability < MANIPULABILITY_MIN
    if singular:
        ratio = manipulability / MANIPULABILITY_MIN
        damping = DAMPING_MAX * math.sqrt(1.0 - ratio * ratio)
        y, _ = _solved(pose, damping, wanted)
    raw = [
        rate + sum([c * s for c, s in zip(column, y, strict=True)])
        for rate, column in zip(posture, pose.columns, strict=True)
    ]
    return _within_limits(chain, q_rad, raw, singular)


def _within_limits(chain: Chain, q_rad: Vec, raw: list[float], singular: bool) -> JointRates:
    """Slow down before joint limits; scale all joints together when one is too fast."""
    safe = [_near_limit(j, q, qd) for j, q, qd in zip(chain.joints, q_rad, raw, strict=True)]
    worst = max(abs(qd) / j.speed_max_rad_s for j, qd in zip(chain.joints, safe, strict=True))
    if worst > 1.0:
        safe = [qd / worst for qd in safe]
    return JointRates(tuple(safe), worst > 1.0 or safe != raw, singular)
