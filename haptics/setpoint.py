"""From the expert's hand to the probe's set-point: anchor, slip, caps, tilt, workspace.

The hand is known as a position and a tilt that the console accumulates in the probe's view frame.
Only differences from an anchor taken at engagement count, so that nothing jumps. Hand motion beyond
the speed caps slips the anchor: the robot never moves on for long after the hand stopped. SI units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.hand import Caps, Hand, within_workspace
from haptics.vec import (
    EYE,
    ZERO,
    Mat,
    Vec,
    add,
    apply,
    capped,
    column,
    dot,
    exp,
    log,
    multiply,
    norm,
    off_axis,
    orthonormal,
    scale,
    sub,
    toward,
    transpose,
)
from safety.states import Clamp

SLIP_M = 0.0015
"""Largest lead of the hand: at 30 mm/s the robot comes to rest within 50 ms of the hand, and the
offset stays below the 2 mm that a short HOLD may resume with."""
SLIP_RAD = 0.035
FOLLOW_1_S = 25.0
"""Gain from the lead to speed; the hand's own velocity is fed forward, so the lead stays small."""
HOLD_1_S = 10.0
"""Gain from the probe's deviation from its set-point to speed (arm lag 5 ms: far from unstable)."""
DEVIATION_M = 0.005
DEVIATION_RAD = 0.09
"""Beyond this the set-point follows the arm instead of pulling it."""
ACCELERATION_M_S2 = 1.0
"""Three times the mean of fast sonographers (reference 1.1)."""
STOP_M_S2 = 4.0
"""Freezing: 30 mm/s in 0.1 mm."""
ACCELERATION_RAD_S2 = 6.0
STOP_RAD_S2 = 24.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Velocity of the probe (base frame) that the set-point asks for."""

    v_m_s: Vec
    w_rad_s: Vec
    clamps: Clamp


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where the set-point is, seen from the probe, and how it moves (base frame)."""

    p_m: Vec
    r_rad: Vec
    v_m_s: Vec
    w_rad_s: Vec
    clamps: Clamp


@dataclass(slots=True)
class SetPoint:
    """Target pose of the probe and its relation to the hand."""

    anchor_p_m: Vec = ZERO
    anchor_r_rad: Vec = ZERO
    done_p_m: Vec = ZERO
    """Hand motion already turned into set-point motion, since the anchor."""
    done_r_rad: Vec = ZERO
    v_m_s: Vec = ZERO
    """Speed of the set-point, probe frame."""
    w_rad_s: Vec = ZERO
    base_p_target_m: Vec = ZERO
    base_rot_target: Mat = EYE

    def engage(self, hand: Hand, base_p_m: Vec, base_rot: Mat) -> None:
        """Tie hand and robot together as they are now."""
        self.anchor_p_m, self.anchor_r_rad = hand.now()
        self.done_p_m = self.done_r_rad = ZERO
        self.settle(base_p_m, base_rot)

    def settle(self, base_p_m: Vec, base_rot: Mat) -> None:
        """The target is where the probe is."""
        self.base_p_target_m, self.base_rot_target = base_p_m, base_rot

    def rest(self, base_p_m: Vec, base_rot: Mat) -> None:
        """As `settle`, at standstill."""
        self.settle(base_p_m, base_rot)
        self.v_m_s = self.w_rad_s = ZERO

    def lead(self, hand: Hand) -> tuple[Vec, Vec]:
        """How far the hand is ahead of the set-point (probe frame)."""
        p, r = hand.now()
        return (
            sub(sub(p, self.anchor_p_m), self.done_p_m),
            sub(sub(r, self.anchor_r_rad), self.done_r_rad),
        )

    def follow(self, hand: Hand, caps: Caps, dt_s: float, *, axis_free: bool) -> Clamp:
        """Advance the set-point with the hand. `axis_free`: the hand also moves the probe axis."""
        clamps = Clamp.NONE
        lead_p, lead_r = self.lead(hand)
        if hand.clutch:
            self.anchor_p_m = add(self.anchor_p_m, lead_p)
            self.anchor_r_rad = add(self.anchor_r_rad, lead_r)
            self.freeze(dt_s)
            return clamps
        if not axis_free:
            self.anchor_p_m = add(self.anchor_p_m, (0.0, 0.0, lead_p[2]))
            lead_p = (lead_p[0], lead_p[1], 0.0)
        lead_p, slipped_p = _slip(lead_p, SLIP_M, self.v_m_s)
        lead_r, slipped_r = _slip(lead_r, SLIP_RAD, self.w_rad_s)
        self.anchor_p_m = add(self.anchor_p_m, slipped_p)
        self.anchor_r_rad = add(self.anchor_r_rad, slipped_r)
        if slipped_p != ZERO or slipped_r != ZERO:
            clamps |= Clamp.HAND_SLIP
        feed_v = hand.v_m_s if axis_free else (hand.v_m_s[0], hand.v_m_s[1], 0.0)
        wanted_v = add(feed_v, scale(lead_p, FOLLOW_1_S))
        wanted_w = add(hand.w_rad_s, scale(lead_r, FOLLOW_1_S))
        if norm(wanted_v) > caps.v_m_s or wanted_v[2] > caps.v_into_m_s:
            clamps |= Clamp.SPEED
            wanted_v = (wanted_v[0], wanted_v[1], min(wanted_v[2], caps.v_into_m_s))
        if norm(wanted_w) > caps.w_rad_s:
            clamps |= Clamp.ROTATION_SPEED
        self.v_m_s = _speed(self.v_m_s, capped(wanted_v, caps.v_m_s), ACCELERATION_M_S2 * dt_s)
        wanted_w = capped(wanted_w, caps.w_rad_s)
        self.w_rad_s = _speed(self.w_rad_s, wanted_w, ACCELERATION_RAD_S2 * dt_s)
        return clamps | self._tilt(caps, dt_s) | self._advance(caps, dt_s)

    def follow_none(self, hand: Hand) -> None:
        """The hand moves without the robot: nothing of it is left to follow later."""
        lead_p, lead_r = self.lead(hand)
        self.anchor_p_m = add(self.anchor_p_m, lead_p)
        self.anchor_r_rad = add(self.anchor_r_rad, lead_r)

    def freeze(self, dt_s: float) -> None:
        """Bring the set-point to rest and keep it there."""
        self.v_m_s = toward(self.v_m_s, ZERO, STOP_M_S2 * dt_s)
        self.w_rad_s = toward(self.w_rad_s, ZERO, STOP_RAD_S2 * dt_s)
        moved = apply(self.base_rot_target, scale(self.v_m_s, dt_s))
        self.base_p_target_m = add(self.base_p_target_m, moved)
        turned = multiply(self.base_rot_target, exp(scale(self.w_rad_s, dt_s)))
        self.base_rot_target = orthonormal(turned)
        self.done_p_m = add(self.done_p_m, scale(self.v_m_s, dt_s))
        self.done_r_rad = add(self.done_r_rad, scale(self.w_rad_s, dt_s))

    def wanted(self, base_p_m: Vec, base_rot: Mat, *, axis_held: bool) -> Wanted:
        """Velocity that keeps the probe at the set-point (see `deviation`)."""
        d = self.deviation(base_p_m, base_rot, axis_held=axis_held)
        return Wanted(velocity(d), angular_velocity(d), d.clamps)

    def turn(self, w_rad_s: Vec, caps: Caps, dt_s: float) -> Clamp:
        """Turn the target beside the hand (alignment), within the tilt limit; probe frame."""
        kept = self.w_rad_s, self.done_r_rad
        self.w_rad_s = w_rad_s
        clamps = self._tilt(caps, dt_s)
        self.w_rad_s, self.done_r_rad = kept
        return clamps

    def deviation(
        self, base_p_m: Vec, base_rot: Mat, *, axis_held: bool, lift: Vec | None = None
    ) -> Deviation:
        """How far the probe is from the set-point; the set-point gives way when it is too far.

        `axis_held` False: position along the probe axis belongs to the force controller. `lift`:
        direction in which the set-point goes along with it (None: the probe axis).
        """
        clamps = Clamp.NONE
        axis = column(base_rot, 2)
        error = sub(self.base_p_target_m, base_p_m)
        feed = apply(self.base_rot_target, self.v_m_s)
        if not axis_held:
            lift = lift or axis
            gone = scale(lift, dot(error, axis) / dot(lift, axis))
            self.base_p_target_m = sub(self.base_p_target_m, gone)
            error = sub(error, gone)
            error, feed = off_axis(error, axis), off_axis(feed, axis)
        if norm(error) > DEVIATION_M:
            short = capped(error, DEVIATION_M)
            self.base_p_target_m = sub(self.base_p_target_m, sub(error, short))
            error, clamps = short, clamps | Clamp.HAND_SLIP
        turn = apply(base_rot, log(multiply(transpose(base_rot), self.base_rot_target)))
        if norm(turn) > DEVIATION_RAD:
            turn = capped(turn, DEVIATION_RAD)
            self.base_rot_target = multiply(exp(turn), base_rot)
        return Deviation(error, turn, feed, apply(self.base_rot_target, self.w_rad_s), clamps)

    def _tilt(self, caps: Caps, dt_s: float) -> Clamp:
        """Turn the target, but never farther from straight down than the tilt limit."""
        before = -self.base_rot_target[2][2]
        turned = orthonormal(multiply(self.base_rot_target, exp(scale(self.w_rad_s, dt_s))))
        after = -turned[2][2]
        clamps = Clamp.NONE
        if after < math.cos(caps.tilt_max_rad) and after < before:
            clamps = Clamp.TILT
            self.w_rad_s = (0.0, 0.0, self.w_rad_s[2])
            turned = orthonormal(multiply(self.base_rot_target, exp(scale(self.w_rad_s, dt_s))))
        self.base_rot_target = turned
        self.done_r_rad = add(self.done_r_rad, scale(self.w_rad_s, dt_s))
        return clamps

    def _advance(self, caps: Caps, dt_s: float) -> Clamp:
        """Move the target, slowing down before the walls of the workspace."""
        v = apply(self.base_rot_target, self.v_m_s)
        kept = within_workspace(v, self.base_p_target_m, caps)
        self.base_p_target_m = add(self.base_p_target_m, scale(kept, dt_s))
        if kept == v:
            self.done_p_m = add(self.done_p_m, scale(self.v_m_s, dt_s))
            return Clamp.NONE
        self.v_m_s = apply(transpose(self.base_rot_target), kept)
        self.done_p_m = add(self.done_p_m, scale(self.v_m_s, dt_s))
        return Clamp.WORKSPACE


def velocity(d: Deviation) -> Vec:
    """Velocity of a velocity arm that takes the deviation back."""
    return add(d.v_m_s, scale(d.p_m, HOLD_1_S))


def angular_velocity(d: Deviation) -> Vec:
    """The same for the rotation."""
    return add(d.w_rad_s, scale(d.r_rad, HOLD_1_S))


def _slip(lead: Vec, limit: float, speed: Vec) -> tuple[Vec, Vec]:
    """Split a lead into what is kept and what is given up.

    A hand that is behind (its velocity ran ahead of its position) pulls back in full: giving that
    up would let a wrong velocity move the robot for ever.
    """
    kept = lead if dot(lead, speed) < 0.0 else capped(lead, limit)
    return kept, ZERO if kept is lead else sub(lead, kept)


def _speed(current: Vec, wanted: Vec, step: float) -> Vec:
    """Approach the wanted velocity; slowing down may be four times as fast."""
    return toward(current, wanted, step if norm(wanted) >= norm(current) else 4.0 * step)
