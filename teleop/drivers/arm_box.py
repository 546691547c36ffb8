"""Driver of an arm behind a controller box that speaks through mailboxes (the simulated arm)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safety.layout import Quat, Vec3, Vec7
from safety.messages import ArmCommand, ArmState
from teleop import channels
from teleop.drivers.arm import ArmError, OperatingState

RATE_MAX_RAD_S = 1.0
"""The box would accept more; nothing here needs it (haptics/iiwa.py)."""


class BoxArm:
    """`Arm` on `arm.state` and `arm.command`."""

    def __init__(self, run_dir: Path) -> None:
        self._states = channels.box(run_dir, channels.ARM_STATE)
        self._commands = channels.box(run_dir, channels.ARM_COMMAND)
        self._newest: ArmState | None = None

    @property
    def declares_simulated(self) -> bool:
        """What the box behind the mailbox says; before it spoke: no."""
        return self._newest is not None and self._newest.simulated

    def receive(self) -> tuple[int, ArmState] | None:
        """Fetch the newest sample and its sequence number; None: never heard from."""
        item: tuple[int, ArmState] | None = self._states.read()
        if item is not None:
            self._newest = item[1]
        return item

    def operating_state(self) -> OperatingState:
        """State of the arm in the newest sample."""
        arm = self._newest
        if arm is None:
            return OperatingState.FAULT
        if not arm.powered:
            return OperatingState.DISABLED
        return OperatingState.PAUSED if arm.braked else OperatingState.ENABLED

    def measured_js(self) -> tuple[Vec7, Vec7]:
        """Joint angles (rad) and rates (rad/s)."""
        return self._sample().q_rad, self._sample().qd_rad_s

    def measured_cp(self) -> tuple[Vec3, Quat]:
        """Pose of the probe face in the base frame (m, xyzw)."""
        return self._sample().base_p_probe_m, self._sample().base_q_probe

    def measured_cv(self) -> tuple[Vec3, Vec3]:
        """Linear and angular velocity of the probe face, base frame (m/s, rad/s)."""
        return self._sample().base_v_probe_m_s, self._sample().base_w_probe_rad_s

    def measured_cf(self) -> tuple[Vec3, Vec3]:
        """Force and torque on the patient, probe frame (N, Nm)."""
        return self._sample().force_n, self._sample().torque_nm

    def servo_jv(self, command: ArmCommand) -> ArmCommand:
        """Send joint velocities; all are scaled together when one is too fast."""
        fastest = max(map(abs, command.qd_rad_s))
        if fastest > RATE_MAX_RAD_S:
            keep = RATE_MAX_RAD_S / fastest
            command = replace(command, qd_rad_s=tuple(qd * keep for qd in command.qd_rad_s))
        self._commands.write(command)
        return command

    def close(self) -> None:
        """Unmap the mailboxes."""
        self._states.close()
        self._commands.close()

    def _sample(self) -> ArmState:
        if self._newest is None:
            raise ArmError("the arm was not heard from yet; start its box first")
        return self._newest
