"""`ServoCore`: one servo step as a pure function of its inputs and its snapshot-able state.

Nothing moves without a permit that is valid now. The order of questions: does guard allow motion,
does the arm answer, is the force known; only then a law moves the arm. An error inside brakes the
arm and shows as a lapse; it never leaves `step`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace

from haptics.bilateral.touch_cap import TouchCap
from haptics.vec import ZERO, from_quat
from safety.limits import Limits
from safety.messages import (
    ArmCommand,
    Permit,
    ServoInputs,
    ServoOutputs,
    ServoReport,
)
from safety.states import ArmInterface, Clamp, ContactState, PermitKind
from teleop.servo import needle
from teleop.servo import state as plain
from teleop.servo.haptic_hand import TOUCHING, for_haptic_hand
from teleop.servo.health import arm_usable, sensor_usable
from teleop.servo.law import Motion, MotionLaw, Situation
from teleop.servo.laws import law_for
from teleop.servo.permit_gate import DRIVING, Mode, PermitGate

DT_MAX_S = 0.01
"""A late cycle integrates no more than this."""
DT_FIRST_S = 0.002
_MS = 1_000_000

NO_MOTION = Motion(
    qd_rad_s=(0.0,) * 7,
    v_target_m_s=ZERO,
    contact=ContactState.FREE,
    force_filtered_n=math.nan,
    force_ref_n=0.0,
    base_p_target_m=(math.nan,) * 3,
    offset_m=math.nan,
    offset_rad=math.nan,
    stiffness_n_m=math.nan,
    clamps=Clamp.NONE,
    yielding=False,
    tau_nm=(0.0,) * 7,
    interface=ArmInterface.VELOCITY,
)
"""Nothing is known about the arm, so nothing is claimed."""


@dataclass(slots=True)
class CoreState:
    """What the core itself remembers between steps."""

    gate: PermitGate
    incarnation: int = 0
    arm_incarnation: int = 0
    cycle: int = 0
    last_ns: int = -1
    command_seq: int = 0
    applied_ns: int = 0
    drove: bool = False
    """The arm was driven since it was last at rest."""
    touch: TouchCap = field(default_factory=TouchCap)
    needle: needle.NeedleState = field(default_factory=needle.NeedleState)
    joint_speed_rad_s: float = 0.0
    """Norm of the joint velocities that were sent last."""
    failures: int = 0
    """Errors caught inside `step`; each ended in the brakes."""


class ServoCore:
    """Decides what the arm does, once per cycle."""

    def __init__(
        self,
        limits: Limits,
        *,
        incarnation: int = 0,
        law: MotionLaw | None = None,
    ) -> None:
        self._limits = limits
        self._law: MotionLaw = law or law_for(ArmInterface.VELOCITY, limits)
        life_ns = round(limits.permit_life_ms * _MS)
        self._s = CoreState(PermitGate(life_ns), incarnation)
        self.error: Exception | None = None
        """The newest error inside a step (for the shell to report); None: never."""

    def step(self, inputs: ServoInputs) -> ServoOutputs:
        """Decide one cycle. Never raises: an error brakes the arm."""
        self._s.cycle += 1
        try:
            return self._decide(inputs)
        except Exception as error:
            # Whatever it was, the answer is the same and safe; the shell tells people.
            self.error = error
            self._s.failures += 1
            self._stop()
            return self._outputs(inputs, NO_MOTION, brake=True, needle_v_m_s=0.0)

    def snapshot(self) -> bytes:
        """All state as JSON; floats keep every bit."""
        state = {"core": plain.dump(self._s), "law": self._law.snapshot()}
        return json.dumps(state, separators=(",", ":")).encode()

    def restore(self, snapshot: bytes) -> None:
        """Continue as the core that made `snapshot` would."""
        state = json.loads(snapshot)
        plain.load(self._s, state["core"])
        self._law.restore(state["law"])

    def _decide(self, inputs: ServoInputs) -> ServoOutputs:
        now_ns, arm = inputs.now_ns, inputs.arm
        mode = self._s.gate.judge(now_ns, inputs.permit_seq, inputs.permit)
        known, self._s.arm_incarnation = self._s.arm_incarnation, arm.incarnation
        restarted = known not in (0, arm.incarnation)
        if restarted or not arm_usable(now_ns, inputs.arm_seq, arm, self._limits):
            self._stop()
            return self._outputs(inputs, NO_MOTION, brake=True, needle_v_m_s=0.0)
        if mode is not Mode.BRAKE and not sensor_usable(now_ns, arm, self._limits):
            self._stop()
            mode = Mode.BRAKE
        if mode in DRIVING:
            self._note_command(now_ns, inputs.permit)
        situation = self._situation(inputs, mode)
        needle.follow(self._s.needle, situation)
        if mode is Mode.BRAKE or arm.braked:
            self._s.drove = False
            needle.rest(self._s.needle, situation)
            motion = self._law.rest(situation)
            self._s.touch.observe(motion.contact in TOUCHING, situation.permit.new_contact)
            return self._outputs(inputs, motion, brake=mode is Mode.BRAKE, needle_v_m_s=0.0)
        self._s.drove = True
        clamps = needle.drive(self._s.needle, situation, self._limits)
        situation = replace(situation, turn=needle.turn(self._s.needle, situation))
        motion = self._law.drive(situation)
        if mode is Mode.YIELD and not motion.yielding:
            motion = self._slowing(motion)
        self._s.touch.observe(motion.contact in TOUCHING, situation.permit.new_contact)
        return self._outputs(inputs, motion, False, self._s.needle.v_m_s, clamps)

    def _slowing(self, motion: Motion) -> Motion:
        """After a lapse the joints never speed up, whatever pose is believed (invariant I1)."""
        speed, last = math.hypot(*motion.qd_rad_s), self._s.joint_speed_rad_s
        if not speed > last:
            return motion
        return replace(motion, qd_rad_s=tuple(v * last / speed for v in motion.qd_rad_s))

    def _situation(self, inputs: ServoInputs, mode: Mode) -> Situation:
        now_ns = inputs.now_ns
        elapsed_s = (now_ns - self._s.last_ns) / 1e9 if self._s.last_ns >= 0 else DT_FIRST_S
        self._s.last_ns = now_ns
        if mode is Mode.OPERATE and not self._hand_counts(now_ns, inputs.permit):
            mode = Mode.REGULATE
        return Situation(
            now_ns=now_ns,
            dt_s=max(0.0, min(DT_MAX_S, elapsed_s)),
            mode=mode,
            arm=inputs.arm,
            base_rot_probe=from_quat(inputs.arm.base_q_probe),
            permit=for_haptic_hand(self._s.touch, inputs.permit),
        )

    def _hand_counts(self, now_ns: int, permit: Permit) -> bool:
        """Deadman down, and the command young enough to be applied."""
        age_ns = now_ns - permit.command_stamp_ns
        return permit.command.deadman and age_ns <= self._limits.command_age_ms * _MS

    def _note_command(self, now_ns: int, permit: Permit) -> None:
        if permit.command.seq != self._s.command_seq:
            self._s.command_seq = permit.command.seq
            self._s.applied_ns = now_ns

    def _stop(self) -> None:
        """Brake by our own decision: while driving, that is a lapse."""
        gate = self._s.gate
        if self._s.drove:
            gate.lapse()
        gate.resting, self._s.drove = True, False

    def _outputs(
        self,
        inputs: ServoInputs,
        motion: Motion,
        brake: bool,
        needle_v_m_s: float,
        clamps: Clamp = Clamp.NONE,
    ) -> ServoOutputs:
        if not all(map(math.isfinite, (*motion.qd_rad_s, *motion.tau_nm))):
            self._stop()
            motion, brake, needle_v_m_s = NO_MOTION, True, 0.0
        self._s.joint_speed_rad_s = 0.0 if brake else math.hypot(*motion.qd_rad_s)
        command = ArmCommand(
            stamp_ns=inputs.now_ns,
            qd_rad_s=motion.qd_rad_s,
            brake=brake,
            needle_v_m_s=needle_v_m_s,
            tau_nm=motion.tau_nm,
            interface=motion.interface,
        )
        return ServoOutputs(command, self._report(inputs, motion, clamps))

    def _report(self, inputs: ServoInputs, motion: Motion, clamps: Clamp) -> ServoReport:
        s, permit = self._s, inputs.permit
        return ServoReport(
            incarnation=s.incarnation,
            stamp_ns=inputs.now_ns,
            cycle=s.cycle,
            permit_epoch=permit.epoch,
            permit_kind=PermitKind.NONE if s.gate.resting or s.gate.lapsed else permit.kind,
            command_seq=s.command_seq,
            applied_ns=s.applied_ns,
            contact=motion.contact,
            force_filtered_n=motion.force_filtered_n,
            force_ref_n=motion.force_ref_n,
            base_p_target_m=motion.base_p_target_m,
            v_target_m_s=motion.v_target_m_s,
            offset_m=motion.offset_m,
            offset_rad=motion.offset_rad,
            stiffness_n_m=motion.stiffness_n_m,
            clamps=motion.clamps | clamps,
            lateness_us=inputs.lateness_us,
            compute_us=0.0,
            overruns=0,
            yielding=motion.yielding,
            lapsed=s.gate.lapsed,
            needle_v_m_s=s.needle.v_m_s,
            needle_force_n=s.needle.law.force.value if s.needle.law.force.primed else math.nan,
            needle_stiffness_n_m=s.needle.law.stiffness.stiffness_n_m,
            punctures=s.needle.law.puncture.count,
            needle_gate=s.needle.open,
            needle_pivot_rad=s.needle.pivot_rad,
            touch=s.touch.touch,
        )
