"""What servo needs of an arm, in the names of CRTK (Collaborative Robotics Toolkit).

SI units, frames of `safety/messages.py`. To add an arm: implement `Arm`, add a row to `ARMS`
(`examples/own_arm.py` shows one in under 60 lines).

ArmError
└── UnknownArmError   the configuration names an arm that is not in the table
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from safety.layout import Quat, Vec3, Vec7
from safety.messages import ArmCommand, ArmState
from safety.states import ArmInterface

ZERO7: Vec7 = (0.0,) * 7


class ArmError(RuntimeError):
    """Base of what can be wrong with an arm; the message says what to do."""


class UnknownArmError(ArmError):
    """The configuration names an arm that is not in the table."""


class OperatingState(StrEnum):
    """CRTK operating states."""

    DISABLED = "DISABLED"
    """No power."""
    PAUSED = "PAUSED"
    """Power on, brakes closed."""
    ENABLED = "ENABLED"
    """Follows `servo_jv` or `servo_jf`."""
    FAULT = "FAULT"
    """Not heard from."""


class Arm(Protocol):
    """An arm with a velocity or a torque interface, a wrench sensor and brakes."""

    @property
    def declares_simulated(self) -> bool:
        """Only a simulated arm may have limits widened."""

    def receive(self) -> tuple[int, ArmState] | None:
        """Fetch the newest sample and its sequence number; None: never heard from."""

    def operating_state(self) -> OperatingState:
        """State of the arm in the newest sample."""

    def measured_js(self) -> tuple[Vec7, Vec7]:
        """Joint angles (rad) and rates (rad/s)."""

    def measured_cp(self) -> tuple[Vec3, Quat]:
        """Pose of the probe face in the base frame (m, xyzw)."""

    def measured_cv(self) -> tuple[Vec3, Vec3]:
        """Linear and angular velocity of the probe face, base frame (m/s, rad/s)."""

    def measured_cf(self) -> tuple[Vec3, Vec3]:
        """Force and torque on the patient, probe frame (N, Nm)."""

    def servo_jv(self, command: ArmCommand) -> ArmCommand:
        """Send joint velocities; return what was really sent after clipping."""

    def servo_jf(self, command: ArmCommand) -> ArmCommand:
        """Send joint torques (without gravity); return what was really sent after clipping."""

    def close(self) -> None:
        """Let go of the arm (after standstill)."""


def velocities(stamp_ns: int, qd_rad_s: Vec7, needle_v_m_s: float = 0.0) -> ArmCommand:
    """Make a `servo_jv` command."""
    return ArmCommand(stamp_ns, qd_rad_s, False, needle_v_m_s, ZERO7, ArmInterface.VELOCITY)


def torques(stamp_ns: int, tau_nm: Vec7, needle_v_m_s: float = 0.0) -> ArmCommand:
    """Make a `servo_jf` command."""
    return ArmCommand(stamp_ns, ZERO7, False, needle_v_m_s, tau_nm, ArmInterface.TORQUE)


def brakes(stamp_ns: int) -> ArmCommand:
    """Make the order to stop and brake."""
    return ArmCommand(stamp_ns, ZERO7, True, 0.0, ZERO7, ArmInterface.VELOCITY)


@dataclass(frozen=True, slots=True)
class ArmEntry:
    """One row of the table of arms."""

    open: Callable[[Path], Arm]
    """Connects; takes the run folder."""
    declares_simulated: bool
    summary: str
    interface: ArmInterface = ArmInterface.VELOCITY
    """Which control law servo runs."""
    box: str = ""
    """Module of the controller box when it is a process of ours."""


def _open_box(run_dir: Path) -> Arm:
    from teleop.drivers.arm_box import BoxArm

    return BoxArm(run_dir)


ARMS: dict[str, ArmEntry] = {
    "sim": ArmEntry(
        _open_box, True, "iiwa and probe in PyBullet (process robot_sim.box)", box="robot_sim.box"
    ),
    "sim-torque": ArmEntry(
        _open_box,
        True,
        "the same arm, driven by joint torques",
        interface=ArmInterface.TORQUE,
        box="robot_sim.box",
    ),
}
"""Every arm that `arm.driver` in the configuration may name."""


def entry(name: str) -> ArmEntry:
    """The row of `name`; UnknownArmError lists what there is."""
    try:
        return ARMS[name]
    except KeyError:
        known = ", ".join(sorted(ARMS))
        raise UnknownArmError(f"arm.driver: {name!r} is unknown; known arms: {known}") from None
