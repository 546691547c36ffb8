"""Velocity law: hand to set-point, admittance along the axis, differential IK to joint rates.

For arms that offer CRTK `servo_jv` (docs/adr/0002-velocity-interface.md). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from haptics.diff_ik import ZERO_RATES, solve_rates
from haptics.hand import Caps, Hand, within_workspace
from haptics.kinematics import Chain, solve
from haptics.setpoint import SetPoint
from haptics.vec import ZERO, Vec, add, apply, capped, column, norm, off_axis, scale, toward
from safety.limits import Limits
from safety.states import Clamp, ContactState, State
from teleop.servo import state as plain
from teleop.servo.law import Motion, Situation
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
    point: SetPoint = field(default_factory=SetPoint)
    engagement: int = -1
    guide_m_s: Vec = ZERO
    """Speed of hand guiding, base frame."""
    moving: bool = False


class VelocityLaw:
    """`MotionLaw` for velocity arms."""

    def __init__(self, chain: Chain, limits: Limits) -> None:
        self._chain = chain
        self._limits = limits
        self._s = LawState(NormalAxis(limits))

    def drive(self, situation: Situation) -> Motion:
        """Move as the mode allows."""
        s, st = situation, self._s
        position = s.arm.base_p_probe_m
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
        axis = st.axis.update(s)
        clamps = axis.clamps | self._tangential(s, hand, axis)
        wanted = st.point.wanted(position, s.base_rot_probe, axis_held=axis.held)
        along = scale(column(s.base_rot_probe, 2), axis.v_m_s)
        v = add(wanted.v_m_s, along)
        if s.mode is Mode.OPERATE:
            clamps |= self._permit_clamps(s)
            free_v, v = v, within_workspace(v, position, self._caps(s))
            clamps |= Clamp.NONE if v == free_v else Clamp.WORKSPACE
        return self._motion(s, hand, v, wanted.w_rad_s, clamps | wanted.clamps, axis.yielding)

    def rest(self, situation: Situation) -> Motion:
        """The brakes are asked for or closed: follow what is measured, ask for no motion."""
        s, st = situation, self._s
        st.moving = False
        st.guide_m_s = ZERO
        st.axis.rest(s)
        st.point.rest(s.arm.base_p_probe_m, s.base_rot_probe)
        return self._report(s, _hand(s), ZERO_RATES, ZERO, Clamp.NONE, False)

    def snapshot(self) -> dict[str, Any]:
        """The state as JSON values."""
        values: dict[str, Any] = plain.dump(self._s)
        return values

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, bit for bit."""
        plain.load(self._s, state)

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
        free = axis.held and self._s.axis.contact.state is ContactState.FREE
        return point.follow(hand, self._caps(s), s.dt_s, axis_free=free)

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
        return self._motion(s, hand, st.guide_m_s, ZERO, Clamp.NONE, False)

    def _motion(
        self, s: Situation, hand: Hand, v: Vec, w: Vec, clamps: Clamp, yielding: bool
    ) -> Motion:
        pose = solve(self._chain, s.arm.q_rad)
        rates = solve_rates(self._chain, pose, s.arm.q_rad, v, w)
        if rates.limited:
            clamps |= Clamp.JOINT_LIMIT
        if rates.singular:
            clamps |= Clamp.SINGULARITY
        return self._report(s, hand, rates.qd_rad_s, v, clamps, yielding)

    def _report(
        self, s: Situation, hand: Hand, qd: Vec, v: Vec, clamps: Clamp, yielding: bool
    ) -> Motion:
        st = self._s
        lead_p, lead_r = st.point.lead(hand) if st.engagement >= 0 else (ZERO, ZERO)
        axis = column(s.base_rot_probe, 2)
        behind = off_axis(
            tuple(
                a - b for a, b in zip(st.point.base_p_target_m, s.arm.base_p_probe_m, strict=True)
            ),
            axis,
        )
        return Motion(
            qd_rad_s=qd,
            v_target_m_s=v,
            contact=st.axis.contact.state,
            force_filtered_n=st.axis.shown_n.value,
            force_ref_n=st.axis.force.reference_n if st.moving else 0.0,
            base_p_target_m=st.point.base_p_target_m,
            offset_m=norm((lead_p[0], lead_p[1], 0.0)) + norm(behind),
            offset_rad=norm(lead_r),
            stiffness_n_m=st.axis.force.stiffness.k_hat_n_m,
            clamps=clamps,
            yielding=yielding,
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
