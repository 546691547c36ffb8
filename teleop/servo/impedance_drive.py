"""Torques for arms with `servo_jf`: impedance across the axis, force or speed along it (pure).

Across the axis the probe is a mass-spring-damper about the set-point with stiffness `ACROSS_N_M`
and critical damping of the arm's own effective mass (D = 2 zeta sqrt(Lambda K): a fixed damping
made a hidden 500 Hz oscillation of the light last link). See `haptics/impedance.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from haptics.dynamics import ArmModel, dynamics
from haptics.filters import LowPass
from haptics.impedance import ToolSpace, tool_space, torques
from haptics.vec import (
    ZERO,
    Vec,
    add,
    apply_transposed,
    column,
    dot,
    off_axis,
    scale,
    sub,
)
from safety.states import ArmInterface, Clamp
from teleop.servo.drive import ZERO7, Goal, JointOrder
from teleop.servo.law import Situation

ACROSS_N_M = 3000.0
"""With the deviation of 5 mm that the set-point allows: at most 15 N sideways."""
ROTATION_RAD_S = 30.0
"""Natural frequency of the orientation; at 14 rad/s it drifted by 10 degrees."""
ZETA = 1.0
BALANCE_N = 3.0
BALANCE_NM = 0.3
"""Most of the measured wrench across the axis that is balanced: friction, and the slope of the
skin. A patient who pushes harder meets the impedance."""
FRICTION_SHARE = 0.9
"""Part of the joints' viscous friction that is compensated; the rest keeps them dissipative."""
SPEED_1_S = 40.0
"""Speed along the axis and hand guiding: velocity servo of this bandwidth."""
POSTURE_1_S2 = 9.0
POSTURE_1_S = 6.0
"""The posture in the null space: critically damped, 3 rad/s."""
LIMIT_ZONE_RAD = 0.10
LIMIT_NM_RAD = 200.0
LIMIT_NM_S_RAD = 10.0
"""Spring and damper before a joint limit."""
ACCELERATION_S = 0.01
"""Low-pass of the set-point's acceleration: commands come in steps of 5 to 20 ms."""
SINGULAR_KG = 60.0
"""Effective mass above which the arm hardly moves that way (4 to 8 kg over the patient)."""


@dataclass(slots=True)
class ImpedanceState:
    """What the drive remembers."""

    v_m_s: Vec = ZERO
    """Speed of the set-point in the last cycle."""
    ax: LowPass = field(default_factory=lambda: LowPass(ACCELERATION_S))
    ay: LowPass = field(default_factory=lambda: LowPass(ACCELERATION_S))
    az: LowPass = field(default_factory=lambda: LowPass(ACCELERATION_S))


class ImpedanceDrive:
    """`Drive` for torque arms."""

    interface = ArmInterface.TORQUE

    def __init__(self, model: ArmModel) -> None:
        self._model = model
        self.state: Any = ImpedanceState()
        self._space: ToolSpace | None = None

    def prepare(self, s: Situation) -> float:
        """Compute the arm's dynamics once per cycle."""
        self._space = tool_space(dynamics(self._model, s.arm.q_rad, s.arm.qd_rad_s))
        return self._space.mass_axis_kg

    def order(self, s: Situation, goal: Goal) -> JointOrder:
        """Operational-space torques."""
        space = self._now(s)
        rot = s.base_rot_probe
        linear, effort = self._linear(s, space, goal), self._effort(s, goal)
        turning = self._turning(s, goal)
        wanted = apply_transposed(rot, turning) + apply_transposed(rot, linear)
        tau = torques(space, wanted, effort, self._posture(s))
        limited, hit = self._limits(s)
        rub = FRICTION_SHARE * self._model.friction_nm_s_rad
        clamps = Clamp.JOINT_LIMIT if hit else Clamp.NONE
        if max(space.mass_axis_kg, space.mass_across_kg) > SINGULAR_KG:
            clamps |= Clamp.SINGULARITY
        total = tuple(
            [a + b + rub * qd for a, b, qd in zip(tau, limited, s.arm.qd_rad_s, strict=True)]
        )
        return JointOrder(ZERO7, total, clamps)

    def rest(self, s: Situation) -> JointOrder:
        """Lean on the contact, so that opening brakes change nothing."""
        self.state.v_m_s = ZERO
        for acceleration in (self.state.ax, self.state.ay, self.state.az):
            acceleration.reset(0.0)
        force_n = s.arm.force_n[2]
        leaning = max(0.0, force_n) if math.isfinite(force_n) else 0.0
        tau = torques(self._now(s), (0.0,) * 6, (0.0, 0.0, 0.0, 0.0, 0.0, leaning), ZERO7)
        return JointOrder(ZERO7, tau, Clamp.NONE)

    def _now(self, s: Situation) -> ToolSpace:
        if self._space is None:
            self.prepare(s)
        assert self._space is not None
        return self._space

    def _effort(self, s: Situation, goal: Goal) -> Vec:
        """Wrench (torque, force) that the probe exerts beside its motion, probe frame."""
        if goal.guided or not goal.touching:
            return (0.0, 0.0, 0.0, 0.0, 0.0, goal.effort_n or 0.0)
        x, y, z = s.arm.force_n
        along = 0.0 if goal.held else max(0.0, z)
        return (
            *(max(-BALANCE_NM, min(BALANCE_NM, m)) for m in s.arm.torque_nm),
            *(max(-BALANCE_N, min(BALANCE_N, f)) for f in (x, y)),
            along if goal.effort_n is None else goal.effort_n,
        )

    def _linear(self, s: Situation, space: ToolSpace, goal: Goal) -> Vec:
        """Linear acceleration (base frame)."""
        v = s.arm.base_v_probe_m_s
        if goal.guided:
            return scale(sub(goal.v_m_s, v), SPEED_1_S)
        d = goal.deviation
        rate = math.sqrt(ACROSS_N_M / space.mass_across_kg)
        pulled = add(scale(d.p_m, rate * rate), scale(sub(d.v_m_s, v), 2.0 * ZETA * rate))
        wanted = add(pulled, self._feed(d.v_m_s, s.dt_s))
        if goal.held:
            return wanted
        axis = column(s.base_rot_probe, 2)
        wanted = off_axis(wanted, axis)
        if goal.effort_n is not None:
            return wanted
        along = SPEED_1_S * (goal.along_m_s - dot(v, axis))
        return add(wanted, scale(axis, along))

    def _feed(self, v_m_s: Vec, dt_s: float) -> Vec:
        """Acceleration of the set-point, smoothed."""
        st = self.state
        before, st.v_m_s = st.v_m_s, v_m_s
        if dt_s <= 0.0:
            return ZERO
        change = scale(sub(v_m_s, before), 1.0 / dt_s)
        filters = (st.ax, st.ay, st.az)
        return tuple(f.update(c, dt_s) for f, c in zip(filters, change, strict=True))

    def _turning(self, s: Situation, goal: Goal) -> Vec:
        """Angular acceleration (base frame)."""
        w = s.arm.base_w_probe_rad_s
        if goal.guided:
            return scale(w, -SPEED_1_S)
        d = goal.deviation
        return add(
            scale(d.r_rad, ROTATION_RAD_S**2),
            scale(sub(d.w_rad_s, w), 2.0 * ZETA * ROTATION_RAD_S),
        )

    def _posture(self, s: Situation) -> Vec:
        rest = self._model.chain.rest_rad
        return tuple(
            [
                POSTURE_1_S2 * (r - q) - POSTURE_1_S * qd
                for r, q, qd in zip(rest, s.arm.q_rad, s.arm.qd_rad_s, strict=True)
            ]
        )

    def _limits(self, s: Situation) -> tuple[Vec, bool]:
        """Torques that keep joints away from their limits."""
        out: list[float] = []
        hit = False
        for joint, q, qd in zip(self._model.chain.joints, s.arm.q_rad, s.arm.qd_rad_s, strict=True):
            low, high = joint.lower_rad + LIMIT_ZONE_RAD, joint.upper_rad - LIMIT_ZONE_RAD
            inside = max(low, min(high, q))
            over = q - inside
            hit = hit or over != 0.0
            out.append(-LIMIT_NM_RAD * over - LIMIT_NM_S_RAD * qd if over else 0.0)
        return tuple(out), hit
