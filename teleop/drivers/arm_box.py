"""Driver of an arm behind a controller box that speaks through mailboxes (the simulated arm)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safety.messages import ArmCommand, ArmState
from teleop import channels
from teleop.drivers.sampled import SampledArm

RATE_MAX_RAD_S = 1.0
"""The box would accept more; nothing here needs it (haptics/iiwa.py)."""


TORQUE_MAX_NM = (60.0, 60.0, 40.0, 40.0, 40.0, 15.0, 15.0)
"""A third of the data sheet, without gravity: 20 N at 0.8 m are 16 Nm."""


class BoxArm(SampledArm):
    """`Arm` on `arm.state` and `arm.command`."""

    def __init__(self, run_dir: Path) -> None:
        self._states = channels.box(run_dir, channels.ARM_STATE)
        self._commands = channels.box(run_dir, channels.ARM_COMMAND)

    @property
    def declares_simulated(self) -> bool:
        """What the box behind the mailbox says; before it spoke: no."""
        return self._newest is not None and self._newest.simulated

    def receive(self) -> tuple[int, ArmState] | None:
        """Fetch the newest sample and its sequence number; None: never heard from."""
        item: tuple[int, ArmState] | None = self._states.read()
        if item is not None:
            self.keep(item[1])
        return item

    def servo_jv(self, command: ArmCommand) -> ArmCommand:
        """Send joint velocities; all are scaled together when one is too fast."""
        fastest = max(map(abs, command.qd_rad_s))
        if fastest > RATE_MAX_RAD_S:
            keep = RATE_MAX_RAD_S / fastest
            command = replace(command, qd_rad_s=tuple(qd * keep for qd in command.qd_rad_s))
        self._commands.write(command)
        return command

    def servo_jf(self, command: ArmCommand) -> ArmCommand:
        """Send joint torques, each within what its motor can do."""
        tau = zip(command.tau_nm, TORQUE_MAX_NM, strict=True)
        command = replace(command, tau_nm=tuple(max(-most, min(most, t)) for t, most in tau))
        self._commands.write(command)
        return command

    def close(self) -> None:
        """Unmap the mailboxes."""
        self._states.close()
        self._commands.close()
