"""The law for every arm: hand to set-point, force along the axis, and a drive to joints (pure).

What the probe should do is decided here and in `NormalAxis`; how an interface does it, in a `Drive`
(docs/control.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from haptics.hand import Caps, Hand, within_workspace
from haptics.setpoint import SetPoint, angular_velocity, velocity
from haptics.vec import (
    ZERO,
    Vec,
    add,
    apply,
    capped,
    column,
    dot,
    norm,
    off_axis,
    scale,
    sub,
    toward,
)
from safety.limits import Limits
from safety.states import Clamp, ContactState, State
from teleop.servo import state as plain
from teleop.servo.drive import Drive, Goal, JointOrder
from teleop.servo.law import Motion, Situation
from teleop.servo.needle import turn_about_entry
from teleop.servo.normal_axis import AxisMotion, NormalAxis
from teleop.servo.permit_gate import Mode

GUIDE_M_S_N = 0.004
"""Hand guiding: speed per newton of push above the dead band."""
GUIDE_DEAD_N = 1.0
"""Twenty times the sensor noise: without a push the arm stands still."""
GUIDE_M_S2 = 1.0


@dataclass(slots=True)
class LawState:
    """Everything the law remembers."""

    axis: NormalAxis
    drive: Any
    """State of the drive, None for one without."""
    point: SetPoint = field(default_factory=SetPoint)
    engagement: int = -1
    guide_m_s: Vec = ZERO
    """Speed of hand guiding, base frame."""
    moving: bool = False


class CartesianLaw:
    """`MotionLaw` on top of a drive."""

    def __init__(self, drive: Drive, axis: NormalAxis, limits: Limits) -> None:
        self._drive = drive
        self._limits = limits
        self._s = LawState(axis, drive.state)

    def drive(self, situation: Situation) -> Motion:
        """Move as the mode allows."""
        s, st = situation, self._s
        position = s.arm.base_p_probe_m
        mass_kg = self._drive.prepare(s)
        if not st.moving:
            st.point.rest(position, s.base_rot_probe)
            st.moving = True
        hand = _hand(s)
        if s.mode is Mode.OPERATE and s.permit.engagement != st.engagement:
            st.engagement = s.permit.engagement
            st.point.engage(hand, position, s.base_rot_probe)
            st.axis.engaged(s.arm.force_n[2])
        if s.mode is Mode.LOCAL:
            return self._guide(s, hand)
        st.guide_m_s = ZERO
        axis = st.axis.update(s, mass_kg)
        clamps = axis.clamps | self._tangential(s, hand, axis)
        goal, bounded = self._goal(s, axis)
        clamps |= goal.deviation.clamps | bounded
        if s.mode is Mode.OPERATE:
            clamps |= self._permit_clamps(s)
        return self._report(s, hand, goal.v_m_s, self._drive.order(s, goal), clamps, axis.yielding)

    def rest(self, situation: Situation) -> Motion:
        """The brakes are asked for or closed: follow what is measured, ask for no motion."""
        s, st = situation, self._s
        st.moving = False
        st.guide_m_s = ZERO
        st.axis.rest(s)
        st.point.rest(s.arm.base_p_probe_m, s.base_rot_probe)
        self._drive.prepare(s)
        return self._report(s, _hand(s), ZERO, self._drive.rest(s), Clamp.NONE, False)

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON values."""
        values: dict[str, Any] = plain.dump(self._s)
        return values

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, bit for bit."""
        plain.load(self._s, state)

    def _goal(self, s: Situation, axis: AxisMotion) -> tuple[Goal, Clamp]:
        """What the drive should do with the probe, and whether the workspace bounds it."""
        position, rot = s.arm.base_p_probe_m, s.base_rot_probe
        lift = s.turn.base_z if s.turn is not None else None
        deviation = self._s.point.deviation(position, rot, axis_held=axis.held, lift=lift)
        v = add(velocity(deviation), scale(column(rot, 2), axis.v_m_s))
        free_v = v
        if s.mode is Mode.OPERATE:
            v = within_workspace(v, position, self._caps(s))
        goal = Goal(
            v_m_s=v,
            w_rad_s=angular_velocity(deviation),
            deviation=deviation,
            held=axis.held,
            along_m_s=dot(v, column(rot, 2)),
            effort_n=axis.effort_n if v == free_v else None,
            touching=axis.touching,
        )
        return goal, Clamp.NONE if v == free_v else Clamp.WORKSPACE

    def _caps(self, s: Situation) -> Caps:
        free = self._s.axis.contact.state is ContactState.FREE
        cap = s.permit.v_max_m_s if free else min(s.permit.v_max_m_s, s.permit.v_contact_m_s)
        return Caps(
            v_m_s=cap * s.permit.ramp,
            v_into_m_s=min(cap, s.permit.v_contact_m_s) * s.permit.ramp,
            w_rad_s=s.permit.w_max_rad_s * s.permit.ramp,
            tilt_max_rad=self._limits.tilt_max_rad,
            workspace_min_m=self._limits.workspace_min_m,
            workspace_max_m=self._limits.workspace_max_m,
        )

    def _tangential(self, s: Situation, hand: Hand, axis: AxisMotion) -> Clamp:
        """Let the hand move the set-point, or freeze it."""
        point = self._s.point
        if s.mode is not Mode.OPERATE:
            point.freeze(s.dt_s)
            return Clamp.NONE
        if s.turn is not None:
            point.follow_none(hand)
            turn_about_entry(point, s.turn, s.dt_s)
            return Clamp.NONE
        free = axis.held and self._s.axis.contact.state is ContactState.FREE
        caps = self._caps(s)
        clamps = point.follow(hand, caps, s.dt_s, axis_free=free)
        return clamps | point.turn(axis.align_rad_s, caps, s.dt_s)

    def _permit_clamps(self, s: Situation) -> Clamp:
        """Clamps that the permit itself imposes."""
        clamps = Clamp.NONE
        if s.permit.ramp < 1.0:
            clamps |= Clamp.RAMP
        if s.permit.state is State.DEGRADED:
            clamps |= Clamp.DEGRADED_SPEED
        return clamps

    def _guide(self, s: Situation, hand: Hand) -> Motion:
        """Hand guiding: the arm gives way to what pushes the probe, and stands without a push."""
        st = self._s
        push = scale(apply(s.base_rot_probe, s.arm.force_n), -1.0)
        strength = norm(push)
        wanted = ZERO
        if strength > GUIDE_DEAD_N:
            wanted = scale(push, GUIDE_M_S_N * (strength - GUIDE_DEAD_N) / strength)
        cap = min(self._limits.local_v_m_s, s.permit.v_max_m_s)
        st.guide_m_s = toward(st.guide_m_s, capped(wanted, cap), GUIDE_M_S2 * s.dt_s)
        st.axis.rest(s)
        st.point.rest(s.arm.base_p_probe_m, s.base_rot_probe)
        deviation = st.point.deviation(s.arm.base_p_probe_m, s.base_rot_probe, axis_held=True)
        goal = Goal(st.guide_m_s, ZERO, deviation, True, 0.0, None, False, guided=True)
        return self._report(s, hand, goal.v_m_s, self._drive.order(s, goal), Clamp.NONE, False)

    def _report(
        self,
        s: Situation,
        hand: Hand,
        v: Vec,
        order: JointOrder,
        clamps: Clamp,
        yielding: bool,
    ) -> Motion:
        st = self._s
        lead_p, lead_r = st.point.lead(hand) if st.engagement >= 0 else (ZERO, ZERO)
        axis = column(s.base_rot_probe, 2)
        behind = off_axis(
            sub(st.point.base_p_target_m, s.arm.base_p_probe_m),
            axis,
        )
        return Motion(
            qd_rad_s=order.qd_rad_s,
            v_target_m_s=v,
            contact=st.axis.contact.state,
            force_filtered_n=st.axis.shown_n.value,
            force_ref_n=st.axis.force.reference_n if st.moving else 0.0,
            base_p_target_m=st.point.base_p_target_m,
            offset_m=norm((lead_p[0], lead_p[1], 0.0)) + norm(behind),
            offset_rad=norm(lead_r),
            stiffness_n_m=st.axis.force.stiffness.k_hat_n_m,
            clamps=clamps | order.clamps,
            yielding=yielding,
            tau_nm=order.tau_nm,
            interface=self._drive.interface,
        )


def _hand(s: Situation) -> Hand:
    command = s.permit.command
    return Hand(
        p_m=command.hand_p_m,
        r_rad=command.hand_r_rad,
        v_m_s=command.hand_v_m_s,
        w_rad_s=command.hand_w_rad_s,
        age_s=(s.now_ns - s.permit.command_stamp_ns) / 1e9,
        clutch=command.clutch,
    )
