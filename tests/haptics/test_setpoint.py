from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from haptics.hand import Caps, Hand
from haptics.setpoint import SLIP_M, SetPoint
from haptics.vec import ZERO, Mat, Vec, add, column, exp, multiply, norm, scale, sub
from safety.states import Clamp

DT_S = 0.002
DOWN: Mat = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
START: Vec = (0.58, 0.0, 0.2)
CAPS = Caps(
    v_m_s=0.1,
    v_into_m_s=0.03,
    w_rad_s=0.6,
    tilt_max_rad=0.61,
    workspace_min_m=(0.3, -0.35, -0.05),
    workspace_max_m=(0.85, 0.35, 0.6),
)
STILL = Hand(ZERO, ZERO, ZERO, ZERO, 0.0, False)


class Probe:
    """A set-point and a probe that follows it perfectly."""

    def __init__(self, hand: Hand = STILL, caps: Caps = CAPS) -> None:
        self.caps = caps
        self.point = SetPoint()
        self.p, self.rot = START, DOWN
        self.point.engage(hand, self.p, self.rot)
        self.speeds: list[Vec] = []
        self.clamps = Clamp.NONE

    def step(self, hand: Hand, *, axis_free: bool = True, frozen: bool = False) -> None:
        if frozen:
            self.point.freeze(DT_S)
        else:
            self.clamps |= self.point.follow(hand, self.caps, DT_S, axis_free=axis_free)
        wanted = self.point.wanted(self.p, self.rot, axis_held=axis_free)
        self.speeds.append(wanted.v_m_s)
        self.p = add(self.p, scale(wanted.v_m_s, DT_S))
        self.rot = multiply(exp(scale(wanted.w_rad_s, DT_S)), self.rot)

    def run(self, path: Callable[[float], Vec], seconds: float, *, axis_free: bool = True) -> None:
        """Follow a hand path that arrives as 200 Hz commands with velocity."""
        hand = STILL
        for i in range(round(seconds / DT_S)):
            t = i * DT_S
            sampled = math.floor(t / 0.005 + 1e-9) * 0.005
            p = path(sampled)
            v = scale(sub(path(sampled + 1e-4), p), 1e4)
            hand = Hand(p, ZERO, v, ZERO, t - sampled, False)
            self.step(hand, axis_free=axis_free)


def test_engagement_does_not_move_the_probe() -> None:
    far = dataclasses.replace(STILL, p_m=(5.0, -3.0, 2.0), r_rad=(1.0, 2.0, 3.0))
    probe = Probe(far)
    for _ in range(500):
        probe.step(far)
    assert norm(sub(probe.p, START)) < 1e-12


def test_view_frame_right_is_probe_x_and_up_is_probe_y() -> None:
    probe = Probe()
    probe.run(lambda t: (0.02 * min(t, 1.0), 0.0, 0.0), 2.0)
    assert sub(probe.p, START) == pytest.approx((0.02, 0.0, 0.0), abs=1e-4)
    probe = Probe()
    probe.run(lambda t: (0.0, 0.02 * min(t, 1.0), 0.0), 2.0)
    assert sub(probe.p, START) == pytest.approx((0.0, -0.02, 0.0), abs=1e-4)
    probe = Probe()
    probe.run(lambda t: (0.0, 0.0, 0.02 * min(t, 1.0)), 2.0)
    assert sub(probe.p, START) == pytest.approx((0.0, 0.0, -0.02), abs=1e-4)


def test_a_slow_hand_is_followed_closely() -> None:
    probe = Probe()
    probe.run(lambda t: (0.01 * math.sin(2 * t), 0.0, 0.0), 3.0)
    assert probe.p[0] - START[0] == pytest.approx(0.01 * math.sin(6.0), abs=2e-4)
    assert probe.clamps is Clamp.NONE


def test_in_contact_the_axis_does_not_follow_the_hand() -> None:
    probe = Probe()
    probe.run(lambda t: (0.0, 0.0, 0.03 * t), 1.0, axis_free=False)
    assert norm(sub(probe.p, START)) < 1e-9


def test_excess_motion_slips_and_the_robot_stops_soon_after_the_hand() -> None:
    probe = Probe()
    probe.run(lambda t: (0.3 * t, 0.0, 0.0), 0.5)
    assert Clamp.SPEED in probe.clamps
    assert Clamp.HAND_SLIP in probe.clamps
    assert max(norm(v) for v in probe.speeds) <= 0.1 * 1.05
    moved = probe.p
    still = Hand((0.15, 0.0, 0.0), ZERO, ZERO, ZERO, 0.0, False)
    for _ in range(300):
        probe.step(still)
    assert norm(sub(probe.p, moved)) <= SLIP_M + 0.1 * 0.1 / 2 / 1.0
    lead, _ = probe.point.lead(still)
    assert norm(lead) < 1e-4


def test_motion_towards_the_patient_is_slower() -> None:
    probe = Probe()
    probe.run(lambda t: (0.0, 0.0, 0.08 * t), 0.5)
    assert max(-v[2] for v in probe.speeds) <= 0.03 * 1.05
    assert Clamp.SPEED in probe.clamps


def test_speed_never_steps() -> None:
    probe = Probe()
    probe.run(lambda t: (0.1 * t if t < 0.3 else 0.03, 0.0, 0.0), 0.6)
    steps = [norm(sub(b, a)) for a, b in pairwise(probe.speeds)]
    assert max(steps) <= 4.0 * DT_S * 1.2


def test_the_clutch_moves_the_hand_alone() -> None:
    probe = Probe()
    held = Hand((0.05, 0.02, 0.0), (0.2, 0.0, 0.0), ZERO, ZERO, 0.0, True)
    probe.step(held)
    let_go = dataclasses.replace(held, clutch=False)
    for _ in range(200):
        probe.step(let_go)
    assert norm(sub(probe.p, START)) < 1e-9


def test_freeze_stops_within_a_tenth_of_a_millimetre_at_30_mm_s() -> None:
    probe = Probe(caps=dataclasses.replace(CAPS, v_m_s=0.03))
    probe.run(lambda t: (0.03 * t, 0.0, 0.0), 0.5)
    moving = probe.p
    for _ in range(500):
        probe.step(STILL, frozen=True)
    assert norm(sub(probe.p, moving)) < 0.0005
    assert norm(probe.speeds[-1]) < 1e-6


def test_tilt_turns_about_the_probe_face_and_ends_at_the_limit() -> None:
    probe = Probe()
    for i in range(2000):
        angle = 0.5 * i * DT_S
        probe.step(Hand(ZERO, (0.0, angle, 0.0), ZERO, (0.0, 0.5, 0.0), 0.0, False))
    tilt = math.acos(-column(probe.rot, 2)[2])
    assert tilt == pytest.approx(CAPS.tilt_max_rad, abs=0.01)
    assert Clamp.TILT in probe.clamps
    assert norm(sub(probe.p, START)) < 1e-6
    back = Hand(ZERO, (0.0, 1.0, 0.0), ZERO, (0.0, -0.5, 0.0), 0.0, False)
    probe.step(back)
    for i in range(400):
        probe.step(Hand(ZERO, (0.0, 1.0 - 0.5 * i * DT_S, 0.0), ZERO, (0.0, -0.5, 0.0), 0.0, False))
    assert math.acos(-column(probe.rot, 2)[2]) < tilt - 0.1


def test_the_workspace_has_walls_in_every_direction() -> None:
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1), (2, 1), (2, -1)):
        probe = Probe()
        direction = [0.0, 0.0, 0.0]
        direction[axis] = 0.1 * sign
        goal = tuple(direction)
        probe.run(lambda t, goal=goal: scale(goal, t), 10.0)  # type: ignore[misc]
        assert Clamp.WORKSPACE in probe.clamps
        for value, low, high in zip(
            probe.p, CAPS.workspace_min_m, CAPS.workspace_max_m, strict=True
        ):
            assert low - 1e-6 <= value <= high + 1e-6


def test_a_lying_velocity_moves_the_probe_by_millimetres_only() -> None:
    """A hand that says 0.3 m/s and never moves: the lead ends the motion."""
    probe = Probe()
    for _ in range(1000):
        probe.step(Hand(ZERO, ZERO, (0.3, 0.0, 0.0), ZERO, 0.02, False))
    assert norm(sub(probe.p, START)) < 0.02
