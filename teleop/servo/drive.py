"""From motion of the probe to what the arm's interface takes: velocities or torques (pure).

`CartesianLaw` decides where the probe goes and how hard it presses; a `Drive` turns that into joint
commands. One drive per `ArmInterface`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from haptics.diff_ik import solve_rates
from haptics.kinematics import Chain, solve
from haptics.setpoint import Deviation
from haptics.vec import Vec
from safety.states import ArmInterface, Clamp
from teleop.servo.law import Situation

ZERO7: Vec = (0.0,) * 7


@dataclass(frozen=True, slots=True)
class Goal:
    """What the probe should do in this cycle; base frame unless said otherwise."""

    v_m_s: Vec
    """Velocity that a velocity arm should have, all parts included."""
    w_rad_s: Vec
    deviation: Deviation
    """Where the set-point is; without its axial part unless `held`."""
    held: bool
    """The set-point owns the position along the probe axis."""
    along_m_s: float
    """Else: speed along the axis, into the patient ..."""
    effort_n: float | None
    """... or the force along it."""
    touching: bool
    """The probe is in contact: the measured wrench is to be balanced."""
    guided: bool = False
    """Only `v_m_s` counts: a hand moves the arm."""


@dataclass(frozen=True, slots=True)
class JointOrder:
    """What the arm is told."""

    qd_rad_s: Vec
    tau_nm: Vec
    clamps: Clamp


class Drive(Protocol):
    """Joint commands for one interface."""

    state: Any
    """What it remembers, as a dataclass; None: nothing."""

    @property
    def interface(self) -> ArmInterface:
        """What the commands mean."""

    def prepare(self, s: Situation) -> float:
        """Look at the arm; return its effective mass along the axis (0: it takes velocities)."""

    def order(self, s: Situation, goal: Goal) -> JointOrder:
        """Move."""

    def rest(self, s: Situation) -> JointOrder:
        """What opens the brakes without a jump."""


class VelocityDrive:
    """For arms with `servo_jv` (docs/adr/0002-velocity-interface.md)."""

    interface = ArmInterface.VELOCITY
    state: Any = None

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def prepare(self, s: Situation) -> float:
        """Nothing to know about inertia."""
        return 0.0

    def order(self, s: Situation, goal: Goal) -> JointOrder:
        """Differential inverse kinematics."""
        pose = solve(self._chain, s.arm.q_rad)
        rates = solve_rates(self._chain, pose, s.arm.q_rad, goal.v_m_s, goal.w_rad_s)
        clamps = Clamp.JOINT_LIMIT if rates.limited else Clamp.NONE
        if rates.singular:
            clamps |= Clamp.SINGULARITY
        return JointOrder(rates.qd_rad_s, ZERO7, clamps)

    def rest(self, s: Situation) -> JointOrder:
        """Standstill."""
        return JointOrder(ZERO7, ZERO7, Clamp.NONE)
