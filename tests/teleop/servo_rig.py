"""ArmBox and ServoCore in a closed loop on a virtual clock, with a permit written by the test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from haptics.force_law import ForceOptions
from robot_sim.scene import Breathing, Mechanics, Scene, Surface
from robot_sim.world import ArmBox
from safety.enable import answer
from safety.limits import Limits
from safety.messages import ArmCommand, ArmState, EnableSignal, Permit, ServoInputs, ServoReport
from safety.states import ArmInterface, PermitKind, State
from teleop.servo.core import ServoCore
from teleop.servo.health import NO_ARM, NO_COMMAND
from teleop.servo.laws import PLAIN, law_for

LIFE_NS = 20_000_000
SKIN = (0.58, 0.0, 0.21)
"""14 mm under the probe's start, so that a test need not wait for the approach."""
PERMIT = Permit(
    incarnation=1,
    epoch=1,
    kind=PermitKind.OPERATE,
    state=State.ACTIVE,
    issued_ns=0,
    valid_until_ns=0,
    v_max_m_s=0.1,
    v_contact_m_s=0.03,
    w_max_rad_s=0.6,
    f_max_n=20.0,
    travel_max_m=0.0,
    new_contact=True,
    needle_advance=False,
    ramp=1.0,
    engagement=1,
    command_stamp_ns=0,
    command=dataclasses.replace(NO_COMMAND, deadman=True),
    needle_goal_m=0.0,
    needle_pivot_rad_s=0.0,
)


def scene(
    *,
    stiffness_n_m: float = 600.0,
    breathing_m: float = 0.0,
    breathing_hz: float = 0.25,
    relief_m: float = 0.0,
    friction: float = 0.08,
) -> Scene:
    return Scene(
        surface=Surface(relief_m=relief_m, base_p_patient_m=SKIN),
        breathing=Breathing(peak_to_peak_m=breathing_m, frequency_hz=breathing_hz),
        mechanics=Mechanics(stiffness_n_m=stiffness_n_m, friction=friction),
    )


@dataclass
class Rig:
    """Steps everything at `hz`; hooks may change the permit and the hand each cycle."""

    patient: Scene
    hz: int = 500
    limits: Limits = field(default_factory=Limits)
    now_ns: int = 10_000_000_000
    permit: Permit = PERMIT
    enable_power: bool = True
    enable_alive: bool = True
    enable_brake: bool = False
    servo_alive: bool = True
    permit_alive: bool = True
    hand: Callable[[float], tuple[tuple[float, ...], tuple[float, ...]]] | None = None
    """Time since `hand_from_ns` to hand position and velocity (view frame)."""
    hand_from_ns: int = 0
    seed: int = 1
    interface: ArmInterface = ArmInterface.VELOCITY
    options: ForceOptions = PLAIN

    def __post_init__(self) -> None:
        self.box = ArmBox(self.patient, seed=self.seed)
        self.core = ServoCore(self.limits, law=law_for(self.interface, self.limits, self.options))
        self.arm: ArmState = NO_ARM
        self.arm_seq = 0
        self.command: ArmCommand | None = None
        self.enable: EnableSignal | None = None
        self.report: ServoReport | None = None
        self.history: list[tuple[ArmState, ServoReport]] = []

    def set(self, **changes: object) -> None:
        """Change the permit (and keep it)."""
        self.permit = dataclasses.replace(self.permit, **changes)  # type: ignore[arg-type]

    def order(self, **changes: object) -> None:
        """Change the command in the permit."""
        command = dataclasses.replace(self.permit.command, **changes)  # type: ignore[arg-type]
        self.set(command=command)

    def cycle(self) -> None:
        self.now_ns += 1_000_000_000 // self.hz
        if self.enable_alive and self.arm_seq:
            self.enable = EnableSignal(
                self.now_ns, answer(self.arm.challenge), self.enable_power, self.enable_brake, 0
            )
        self.arm = self.box.step(self.now_ns, self.command, self.enable)
        self.arm_seq += 1
        if self.permit_alive:
            self._renew()
        if self.servo_alive:
            out = self.core.step(
                ServoInputs(self.now_ns, 0.0, self.arm_seq, self.arm, self.arm_seq, self.permit)
            )
            self.command, self.report = out.command, out.report
        assert self.report is not None
        self.history.append((self.arm, self.report))

    def _renew(self) -> None:
        command = self.permit.command
        if self.arm_seq % max(1, self.hz // 200) == 0:
            stamp_ns = self.now_ns
            command = dataclasses.replace(command, seq=command.seq + 1)
            if self.hand:
                p, v = self.hand((self.now_ns - self.hand_from_ns) / 1e9)
                command = dataclasses.replace(command, hand_p_m=p, hand_v_m_s=v)
        else:
            stamp_ns = self.permit.command_stamp_ns
        self.set(
            issued_ns=self.now_ns,
            valid_until_ns=self.now_ns + LIFE_NS,
            command=command,
            command_stamp_ns=stamp_ns,
        )

    def run(self, seconds: float) -> list[tuple[ArmState, ServoReport]]:
        """Run and return what happened meanwhile."""
        start = len(self.history)
        for _ in range(round(seconds * self.hz)):
            self.cycle()
        return self.history[start:]

    def until(self, condition: Callable[[], bool], seconds: float) -> float:
        """Run until `condition`; return the time it took (s). AssertionError: it never came."""
        start_ns = self.now_ns
        self.cycle()
        while not condition():
            assert self.now_ns - start_ns < seconds * 1e9, "condition never came true"
            self.cycle()
        return (self.now_ns - start_ns) / 1e9

    def close(self) -> None:
        self.box.close()
