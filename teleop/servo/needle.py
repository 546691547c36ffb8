"""The needle in servo: axis speed by the needle law, breathing gate, turn about the entry point.

In needle mode the hand does not move the probe: its speed along the guide is the command's needle
speed, and turning the hand about the probe's y axis pivots the guide in the picture's plane. The
guide slides along the shaft meanwhile (haptics/needle/pivot.py); the axis takes that back, so that
a turn leaves the tip as deep as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.filters import slew
from haptics.iiwa import PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from haptics.needle.aim import PIVOT_MAX_RAD
from haptics.needle.axis_law import NeedleCaps, NeedleLaw, NeedleSample
from haptics.needle.breathing import BreathingGate
from haptics.needle.pivot import Guide, entry_at, keep_height, slid_m
from haptics.setpoint import SetPoint
from haptics.vec import (
    ZERO,
    Vec,
    add,
    column,
    cross,
    dot,
    exp,
    multiply,
    norm,
    off_axis,
    orthonormal,
    scale,
    sub,
)
from haptics.vec import apply_transposed as transposed
from safety.limits import Limits
from safety.needle import OVER_GOAL_M
from safety.states import Clamp
from teleop.servo.law import Situation, Turn
from teleop.servo.permit_gate import Mode

NEEDLE_MODE = 1
"""`Command.mode` of needle work."""
GUIDE = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS)
HOME_M = 0.0005
PLACE_M, PLACE_RAD = 0.003, 0.05
"""A probe that moves farther than this is at another place: breathing is learnt anew."""
PRESSED_N, LANDED_S = 0.5, 1.5
"""Off the skin, and until landing is over, the probe's height says nothing about breathing."""
TURN_ACCELERATION_RAD_S2 = 0.5
AXIS_OVER_M = 0.8 * OVER_GOAL_M
"""The axis may be beyond the plan by so much where the guide slid back: the tip is not."""


@dataclass(slots=True)
class NeedleState:
    """Everything the needle remembers."""

    law: NeedleLaw = field(default_factory=NeedleLaw)
    gate: BreathingGate = field(default_factory=BreathingGate)
    open: float = 0.0
    placed: bool = False
    base_p_ref_m: Vec = ZERO
    base_z_ref: Vec = (0.0, 0.0, 1.0)
    base_x_home: Vec = (1.0, 0.0, 0.0)
    base_z_home: Vec = (0.0, 0.0, 1.0)
    """How the probe was turned when the needle left home."""
    pressed_s: float = 0.0
    """Time in contact: landing is no breathing."""
    pivot_rad: float = 0.0
    """Measured turn in the picture's plane since the needle left home."""
    turn_rad_s: float = 0.0
    slid_m: float = 0.0
    """How far the turn slid the guide along the shaft, into the patient."""
    v_m_s: float = 0.0


def follow(n: NeedleState, s: Situation) -> None:
    """Each cycle with a known pose: place, breathing, measured turn."""
    z = column(s.base_rot_probe, 2)
    home = not s.arm.needle_depth_m > HOME_M
    if home or not n.placed:  # a servo that starts with the needle out knows no better
        n.base_x_home, n.base_z_home = column(s.base_rot_probe, 0), z
    n.pivot_rad = math.asin(max(-1.0, min(1.0, dot(z, n.base_x_home))))
    n.slid_m = slid_m(GUIDE, PROBE_ENTRY_M, n.pivot_rad)
    entry_m = PROBE_ENTRY_M - n.slid_m
    entry = entry_at(GUIDE, s.arm.base_p_probe_m, s.base_rot_probe, entry_m)
    moved = norm(off_axis(sub(entry, n.base_p_ref_m), n.base_z_ref))
    turned = math.acos(max(-1.0, min(1.0, dot(z, n.base_z_ref))))
    if not n.placed or (home and (moved > PLACE_M or turned > PLACE_RAD)):
        n.placed = True
        n.base_p_ref_m, n.base_z_ref = entry, z
        n.gate.restart()
    n.pressed_s = n.pressed_s + s.dt_s if s.arm.force_n[2] > PRESSED_N else 0.0
    if n.pressed_s < LANDED_S:
        n.gate.restart()
    # Pivoting leaves the entry point where it is, so only breathing moves it along the axis.
    height_m = dot(sub(n.base_p_ref_m, entry), n.base_z_ref)
    n.open = n.gate.update(height_m, s.dt_s)


def drive(n: NeedleState, s: Situation, limits: Limits) -> Clamp:
    """Decide the speed of the axis (`v_m_s`) and of the turn (`turn_rad_s`)."""
    operated = s.mode is Mode.OPERATE and s.permit.command.mode == NEEDLE_MODE
    if not operated:
        rest(n, s)
        return Clamp.NONE
    known = math.isfinite(s.arm.needle_force_n) and math.isfinite(s.arm.needle_depth_m)
    advance = s.permit.needle_advance and known
    caps = NeedleCaps(
        v_m_s=limits.needle_v_m_s,
        force_n=limits.needle_force_n,
        goal_m=tip_goal_m(s.permit.needle_goal_m, n.slid_m),
        advance=advance,
        gate=n.open,
    )
    force_n = s.arm.needle_force_n if known else 0.0
    depth_m = s.arm.needle_depth_m + n.slid_m if known else 0.0
    wanted = s.permit.command.needle_v_m_s
    motion = n.law.update(NeedleSample(s.now_ns, s.dt_s, wanted, depth_m, force_n), caps)
    _turn(n, s)
    v_m_s = motion.v_m_s + _taken_back_m_s(n, s)
    n.v_m_s = max(-limits.needle_v_m_s, min(limits.needle_v_m_s if advance else 0.0, v_m_s))
    return motion.clamps


def tip_goal_m(goal_m: float, slid: float) -> float:
    """Depth up to which the tip may go: the plan's, and the axis stays within what guard allows."""
    return goal_m + min(0.0, slid + AXIS_OVER_M)


def _taken_back_m_s(n: NeedleState, s: Situation) -> float:
    """Speed of the axis that keeps the tip where it is while the guide slides."""
    if n.turn_rad_s == 0.0 or s.dt_s <= 0.0 or not s.arm.needle_depth_m > HOME_M:
        return 0.0
    then_m = slid_m(GUIDE, PROBE_ENTRY_M, n.pivot_rad + n.turn_rad_s * s.dt_s)
    return (n.slid_m - then_m) / s.dt_s


def rest(n: NeedleState, s: Situation) -> None:
    """Not operated: the axis stands, the force stays current."""
    n.law.rest(s.arm.needle_force_n, s.dt_s)
    n.v_m_s = n.turn_rad_s = 0.0


def _turn(n: NeedleState, s: Situation) -> None:
    """Speed of the pivot that is asked for, within permit and angle."""
    cap = s.permit.needle_pivot_rad_s
    wanted = max(-cap, min(cap, s.permit.command.hand_w_rad_s[1]))
    if abs(n.pivot_rad) >= PIVOT_MAX_RAD and wanted * n.pivot_rad > 0.0:
        wanted = 0.0
    step = TURN_ACCELERATION_RAD_S2 * s.dt_s
    slower = abs(wanted) < abs(n.turn_rad_s) or wanted * n.turn_rad_s < 0.0
    n.turn_rad_s = slew(n.turn_rad_s, wanted, 4.0 * step if slower else step)


def turn(n: NeedleState, s: Situation) -> Turn | None:
    """What the needle's work makes of the set-point; None: the hand moves the probe."""
    inside = s.arm.needle_depth_m > HOME_M
    working = s.mode is Mode.OPERATE and s.permit.command.mode == NEEDLE_MODE
    if not inside and not working:
        return None
    return Turn(n.turn_rad_s, PROBE_ENTRY_M - n.slid_m, n.base_z_home)


def turn_about_entry(point: SetPoint, turn: Turn, dt_s: float) -> None:
    """Turn the set-point about the entry point at its height; without a turn it comes to rest."""
    turn_rad_s = turn.rad_s
    if turn_rad_s == 0.0:
        point.freeze(dt_s)
        return
    rot, p = point.base_rot_target, point.base_p_target_m
    w = scale(column(rot, 1), turn_rad_s)
    v = cross(w, sub(p, entry_at(GUIDE, p, rot, turn.entry_m)))
    v = keep_height(GUIDE, rot, v)
    point.base_p_target_m = add(p, scale(v, dt_s))
    turned = multiply(rot, exp((0.0, turn_rad_s * dt_s, 0.0)))
    point.base_rot_target = orthonormal(turned)
    point.v_m_s = transposed(rot, v)
    point.w_rad_s = (0.0, turn_rad_s, 0.0)
