"""Your own arm: implement `Arm`, add a row to `ARMS`, and servo drives it.

This one has perfect motors and no patient. Run: python examples/own_arm.py
"""

from dataclasses import replace
from pathlib import Path

from haptics.iiwa import IIWA, START_RAD
from haptics.kinematics import solve
from haptics.vec import to_quat
from safety.limits import Limits
from safety.messages import ArmCommand, ArmState, ServoInputs
from safety.states import PermitKind
from teleop.drivers.arm import ARMS, ArmEntry, entry
from teleop.drivers.sampled import SampledArm
from teleop.servo.core import ServoCore
from teleop.servo.health import NO_ARM, NO_COMMAND, NO_PERMIT

CYCLE_NS = 2_000_000


class PerfectArm(SampledArm):
    """Joint rates become joint angles; the force sensor reads zero."""

    declares_simulated = True
    q_rad: tuple[float, ...] = START_RAD
    now_ns, seq, braked = CYCLE_NS, 1, True

    def receive(self) -> tuple[int, ArmState]:
        """Measure: newest sample and its number."""
        pose = solve(IIWA, self.q_rad)
        sample = replace(
            NO_ARM, stamp_ns=self.now_ns, q_rad=self.q_rad, qd_rad_s=(0.0,) * 7,
            base_p_probe_m=pose.base_p_tool_m, base_q_probe=to_quat(pose.base_rot_tool),
            force_n=(0.0,) * 3, force_stamp_ns=self.now_ns, force_valid=True, braked=self.braked,
        )  # fmt: skip
        return self.seq, self.keep(sample)

    def servo_jv(self, command: ArmCommand) -> ArmCommand:
        """Move as asked, or brake: guard wants to hear of closed brakes within 100 ms."""
        self.braked, step_s = command.brake, 0.0 if command.brake else CYCLE_NS / 1e9
        self.q_rad = tuple(map(lambda q, qd: q + qd * step_s, self.q_rad, command.qd_rad_s))
        self.now_ns, self.seq = self.now_ns + CYCLE_NS, self.seq + 1
        return command


ARMS["perfect"] = ArmEntry(lambda run_dir: PerfectArm(), True, "perfect motors, no patient")
arm, servo = entry("perfect").open(Path()), ServoCore(Limits())
for _ in range(500):
    seq, sample = arm.receive() or (0, NO_ARM)
    now = sample.stamp_ns
    permit = replace(
        NO_PERMIT, epoch=1, kind=PermitKind.OPERATE, issued_ns=now, valid_until_ns=now + CYCLE_NS,
        v_max_m_s=0.1, v_contact_m_s=0.03, f_max_n=20.0, new_contact=True, ramp=1.0,
        command_stamp_ns=now, command=replace(NO_COMMAND, deadman=True, force_ref_n=5.0),
    )  # fmt: skip
    arm.servo_jv(servo.step(ServoInputs(now, 0.0, seq, sample, seq, permit)).command)
print(f"one second of approach: {(0.224 - arm.measured_cp()[0][2]) * 1000:.1f} mm down")
