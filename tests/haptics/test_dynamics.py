"""Dynamics of the iiwa with its probe against three independent implementations."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mujoco
import numpy as np
import pinocchio as pin
import pybullet
import pytest
from numpy.typing import NDArray

from haptics.dynamics import ArmModel, Dynamics, dynamics
from haptics.errors import KinematicsError
from haptics.iiwa import IIWA, IIWA_MODEL
from haptics.kinematics import solve, twist
from robot_sim.arm_body import ArmBody, urdf_text

Array = NDArray[np.float64]
STATES = 60


def states() -> list[tuple[list[float], list[float]]]:
    rng = random.Random(5)
    return [
        (
            [rng.uniform(j.lower_rad, j.upper_rad) for j in IIWA.joints],
            [rng.uniform(-2.0, 2.0) for _ in range(7)],
        )
        for _ in range(STATES)
    ]


def square(found: Dynamics) -> Array:
    m = np.zeros((7, 7))
    for i, row in enumerate(found.mass):
        m[i, : i + 1] = m[: i + 1, i] = row
    return m


def bias(found: Dynamics) -> Array:
    both: Array = np.array(found.coriolis_nm) + np.array(found.gravity_nm)
    return both


@pytest.fixture(scope="module")
def body() -> Iterator[ArmBody]:
    arm = ArmBody(1000)
    yield arm
    arm.close()


@pytest.fixture(scope="module")
def urdf() -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
        file.write(urdf_text())
        file.flush()
        yield Path(file.name)


def test_matches_pinocchio_to_1e_9(urdf: Path) -> None:
    model = pin.buildModelFromUrdf(str(urdf))
    model.gravity.linear = np.array([0.0, 0.0, -9.81])
    data = model.createData()
    frame = model.getFrameId("probe")
    for q_list, qd_list in states():
        q, qd = np.array(q_list), np.array(qd_list)
        found = dynamics(IIWA_MODEL, tuple(q_list), tuple(qd_list))
        upper = np.triu(pin.crba(model, data, q))
        m = upper + upper.T - np.diag(np.diag(upper))
        assert np.abs(square(found) - m).max() < 1e-9
        assert np.abs(bias(found) - pin.nonLinearEffects(model, data, q, qd)).max() < 1e-9
        gravity = pin.computeGeneralizedGravity(model, data, q)
        assert np.abs(np.array(found.gravity_nm) - gravity).max() < 1e-9
        pin.forwardKinematics(model, data, q, qd, np.zeros(7))
        pin.updateFramePlacements(model, data)
        aligned = pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
        drift = pin.getFrameClassicalAcceleration(model, data, frame, aligned)
        assert np.abs(np.array(found.drift[:3]) - drift.linear).max() < 1e-9
        assert np.abs(np.array(found.drift[3:]) - drift.angular).max() < 1e-9


def test_matches_mujoco_to_1e_9(urdf: Path) -> None:
    model = mujoco.MjModel.from_xml_path(str(urdf))
    model.opt.gravity[:] = (0.0, 0.0, -9.81)
    data = mujoco.MjData(model)
    m = np.zeros((7, 7))
    for q, qd in states():
        data.qpos[:], data.qvel[:] = q, qd
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, m)
        found = dynamics(IIWA_MODEL, tuple(q), tuple(qd))
        assert np.abs(square(found) - m).max() < 1e-9
        assert np.abs(bias(found) - data.qfrc_bias).max() < 1e-9


def test_matches_pybullet_to_1e_9(body: ArmBody) -> None:
    zero = [0.0] * 7
    for q, qd in states():
        found = dynamics(IIWA_MODEL, tuple(q), tuple(qd))
        m = np.array(pybullet.calculateMassMatrix(body.id, q))
        h = np.array(pybullet.calculateInverseDynamics(body.id, q, qd, zero))
        assert np.abs(square(found) - m).max() < 1e-9
        assert np.abs(bias(found) - h).max() < 1e-9


def test_kinetic_energy_is_that_of_the_moving_links() -> None:
    """Power balance: d/dt of qd' M qd / 2 at qdd = 0 equals qd' C qd (M - 2C skew)."""
    for q, qd in states()[:20]:
        step = 1e-6
        ahead = [a + step * b for a, b in zip(q, qd, strict=True)]
        behind = [a - step * b for a, b in zip(q, qd, strict=True)]
        rate = np.array(qd)
        high = rate @ square(dynamics(IIWA_MODEL, tuple(ahead), tuple(qd))) @ rate
        low = rate @ square(dynamics(IIWA_MODEL, tuple(behind), tuple(qd))) @ rate
        power = rate @ np.array(dynamics(IIWA_MODEL, tuple(q), tuple(qd)).coriolis_nm)
        assert 0.5 * (high - low) / (2.0 * step) == pytest.approx(power, abs=1e-5)


def test_drift_is_the_rate_of_the_jacobian() -> None:
    q, qd = states()[0]
    step = 1e-6
    ahead = tuple(a + step * b for a, b in zip(q, qd, strict=True))
    behind = tuple(a - step * b for a, b in zip(q, qd, strict=True))
    late = sum(twist(solve(IIWA, ahead), tuple(qd)), ())
    early = sum(twist(solve(IIWA, behind), tuple(qd)), ())
    drift = [(a - b) / (2.0 * step) for a, b in zip(late, early, strict=True)]
    assert dynamics(IIWA_MODEL, tuple(q), tuple(qd)).drift == pytest.approx(drift, abs=1e-6)


def test_model_with_a_missing_link_is_refused() -> None:
    with pytest.raises(KinematicsError, match="6 links, 7 joints"):
        ArmModel(IIWA, IIWA_MODEL.links[:6], IIWA_MODEL.tool, 0.5)
