"""Operational-space control of a redundant torque arm (Khatib 1987; null space: Nakamura 1991).

tau = J^T (L (a - dJ/dt qd - J u) + W) + M u + C qd, with L = (J M^-1 J^T)^-1: the tool gets the
acceleration a, the wrench W on the patient, and the posture the joint acceleration u as far
as the tool does not feel it. Rows are ordered rotation first and the axis last, so that the last
pivot of the factorisation of J M^-1 J^T is 1 / the effective mass along the axis. Gravity is held
by the arm's box. Everything in the probe frame; SI units. Plain floats: see haptics/vec.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.cholesky import Rows, backward, factor, forward
from haptics.dynamics import Dynamics
from haptics.vec import Vec, apply_transposed


@dataclass(frozen=True, slots=True)
class ToolSpace:
    """The arm as the tool feels it."""

    columns: tuple[Vec, ...]
    """Per joint: (wx, wy, wz, vx, vy, vz) of the Jacobian, probe frame."""
    drift: Vec
    """dJ/dt qd in the same order."""
    factor: Rows
    """Cholesky factor of J M^-1 J^T."""
    dynamics: Dynamics

    @property
    def mass_axis_kg(self) -> float:
        """Effective mass along the probe axis, all other directions held."""
        last: float = self.factor[5][5]
        return 1.0 / (last * last)

    @property
    def mass_across_kg(self) -> float:
        """Effective mass across the axis (the smaller one; rotation held)."""
        return 1.0 / max(self.factor[3][3], self.factor[4][4]) ** 2

    def twist(self, qd_rad_s: Vec) -> Vec:
        """Angular and linear velocity of the tool at these joint rates, probe frame."""
        return tuple(
            [sum([c[i] * r for c, r in zip(self.columns, qd_rad_s, strict=True)]) for i in range(6)]
        )


def tool_space(found: Dynamics) -> ToolSpace:
    """Inertia and Jacobian of the tool in the probe frame."""
    rot = found.pose.base_rot_tool
    columns = tuple(
        [apply_transposed(rot, c[3:]) + apply_transposed(rot, c[:3]) for c in found.pose.columns]
    )
    drift = apply_transposed(rot, found.drift[3:]) + apply_transposed(rot, found.drift[:3])
    low = factor([list(row) for row in found.mass])
    # With M = L L^T the rows of J L^-T are L^-1 times the rows of J.
    halves = [forward(low, row) for row in zip(*columns, strict=True)]
    gram = [
        [sum([a * b for a, b in zip(halves[i], halves[j], strict=True)]) for j in range(i + 1)]
        for i in range(6)
    ]
    return ToolSpace(columns, drift, factor(gram), found)


def torques(space: ToolSpace, acceleration: Vec, effort: Vec, posture: Vec) -> Vec:
    """Joint torques (Nm, without gravity).

    Args:
        space: the arm now.
        acceleration: wanted (angular, linear) acceleration of the tool, probe frame.
        effort: wrench (torque, force) on the patient on top, probe frame.
        posture: joint accelerations of the posture, felt in the null space only.
    """
    pulled = space.twist(posture)
    needed = tuple([a - d - p for a, d, p in zip(acceleration, space.drift, pulled, strict=True)])
    moving = backward(space.factor, forward(space.factor, needed))
    wrench = [a + b for a, b in zip(moving, effort, strict=True)]
    inertial = _times_mass(space.dynamics.mass, posture)
    return tuple(
        [
            sum([c * f for c, f in zip(column, wrench, strict=True)]) + u + h
            for column, u, h in zip(
                space.columns, inertial, space.dynamics.coriolis_nm, strict=True
            )
        ]
    )


def _times_mass(mass: tuple[Vec, ...], u: Vec) -> list[float]:
    """M u from the lower triangle of M."""
    out = [0.0] * len(u)
    for i, row in enumerate(mass):
        for j, m in enumerate(row):
            out[i] += m * u[j]
            if j < i:
                out[j] += m * u[i]
    return out
