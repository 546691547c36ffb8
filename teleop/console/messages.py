"""Messages between the console's network process and its haptic loop (mailboxes, latest value).

SI units; view frame as `haptics/bilateral/handle.py`; stamps are CLOCK_MONOTONIC of this machine
unless they are the robot's.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.bilateral.choice import Coupling
from haptics.bilateral.mapping import Block
from safety.layout import Layout, Vec3


@dataclass(frozen=True, slots=True)
class RobotSide:
    """Network process to haptic loop: what is known of the robot."""

    stamp_ns: int
    """When this was written."""
    heard_ns: int
    """When the newest force frame came; 0: none yet."""
    force_stamp_ns: int
    """When its force was sampled (robot's clock)."""
    contact: bool
    force_valid: bool
    touch: int
    force_n: float
    force_ref_n: float
    inward: Vec3
    stiffness_n_m: float
    damping_n_s_m: float
    coupling: Coupling
    leg_ms: float
    """Haptic leg as the robot measures it; -1: none."""
    leg_limit_ms: float
    moving: bool
    block: Block
    probe_p_m: Vec3
    probe_r_rad: Vec3
    lag_max_s: float
    """What the latency budget leaves for the tremor filter."""


@dataclass(frozen=True, slots=True)
class HandSide:
    """Haptic loop to network process: the hand as a command carries it."""

    stamp_ns: int
    """When the grip was read."""
    p_m: Vec3
    r_rad: Vec3
    v_m_s: Vec3
    w_rad_s: Vec3
    force_ref_n: float
    deadman: bool
    deadman_edges: int
    reason: Block
    clutch: bool
    touch_echo: int
    lag_s: float
    """Lag of the tremor filter that counts in the age of the command."""
    felt_n: float
    rendering: bool
    reflecting: bool
    port_j: float
    rendered_stamp_ns: int
    """Robot's stamp of the newest force frame that was rendered; 0: none."""
    rendered_ns: int
    """When it was first rendered."""
    cycle: int
    overruns: int
    late_us: float


@dataclass(frozen=True, slots=True)
class SimPerson:
    """What the simulated person at the handle `sim` means to do."""

    deadman: bool
    felt_n: float
    """Force to be felt; 0: away from the patient."""
    approach_m_s: float


ROBOT_SIDE = Layout(RobotSide)
HAND_SIDE = Layout(HandSide)
SIM_PERSON = Layout(SimPerson)
ROBOT_FILE, HAND_FILE, PERSON_FILE = "console.robot", "console.hand", "console.person"
