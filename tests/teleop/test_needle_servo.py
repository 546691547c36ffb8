"""Needle, servo and arm box together: insertion, punctures, gates, stop, pivot about the entry."""

from __future__ import annotations

import math

import pytest
from servo_rig import Rig, scene

from haptics.iiwa import PROBE_ENTRY_M
from haptics.needle.aim import PIVOT_MAX_RAD
from haptics.needle.breathing import LEARN_S
from haptics.needle.pivot import entry_at, entry_error_m
from haptics.vec import Vec, add, apply, dot, from_quat, norm, sub
from robot_sim.needle.unit import GUIDE, IN_PLANE
from safety.messages import ArmState
from safety.states import Clamp, ContactState, PermitKind

GOAL_M = 0.062


def pressed(breathing_m: float = 0.0) -> Rig:
    """A probe in contact, needle mode, plan confirmed."""
    rig = Rig(scene(breathing_m=breathing_m))
    rig.order(force_ref_n=4.0)
    rig.until(lambda: rig.report is not None and rig.report.contact is ContactState.PRESS, 6.0)
    rig.order(mode=1)
    rig.set(needle_advance=True, needle_goal_m=GOAL_M, needle_pivot_rad_s=0.05)
    rig.run(0.1)
    return rig


def quiet(depth_m: float = 0.040) -> Rig:
    """As `pressed`; that nobody breathes here, and the way through the air, need no waiting."""
    rig = pressed()
    rig.run(1.6)
    rig.core._s.needle.gate.seen_s = LEARN_S
    rig.box.needle.axis.depth_m = depth_m
    return rig


def tip(arm: ArmState) -> Vec:
    """The tip, base frame."""
    return add(arm.base_p_probe_m, apply(from_quat(arm.base_q_probe), arm.needle_tip_m))


@pytest.fixture(scope="module")
def inserted() -> Rig:
    """Driven to the planned depth in a patient that does not breathe."""
    rig = quiet()
    rig.order(needle_v_m_s=0.005)
    rig.until(lambda: rig.arm.needle_depth_m > GOAL_M - 0.0004, 60.0)
    rig.run(1.0)
    return rig


def test_the_needle_stops_at_the_planned_depth(inserted: Rig) -> None:
    assert inserted.arm.needle_depth_m <= GOAL_M + 0.0001
    assert inserted.arm.needle_v_m_s == pytest.approx(0.0, abs=2e-4)


def test_it_met_the_skin_where_the_guide_says_and_pops_were_noticed(inserted: Rig) -> None:
    assert inserted.arm.needle_entry_m == pytest.approx(PROBE_ENTRY_M, abs=0.006)
    assert inserted.report is not None
    assert inserted.report.punctures == inserted.box.needle.open_layers >= 1
    peak = max(report.needle_force_n for _, report in inserted.history)
    assert 1.0 < peak < inserted.limits.needle_force_n


def test_speed_never_passes_the_limit(inserted: Rig) -> None:
    assert max(abs(arm.needle_v_m_s) for arm, _ in inserted.history) <= 0.005 + 1e-9


def test_without_permission_it_stands_within_half_a_millimetre() -> None:
    rig = quiet()
    for change, back in (
        ({"needle_advance": False}, {"needle_advance": True}),
        ({"kind": PermitKind.REGULATE}, {"kind": PermitKind.OPERATE}),
        ({"kind": PermitKind.NONE}, {"kind": PermitKind.OPERATE}),
    ):
        rig.order(needle_v_m_s=0.005, mode=1)
        rig.until(lambda: rig.arm.needle_v_m_s > 0.0049, 5.0)
        at = rig.arm.needle_depth_m
        rig.set(**change)
        rig.run(0.2)
        assert rig.arm.needle_depth_m - at < 0.0005, change
        assert rig.arm.needle_v_m_s == 0.0, change
        rig.set(**back)
    rig.order(mode=0)
    rig.run(0.2)
    assert rig.arm.needle_v_m_s == 0.0, "probe mode"
    rig.order(mode=1)
    rig.until(lambda: rig.arm.needle_v_m_s > 0.0049, 5.0)
    at = rig.arm.needle_depth_m
    rig.permit_alive = False
    rig.run(0.3)
    assert rig.arm.needle_depth_m - at < 0.0005, "the permit lapsed"
    assert rig.arm.needle_v_m_s == 0.0


def test_breathing_lets_it_advance_only_near_the_end_of_exhalation() -> None:
    rig = pressed(breathing_m=0.008)
    rig.order(needle_v_m_s=0.005)
    history = rig.run(13.0)
    # The scene's skin is lowest at phase 0 of its 4 s cycle.
    lifts = [
        0.5 - 0.5 * math.cos(2 * math.pi * (arm.stamp_ns % 4_000_000_000) / 4e9)
        for arm, _ in history
        if arm.needle_v_m_s > 0.0008
    ]
    assert len(lifts) > 200
    # The gate shuts at 0.2; filter and ramp need 0.2 s.
    assert max(lifts) < 0.48
    assert sum(lifts) / len(lifts) < 0.2
    assert any(Clamp.NEEDLE_BREATHING in report.clamps for _, report in history)


def test_a_pivot_turns_about_the_entry_point_and_stops_at_its_end(inserted: Rig) -> None:
    rig = inserted
    start = rig.arm
    entry = entry_at(GUIDE, start.base_p_probe_m, from_quat(start.base_q_probe), PROBE_ENTRY_M)
    rig.order(needle_v_m_s=0.0, hand_w_rad_s=(0.0, 0.05, 0.0))
    worst = 0.0
    for arm, _ in rig.run(2.0):
        rot = from_quat(arm.base_q_probe)
        error = entry_error_m(GUIDE, arm.base_p_probe_m, rot, entry)
        worst = max(worst, norm(error))
    assert rig.report is not None
    assert rig.report.needle_pivot_rad == pytest.approx(PIVOT_MAX_RAD, abs=0.006)
    assert worst < 0.0002
    assert rig.report.needle_gate == 1.0, "a turn is no breathing"
    gone_m = rig.arm.needle_depth_m - rig.arm.needle_entry_m
    assert gone_m == pytest.approx(start.needle_depth_m - start.needle_entry_m, abs=2e-4)
    side = apply(from_quat(start.base_q_probe), IN_PLANE)
    to_the_right_m = dot(sub(tip(rig.arm), tip(start)), side)
    lever_m = start.needle_depth_m - start.needle_entry_m
    assert 0.5 * lever_m * PIVOT_MAX_RAD < to_the_right_m < 1.1 * lever_m * PIVOT_MAX_RAD
