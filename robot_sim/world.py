"""`ArmBox`: the simulated controller box with arm and patient, stepped from outside.

It knows no network and no permit: it follows joint velocities or torques while both its watchdogs
are content, and brakes otherwise. `step` takes the time: it runs on a real or a virtual clock.
"""

from __future__ import annotations

import math

from haptics.iiwa import PROBE
from haptics.tool_weight import weight
from haptics.vec import Vec, add, apply, apply_transposed, cross, scale, sub
from robot_sim.arm_body import ArmBody
from robot_sim.force_zero import ForceZero
from robot_sim.joint_servo import JointServo
from robot_sim.needle.unit import GUIDE, NeedleUnit
from robot_sim.scene import Scene
from robot_sim.sensor import ForceSensor
from robot_sim.tissue import ProbeMotion, Touch, touch
from robot_sim.torque_drive import TorqueDrive
from robot_sim.watchdogs import SILENCE_NS, BrakingRamp, CommandWatch, EnableWatch
from safety.messages import ArmCommand, ArmState, EnableSignal
from safety.states import ArmInterface

SUBSTEPS_MAX = 20
"""A world that was stopped for longer than this many physics periods loses that time."""


class ArmBox:
    """Arm, probe, patient, sensor, motors, brakes and watchdogs."""

    def __init__(
        self,
        scene: Scene,
        *,
        seed: int = 1,
        physics_hz: int = 1000,
        incarnation: int = 0,
        command_silence_ns: int = SILENCE_NS,
        enable_silence_ns: int = SILENCE_NS,
    ) -> None:
        self.scene = scene
        self.sensor = ForceSensor(seed)
        """Set `sensor.fault` to break it."""
        self.zero = ForceZero()
        """Set `zero.stored` and `zero.bias` to what the last service left."""
        self.tool = PROBE
        """What really hangs on the flange; the box compensates the weight of `PROBE`."""
        self.body = ArmBody(physics_hz)
        self._incarnation = incarnation
        self._period_ns = round(1e9 / physics_hz)
        self._simulated_ns = -1
        self._commands = CommandWatch(command_silence_ns)
        self._enable = EnableWatch(seed, enable_silence_ns)
        self._servo = JointServo()
        self._ramp = BrakingRamp()
        self._torque = TorqueDrive()
        self._lock_rad: Vec | None = None
        self._powered = False
        self._enabled = False
        self._applied_seq = 0
        self.needle = NeedleUnit(scene, seed, command_silence_ns)
        self._probe, self._quaternion = self.body.probe()
        self._touch = touch(scene, self._probe, 0)

    def step(
        self,
        now_ns: int,
        command: ArmCommand | None,
        enable: EnableSignal | None,
        command_seq: int = 0,
    ) -> ArmState:
        """Advance the world to `now_ns` under the newest messages; return what is measured."""
        if enable is not None and not enable.power:
            self._ramp.switched_off()
        self._powered = enable is not None and enable.power and not self._ramp.tripped
        following = not self._servo.braked
        self._enabled = self._enable.check(now_ns, enable, following)
        fresh = self._commands.check(now_ns, command, following)
        order: ArmCommand | None = None
        if command and enable and fresh and self._enabled and _may_follow(command, enable):
            order = command
            self._applied_seq = command_seq or self._applied_seq + 1
        self._zero(now_ns, enable)
        self._advance(now_ns, order)
        return self._measured(now_ns)

    @property
    def contact(self) -> Touch:
        """Simulation truth of the probe's contact, for measurement only."""
        return self._touch

    def fail_brakes(self) -> None:
        """Break the brakes: only cutting the power stops the arm."""
        self._servo.brakes_fail = True

    def close(self) -> None:
        """Leave the physics world."""
        self.body.close()

    def _advance(self, now_ns: int, order: ArmCommand | None) -> None:
        lost = now_ns - self._simulated_ns > SUBSTEPS_MAX * self._period_ns
        if self._simulated_ns < 0 or lost:
            self._simulated_ns = now_ns - self._period_ns
        dt_s = self._period_ns / 1e9
        while self._simulated_ns + self._period_ns <= now_ns:
            self._simulated_ns += self._period_ns
            self._actuate(order, dt_s)
            self._physics(self._simulated_ns, dt_s)
            self.needle.step(
                self._simulated_ns,
                dt_s,
                order.needle_v_m_s if order else None,
                order.stamp_ns if order else 0,
                not self._servo.braked,
                self._probe.base_p_probe_m,
                self._probe.base_rot_probe,
            )

    def _zero(self, now_ns: int, enable: EnableSignal | None) -> None:
        """Renew the zero of the force sensor when guard asks for it."""
        asked = self.zero.serial if enable is None else enable.zero_serial
        sample = self.sensor.read()
        reading = tuple([v - b for v, b in zip(sample.wrench, self.zero.bias, strict=True)])
        fastest = max(map(abs, self.body.joints()[1])) if asked != self.zero.serial else 0.0
        self.zero.update(now_ns, asked, reading, fastest)

    def _felt(self) -> Vec:
        """What the wrist feels, with the declared tool's weight taken out."""
        felt = _wrench(self._probe, self._touch)
        if self.tool is PROBE:
            return felt
        rot = self._probe.base_rot_probe
        declared, real = weight(PROBE, rot), weight(self.tool, rot)
        return tuple([f + d - r for f, d, r in zip(felt, declared, real, strict=True)])

    def _actuate(self, order: ArmCommand | None, dt_s: float) -> None:
        """Motors or brakes for the next physics period."""
        if order is not None and order.interface is ArmInterface.TORQUE:
            if self._apply_torque(order.tau_nm, dt_s):
                self._ramp.released()
                return
            order = None
        self._torque.leave()
        if order is None:
            self._supervise_brakes()
        else:
            self._ramp.released()
        self._servo.update(order.qd_rad_s if order else None, self._powered, dt_s)
        if self._servo.locked:
            if self._lock_rad is None:
                self._lock_rad = self.body.joints()[0]
                self.body.lock(self._lock_rad)
        else:
            self._lock_rad = None
            self.body.drive(self._servo.rate_rad_s)

    def _supervise_brakes(self) -> None:
        fastest = max(map(abs, self.body.joints()[1]))
        self._ramp.braking(self._servo.braked, fastest, self._period_ns)

    def _apply_torque(self, wanted_nm: Vec, dt_s: float) -> bool:
        """Run the motors in torque control; False: refused, brake."""
        q_rad, qd_rad_s = self.body.joints()
        braked = self._servo.braked
        if not self._powered or not self._torque.accepts(wanted_nm, qd_rad_s, braked=braked):
            return False
        self._lock_rad = None
        self._servo.carried(qd_rad_s)
        applied = zip(self._torque.update(wanted_nm, dt_s), self.body.weight_nm(q_rad), strict=True)
        self.body.drive_torque(tuple([tau + weight for tau, weight in applied]))
        return True

    def _physics(self, now_ns: int, dt_s: float) -> None:
        if self._touch.normal_n > 0.0:
            x, y, z = self._touch.force_n
            self.body.push((-x, -y, -z), self._touch.base_p_contact_m)
        if self.needle.axial_n != 0.0:
            self._push_back()
        self.body.step()
        self._probe, self._quaternion = self.body.probe()
        self._touch = touch(self.scene, self._probe, now_ns)
        self.sensor.push(now_ns, dt_s, self._felt())

    def _push_back(self) -> None:
        """The tissue's force on the needle, taken up by the bracket."""
        rot = self._probe.base_rot_probe
        back = scale(apply(rot, GUIDE.probe_axis), -self.needle.axial_n)
        self.body.push(back, add(self._probe.base_p_probe_m, apply(rot, GUIDE.probe_p_home_m)))

    def _measured(self, now_ns: int) -> ArmState:
        needle = self.needle.read()
        q_rad, qd_rad_s = self.body.joints()
        sample = self.sensor.read()
        wrench = tuple([v - b for v, b in zip(sample.wrench, self.zero.bias, strict=True)])
        return ArmState(
            incarnation=self._incarnation,
            stamp_ns=now_ns,
            q_rad=q_rad,
            qd_rad_s=qd_rad_s,
            base_p_probe_m=self._probe.base_p_probe_m,
            base_q_probe=self._quaternion,
            base_v_probe_m_s=self._probe.v_m_s,
            base_w_probe_rad_s=self._probe.w_rad_s,
            force_n=wrench[:3],
            torque_nm=wrench[3:],
            force_stamp_ns=sample.stamp_ns,
            force_valid=sample.valid,
            powered=self._powered,
            braked=self._servo.braked,
            enabled=self._enabled,
            needle_depth_m=needle.depth_m,
            challenge=self._enable.challenge,
            command_trips=self._commands.trips,
            enable_trips=self._enable.trips,
            applied_seq=self._applied_seq,
            simulated=True,
            surface_depth_m=self._touch.depth_m,
            contact_force_n=self._touch.normal_n,
            needle_v_m_s=needle.v_m_s,
            needle_force_n=needle.force_n,
            needle_entry_m=needle.entry_m,
            needle_tip_m=needle.tip_m,
            zero_serial=self.zero.serial,
            zero_ok=self.zero.ok,
        )


def _may_follow(command: ArmCommand, enable: EnableSignal) -> bool:
    """True when nobody asks for the brakes and the numbers are numbers."""
    numbers = (*command.qd_rad_s, *command.tau_nm, command.needle_v_m_s)
    if command.brake or enable.brake or not enable.power:
        return False
    return all(map(math.isfinite, numbers))


def _wrench(probe: ProbeMotion, contact: Touch) -> tuple[float, ...]:
    """Force and torque on the patient about the probe origin, probe frame."""
    lever = sub(contact.base_p_contact_m, probe.base_p_probe_m)
    force = apply_transposed(probe.base_rot_probe, contact.force_n)
    torque = apply_transposed(probe.base_rot_probe, cross(lever, contact.force_n))
    return force + torque
