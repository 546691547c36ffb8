"""What a motion law is. Today: velocities for an arm with `servo_jv` (docs/adr/0002).

A torque law (operational-space impedance) joins here: same situation in, its own set-point out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from haptics.vec import Mat, Vec
from safety.messages import ArmState, Permit
from safety.states import ArmInterface, Clamp, ContactState
from teleop.servo.permit_gate import Mode


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn of the needle guide about the entry point."""

    rad_s: float
    entry_m: float
    """Where on the guide that point is, from home."""
    base_z: Vec
    """Direction in which the skin moves: the probe's axis when the needle left home."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a law may look at in one cycle."""

    now_ns: int
    dt_s: float
    mode: Mode
    arm: ArmState
    base_rot_probe: Mat
    permit: Permit
    """In YIELD: the last accepted one; only what already happened may be taken from it."""
    turn: Turn | None = None
    """Needle work: the hand does not move the probe. None: probe work."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What a law asks of the arm, and how it got there."""

    qd_rad_s: Vec
    v_target_m_s: Vec
    """Velocity of the probe that was asked for, base frame."""
    contact: ContactState
    force_filtered_n: float
    force_ref_n: float
    base_p_target_m: Vec
    offset_m: float
    offset_rad: float
    stiffness_n_m: float
    clamps: Clamp
    yielding: bool
    tau_nm: Vec
    """Joint torques without gravity, for the torque interface; else zeros."""
    interface: ArmInterface


class MotionLaw(Protocol):
    """Turns a situation into motion. State is plain data, so that a snapshot can hold it."""

    def drive(self, situation: Situation) -> Motion:
        """Move as the mode allows."""

    def rest(self, situation: Situation) -> Motion:
        """The brakes are asked for or closed: follow what is measured, ask for no motion."""

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, bit for bit."""
