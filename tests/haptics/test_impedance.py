"""Operational-space torques: the tool gets what was asked for, the posture stays hidden."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from haptics.dynamics import dynamics
from haptics.iiwa import IIWA, IIWA_MODEL, START_RAD
from haptics.impedance import ToolSpace, tool_space, torques

Array = NDArray[np.float64]


def spaces() -> list[tuple[ToolSpace, Array]]:
    rng = random.Random(4)
    out = []
    for _ in range(20):
        q = tuple(r + rng.uniform(-0.3, 0.3) for r in IIWA.rest_rad)
        qd = tuple(rng.uniform(-0.5, 0.5) for _ in range(7))
        out.append((tool_space(dynamics(IIWA_MODEL, q, qd)), np.array(qd)))
    return out


def accelerations(space: ToolSpace, tau: Array, wrench: Array) -> Array:
    """Tool acceleration (probe frame) under torques and a wrench of the world on the tool."""
    found = space.dynamics
    m = np.zeros((7, 7))
    for i, row in enumerate(found.mass):
        m[i, : i + 1] = m[: i + 1, i] = row
    j = np.array(space.columns).T
    qdd = np.linalg.solve(m, tau - np.array(found.coriolis_nm) + j.T @ wrench)
    result: Array = j @ qdd + np.array(space.drift)
    return result


def test_the_tool_accelerates_as_asked_whatever_the_posture_does() -> None:
    rng = random.Random(9)
    for space, _ in spaces():
        wanted = tuple(rng.uniform(-2.0, 2.0) for _ in range(6))
        posture = tuple(rng.uniform(-5.0, 5.0) for _ in range(7))
        tau = np.array(torques(space, wanted, (0.0,) * 6, posture))
        assert accelerations(space, tau, np.zeros(6)) == pytest.approx(wanted, abs=1e-7)


def test_a_balanced_wrench_leaves_the_tool_at_rest() -> None:
    for space, _ in spaces():
        wrench = (0.05, -0.1, 0.02, 0.4, -0.7, 5.0)
        tau = np.array(torques(space, (0.0,) * 6, wrench, (0.0,) * 7))
        assert accelerations(space, tau, -np.array(wrench)) == pytest.approx(np.zeros(6), abs=1e-7)


def test_effective_mass_is_force_over_acceleration_along_the_axis() -> None:
    space = tool_space(dynamics(IIWA_MODEL, START_RAD, (0.0,) * 7))
    along = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tau = np.array(torques(space, along, (0.0,) * 6, (0.0,) * 7))
    force = np.linalg.lstsq(np.array(space.columns), tau, rcond=None)[0][5]
    assert space.mass_axis_kg == pytest.approx(force, rel=1e-6)
    assert 2.0 < space.mass_axis_kg < 10.0
    assert 2.0 < space.mass_across_kg < 10.0
