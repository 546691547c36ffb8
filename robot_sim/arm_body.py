"""The arm in PyBullet: iiwa with the probe on its flange, velocity motors, joint brakes.

The URDF is made at load time from `kuka_iiwa/model.urdf` of pybullet_data: meshes are dropped
(contact is analytic), the probe is added as a link on a fixed joint whose frame is the probe face.
Inertia is taken from the file (PyBullet would otherwise recompute it from the meshes).
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pybullet
import pybullet_data

from haptics.iiwa import FLANGE_P_PROBE_M, FLANGE_RPY_PROBE, PROBE, START_RAD
from haptics.vec import Vec, add, apply, cross, from_quat, scale
from robot_sim.errors import BoxError
from robot_sim.tissue import ProbeMotion
from robot_sim.torque_drive import TORQUE_MAX_NM

JOINTS = list(range(7))
PROBE_LINK = 7
SOLVER_ITERATIONS = 30
"""Residual of the motors stays below 1e-6 rad/s; the default of 50 costs more and adds nothing."""


def urdf_text() -> str:
    """URDF of the arm with the probe link."""
    source = Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf"
    try:
        root = ET.parse(source).getroot()
    except (OSError, ET.ParseError) as error:
        raise BoxError(f"{source}: {error}; reinstall pybullet") from error
    for link in root.iter("link"):
        for part in [*link.findall("visual"), *link.findall("collision")]:
            link.remove(part)
    probe = ET.SubElement(root, "link", name="probe")
    inertial = ET.SubElement(probe, "inertial")
    ET.SubElement(inertial, "origin", xyz=_text(PROBE.com_m), rpy="0 0 0")
    ET.SubElement(inertial, "mass", value=str(PROBE.mass_kg))
    ixx, iyy, izz = (str(i) for i in PROBE.inertia_kg_m2)
    ET.SubElement(inertial, "inertia", ixx=ixx, iyy=iyy, izz=izz, ixy="0", ixz="0", iyz="0")
    joint = ET.SubElement(root, "joint", name="probe_joint", type="fixed")
    ET.SubElement(joint, "parent", link="lbr_iiwa_link_7")
    ET.SubElement(joint, "child", link="probe")
    ET.SubElement(joint, "origin", xyz=_text(FLANGE_P_PROBE_M), rpy=_text(FLANGE_RPY_PROBE))
    return ET.tostring(root, encoding="unicode")


def _text(values: tuple[float, ...]) -> str:
    return " ".join(repr(v) for v in values)


class ArmBody:
    """One arm in its own physics world."""

    def __init__(self, physics_hz: int, start_rad: Vec = START_RAD) -> None:
        self._world = pybullet.connect(pybullet.DIRECT)
        with tempfile.NamedTemporaryFile("w", suffix=".urdf") as file:
            file.write(urdf_text())
            file.flush()
            flags = pybullet.URDF_USE_INERTIA_FROM_FILE
            self.id: int = pybullet.loadURDF(
                file.name, useFixedBase=True, flags=flags, physicsClientId=self._world
            )
        pybullet.setGravity(0, 0, -9.81, physicsClientId=self._world)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / physics_hz,
            numSolverIterations=SOLVER_ITERATIONS,
            physicsClientId=self._world,
        )
        self._free = False
        """The motors are off: torques act alone."""
        for joint, angle in zip(JOINTS, start_rad, strict=True):
            pybullet.resetJointState(self.id, joint, angle, physicsClientId=self._world)

    def joints(self) -> tuple[Vec, Vec]:
        """Measured angles (rad) and rates (rad/s)."""
        states = pybullet.getJointStates(self.id, JOINTS, physicsClientId=self._world)
        return tuple(s[0] for s in states), tuple(s[1] for s in states)

    def probe(self) -> tuple[ProbeMotion, Vec]:
        """Motion of the probe face, and its orientation as a quaternion."""
        s = pybullet.getLinkState(self.id, PROBE_LINK, 1, 1, physicsClientId=self._world)
        rotation = from_quat(s[5])
        lever = scale(apply(rotation, PROBE.com_m), -1.0)
        return ProbeMotion(s[4], rotation, add(s[6], cross(s[7], lever)), s[7]), s[5]

    def push(self, force_n: Vec, base_p_m: Vec) -> None:
        """Apply a force (base frame) to the probe at a point (base frame) for the next step."""
        pybullet.applyExternalForce(
            self.id,
            PROBE_LINK,
            force_n,
            base_p_m,
            pybullet.WORLD_FRAME,
            physicsClientId=self._world,
        )

    def drive(self, qd_rad_s: Vec) -> None:
        """Run the joint motors at these velocities from the next step on."""
        self._free = False
        self._motors(pybullet.VELOCITY_CONTROL, targetVelocities=qd_rad_s, forces=TORQUE_MAX_NM)

    def drive_torque(self, tau_nm: Vec) -> None:
        """Apply these torques (weight included) in the next step."""
        if not self._free:
            self._free = True
            self._motors(pybullet.VELOCITY_CONTROL, forces=[0.0] * len(JOINTS))
        self._motors(pybullet.TORQUE_CONTROL, forces=tau_nm)

    def weight_nm(self, q_rad: Vec) -> Vec:
        """Torques that hold the arm and the tool at these angles."""
        zero = [0.0] * len(JOINTS)
        torques: tuple[float, ...] = pybullet.calculateInverseDynamics(
            self.id, list(q_rad), zero, zero, physicsClientId=self._world
        )
        return torques

    def lock(self, q_rad: Vec) -> None:
        """Close the brakes at these angles."""
        self._free = False
        self._motors(pybullet.POSITION_CONTROL, targetPositions=q_rad, forces=TORQUE_MAX_NM)

    def step(self) -> None:
        """Advance physics by one period."""
        pybullet.stepSimulation(self._world)

    def place(self, q_rad: Vec) -> None:
        """Put the arm at these angles, at rest (tests only: no physics happens)."""
        for joint, angle in zip(JOINTS, q_rad, strict=True):
            pybullet.resetJointState(self.id, joint, angle, physicsClientId=self._world)

    def _motors(self, mode: int, **what: Any) -> None:
        pybullet.setJointMotorControlArray(
            self.id, JOINTS, mode, physicsClientId=self._world, **what
        )

    def close(self) -> None:
        """Leave the physics world."""
        pybullet.disconnect(self._world)
