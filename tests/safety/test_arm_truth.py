"""Guard's own checks of what servo does and of what the arm box measures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import Rig

from safety.limits import Limits
from safety.pose import ASKED_M_S, DEAD_NS, STUCK_M, STUCK_NS, PoseWatch
from safety.slowing import SlideWatch
from safety.states import Cause, State

MS = 1_000_000
LIMITS = Limits()


def test_a_slide_that_goes_on_under_regulation_is_noticed_within_40_ms() -> None:
    watch = SlideWatch()
    watch.order(True, 0.03, MS)
    found = next(ms for ms in range(1, 100) if watch.slides(0.03, ms * MS, LIMITS))
    assert 20 < found <= 40


def test_a_slide_that_slows_down_and_comes_back_is_noticed() -> None:
    watch = SlideWatch()
    watch.order(True, 0.03, MS)
    assert not any(watch.slides(0.001, ms * MS, LIMITS) for ms in range(1, 300))
    found = [ms for ms in range(300, 330) if watch.slides(0.02, ms * MS, LIMITS)]
    assert found[:1] == [310]


@pytest.mark.parametrize("stop_ms", [0, 12, 25])
def test_a_proper_stop_is_no_slide(stop_ms: int) -> None:
    watch = SlideWatch()
    watch.order(True, 0.03, MS)
    for ms in range(1, 400):
        speed = 0.03 if ms < stop_ms else 0.002
        assert not watch.slides(speed, ms * MS, LIMITS)


def test_a_slide_under_a_permit_to_operate_is_none() -> None:
    watch = SlideWatch()
    watch.order(True, 0.03, MS)
    watch.order(False, 0.03, 2 * MS)
    assert not watch.slides(0.03, 200 * MS, LIMITS)


def test_a_speed_that_is_no_number_slides() -> None:
    watch = SlideWatch()
    watch.order(True, 0.03, MS)
    assert watch.slides(float("nan"), 100 * MS, LIMITS)


def test_a_pose_that_jumps_is_a_fault_at_once() -> None:
    rig = Rig()
    rig.to_active()
    x, y, z = rig.arm.base_p_probe_m
    rig.arm = replace(rig.arm, base_p_probe_m=(x, y + 0.005, z))
    rig.step()
    assert (rig.state, rig.report.first_out) == (State.FAULT, Cause.POSE_INVALID)
    assert rig.out is not None
    assert rig.out.enable.brake


def test_a_pose_that_moves_as_fast_as_it_says_is_plausible() -> None:
    watch = PoseWatch()
    arm = replace(Rig().arm, base_v_probe_m_s=(0.1, 0.0, 0.0))
    x, y, z = arm.base_p_probe_m
    for ms in range(1, 200):
        p = (x + 1e-4 * ms, y, z)
        sample = replace(arm, stamp_ns=ms * MS, base_p_probe_m=p, q_rad=(1e-4 * ms, *arm.q_rad[1:]))
        assert not watch.implausible(sample, 0.1, ms * MS)


def noticed_ms(speeds_m_s: list[float], step_ms: int = 1) -> int | None:
    """When a watch of joints that stand still tells, from the first sample; one speed a sample."""
    watch = PoseWatch()
    arm = replace(Rig().arm, braked=False)
    watch.implausible(replace(arm, stamp_ns=MS, q_rad=(0.1,) * 7), 0.0, MS)
    for n, speed in enumerate(speeds_m_s):
        at_ns = 2 * MS + n * step_ms * MS
        if watch.implausible(replace(arm, stamp_ns=at_ns, q_rad=(0.1,) * 7), speed, at_ns):
            return n * step_ms
    return None


@pytest.mark.parametrize("asked_m_s", [ASKED_M_S, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1])
def test_the_faster_the_motion_asked_for_the_sooner_joints_that_stand_still_are_stuck(
    asked_m_s: float,
) -> None:
    by_way_ms = max(DEAD_NS / MS, STUCK_M / asked_m_s * 1e3)
    found = noticed_ms([asked_m_s] * 200)
    assert found is not None
    assert min(by_way_ms, STUCK_NS / MS) <= found <= min(by_way_ms, STUCK_NS / MS) + 1


def test_the_way_asked_for_is_measured_sample_by_sample() -> None:
    slow, fast = [0.002] * 50, [0.05] * 50
    assert noticed_ms(slow + fast) == 50 + 6  # 0.098 mm, then 0.05 mm a sample
    assert noticed_ms([0.05] * 10 + slow) == 20  # enough way, but not before the arm must follow
    assert noticed_ms([0.02] * 200, step_ms=4) == 20


@pytest.mark.parametrize("pause", [[0.0], [ASKED_M_S - 1e-6]])
def test_after_a_pause_the_way_and_the_time_begin_anew(pause: list[float]) -> None:
    assert noticed_ms([0.1] * 19 + pause + [0.01] * 39) is None
    assert noticed_ms([0.002] * 99 + pause + [0.002] * 99) is None


def test_joints_that_nobody_asks_to_move_may_stand_still() -> None:
    assert noticed_ms([0.0] * 600) is None


def test_samples_far_apart_are_not_compared() -> None:
    watch = PoseWatch()
    arm = Rig().arm
    x, y, z = arm.base_p_probe_m
    assert not watch.implausible(replace(arm, stamp_ns=MS), 0.0, MS)
    moved = replace(arm, stamp_ns=200 * MS, base_p_probe_m=(x + 0.05, y, z))
    assert not watch.implausible(moved, 0.0, 200 * MS)
