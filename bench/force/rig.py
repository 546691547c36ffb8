"""Arm box and servo core in a closed loop on a virtual clock; the bench writes the permit.

One cycle of `hz` per step: sensor noise, delays, the joint servo and the box's watchdogs are those
of the product. Commands come at `command_hz` with the hand's velocity, as a console sends them.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from haptics.force_law import ForceOptions
from haptics.vec import Vec, column, dot, from_quat
from robot_sim.scene import Breathing, Mechanics, Scene, Surface
from robot_sim.world import ArmBox
from safety.enable import answer
from safety.limits import Limits
from safety.messages import ArmCommand, ArmState, EnableSignal, Permit, ServoInputs, ServoReport
from safety.states import ArmInterface, ContactState, PermitKind, State
from teleop.servo.core import ServoCore
from teleop.servo.health import NO_ARM, NO_COMMAND, NO_PERMIT
from teleop.servo.laws import law_for

START_NS = 10_000_000_000
LIFE_NS = 20_000_000
SKIN_M = (0.58, 0.0, 0.21)
"""14 mm under the probe's start."""

HandMotion = Callable[[float], tuple[Vec, Vec, Vec, Vec]]
"""Time (s) to position (m), rotation (rad), velocity (m/s), angular velocity (rad/s)."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is pressed against."""

    stiffness_n_m: float = 1000.0
    exponent: float = 1.0
    """1: the stiffness is the same at every depth, as the targets are stated."""
    damping_n_s_m: float = 12.0
    friction: float = 0.08
    breathing_m: float = 0.0
    breathing_hz: float = 0.25
    relief_m: float = 0.0
    relief_length_m: float = 0.12

    def scene(self) -> Scene:
        """The scene of the simulation."""
        return Scene(
            surface=Surface(
                relief_m=self.relief_m, relief_length_m=self.relief_length_m,
                base_p_patient_m=SKIN_M,
            ),
            breathing=Breathing(
                peak_to_peak_m=self.breathing_m, frequency_hz=self.breathing_hz
            ),
            mechanics=Mechanics(
                stiffness_n_m=self.stiffness_n_m, exponent=self.exponent,
                damping_n_s_m=self.damping_n_s_m, friction=self.friction,
            ),
        )  # fmt: skip


PERMIT = dataclasses.replace(
    NO_PERMIT,
    incarnation=1,
    epoch=1,
    kind=PermitKind.OPERATE,
    state=State.ACTIVE,
    v_max_m_s=0.1,
    v_contact_m_s=0.03,
    w_max_rad_s=0.6,
    f_max_n=20.0,
    new_contact=True,
    ramp=1.0,
    engagement=1,
    command=dataclasses.replace(NO_COMMAND, deadman=True),
)


@dataclass
class Rig:
    """The loop and what was seen."""

    patient: Patient
    interface: ArmInterface
    options: ForceOptions = field(default_factory=ForceOptions)
    hz: int = 1000
    command_hz: int = 200
    seed: int = 1
    hand: HandMotion | None = None
    hand_from_ns: int = 0
    linked: bool = True
    """Commands still arrive."""
    delay_ms: float = 0.0
    """More delay in the loop: joint commands reach the box so much later (its watchdog is told a
    fresh stamp, because the law is looked at)."""

    def __post_init__(self) -> None:
        limits = Limits()
        self.box = ArmBox(self.patient.scene(), seed=self.seed)
        self.core = ServoCore(limits, law=law_for(self.interface, limits, self.options))
        self.now_ns = START_NS
        self.permit: Permit = PERMIT
        self.arm: ArmState = NO_ARM
        self.arm_seq = 0
        self.command: ArmCommand | None = None
        self.report: ServoReport | None = None
        self.history: list[tuple[int, ArmState, ServoReport]] = []
        self._line: deque[ArmCommand] = deque()
        self.axial_n: list[float] = []
        """True force along the probe axis, per cycle: what the law controls."""

    def order(self, **changes: object) -> None:
        """Change the command that the expert gives."""
        command = dataclasses.replace(self.permit.command, **changes)  # type: ignore[arg-type]
        self.permit = dataclasses.replace(self.permit, command=command)

    def hold(self) -> None:
        """What guard writes when the link is lost: HOLD, force regulated to min(last, 5 N)."""
        held = min(5.0, max(0.0, self.arm.force_n[2]))
        self.permit = dataclasses.replace(
            self.permit, kind=PermitKind.REGULATE, state=State.HOLD, v_max_m_s=0.02,
            f_max_n=held, travel_max_m=0.015,
        )  # fmt: skip
        self.order(deadman=False)

    def cycle(self) -> None:
        """One control period."""
        self.now_ns += 1_000_000_000 // self.hz
        enable = EnableSignal(self.now_ns, answer(self.arm.challenge), True, False, 0)
        self.arm = self.box.step(self.now_ns, self.command, enable if self.arm_seq else None)
        self.arm_seq += 1
        self._renew()
        out = self.core.step(
            ServoInputs(self.now_ns, 0.0, self.arm_seq, self.arm, self.arm_seq, self.permit)
        )
        if self.core.error is not None:
            raise self.core.error
        self.command, self.report = self._delayed(out.command), out.report
        self.history.append((self.now_ns, self.arm, self.report))
        axis = column(from_quat(self.arm.base_q_probe), 2)
        self.axial_n.append(dot(self.box.contact.force_n, axis))

    def run(self, seconds: float) -> list[tuple[int, ArmState, ServoReport]]:
        """Run on; return what happened meanwhile."""
        start = len(self.history)
        for _ in range(round(seconds * self.hz)):
            self.cycle()
        return self.history[start:]

    def until(self, state: ContactState, seconds: float) -> bool:
        """Run until servo reports `state`; False: not within `seconds`."""
        for _ in range(round(seconds * self.hz)):
            self.cycle()
            if self.report is not None and self.report.contact is state:
                return True
        return False

    def start_hand(self, hand: HandMotion) -> None:
        """From now on the hand moves."""
        self.hand, self.hand_from_ns = hand, self.now_ns

    def close(self) -> None:
        """Leave the physics world."""
        self.box.close()

    def _delayed(self, command: ArmCommand) -> ArmCommand | None:
        self._line.append(command)
        if len(self._line) <= round(self.delay_ms * self.hz / 1000.0):
            return None
        return dataclasses.replace(self._line.popleft(), stamp_ns=self.now_ns)

    def _renew(self) -> None:
        """Guard renews the permit each cycle; a new command comes at its own rate."""
        command, stamp_ns = self.permit.command, self.permit.command_stamp_ns
        if self.linked and self.arm_seq % max(1, self.hz // self.command_hz) == 0:
            stamp_ns = self.now_ns
            command = dataclasses.replace(command, seq=command.seq + 1)
            if self.hand is not None:
                p, r, v, w = self.hand((self.now_ns - self.hand_from_ns) / 1e9)
                command = dataclasses.replace(
                    command, hand_p_m=p, hand_r_rad=r, hand_v_m_s=v, hand_w_rad_s=w
                )
        self.permit = dataclasses.replace(
            self.permit, issued_ns=self.now_ns, valid_until_ns=self.now_ns + LIFE_NS,
            command=command, command_stamp_ns=stamp_ns,
        )  # fmt: skip
