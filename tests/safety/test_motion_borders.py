"""Guard's eyes on the arm at their borders: sliding, speed ramps, axes, drift, brakes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from harness import MS, arm_state
from test_load import rotated

from safety.limits import Limits
from safety.messages import ArmState
from safety.slowing import DROP_M_S, SLIDE_M_S, SlideWatch
from safety.speed import SpeedWatch
from safety.states import Cause, PermitKind
from safety.supervise import MotionWatch, across, probe_axis
from safety.transitions import mask

LIMITS = Limits()
T0 = 10_000 * MS
BEGIN_MS = 30
"""servo_silent_ms (20) and v_over_ms (10)."""
OVER_MS = BEGIN_MS + 100
"""And stop_done_ms."""


# --- axes


@pytest.mark.parametrize("q", [
    (0.5, -0.1, 0.7, 0.5), (-0.4, 0.4, 0.2, 0.8), (0.1, 0.9, -0.4, 0.1), (0.0, 0.0, 0.0, 1.0),
])  # fmt: skip
def test_the_axis_is_the_probe_s_z_in_base(q: tuple[float, ...]) -> None:
    length = math.sqrt(sum(x * x for x in q))
    x, y, z, w = (c / length for c in q)
    inverse = (-x, -y, -z, w)
    assert probe_axis((x, y, z, w)) == pytest.approx(rotated(inverse, (0.0, 0.0, 1.0)))


@pytest.mark.parametrize("axis", [(0.6, 0.0, 0.8), (2 / 7, -3 / 7, 6 / 7), (0.0, 1.0, 0.0)])
def test_across_is_what_a_cross_product_says(axis: tuple[float, ...]) -> None:
    v = (0.3, -0.5, 0.7)
    cross = (
        v[1] * axis[2] - v[2] * axis[1], v[2] * axis[0] - v[0] * axis[2],
        v[0] * axis[1] - v[1] * axis[0],
    )  # fmt: skip
    assert across(v, axis) == pytest.approx(math.hypot(*cross))


# --- sliding under regulation


def sliding(from_m_s: float = 0.03) -> SlideWatch:
    watch = SlideWatch()
    watch.order(True, from_m_s, T0)
    return watch


def test_a_stop_has_its_time_to_begin_and_to_end_to_the_nanosecond() -> None:
    assert not SlideWatch().over(T0, LIMITS)
    watch = sliding()
    assert not watch.over(T0 + OVER_MS * MS, LIMITS)
    assert watch.over(T0 + OVER_MS * MS + 1, LIMITS)
    first = SlideWatch(since_ns=1)
    assert first.over(1 + OVER_MS * MS + 1, LIMITS)
    for ns, found in ((BEGIN_MS * MS, False), (BEGIN_MS * MS + 1, True)):
        assert sliding().slides(0.03, T0 + ns, LIMITS) is found


@pytest.mark.parametrize(("from_m_s", "now_m_s", "seen"), [
    (0.03, 0.03 - DROP_M_S, True), (0.03, 0.0251, False), (0.004, DROP_M_S, True),
    (0.004, DROP_M_S * 1.001, False),
])  # fmt: skip
def test_a_drop_of_the_slide_is_seen(from_m_s: float, now_m_s: float, seen: bool) -> None:
    watch = sliding(from_m_s)
    watch.slides(now_m_s, T0 + MS, LIMITS)
    assert watch.seen is seen


def test_a_slide_that_comes_back_must_last_and_begins_anew_after_each_order() -> None:
    watch = sliding()
    watch.slides(0.001, T0 + MS, LIMITS)
    fast, late = SLIDE_M_S * 1.001, T0 + 200 * MS
    assert not watch.slides(fast, late, LIMITS)
    assert not watch.slides(SLIDE_M_S, late + 5 * MS, LIMITS), "at the border it is regulation"
    assert not watch.slides(fast, late + 6 * MS, LIMITS)
    assert not watch.slides(fast, late + 16 * MS - 1, LIMITS)
    assert watch.slides(fast, late + 16 * MS, LIMITS)
    watch.order(False, 0.0, late + 17 * MS)
    watch.order(True, 0.03, late + 18 * MS)
    assert (watch.seen, watch.over_since_ns) == (False, 0)
    watch.slides(0.001, late + 19 * MS, LIMITS)
    assert not watch.slides(fast, late + 60 * MS, LIMITS), "the stop may still end"


# --- the ramp of a speed limit


def test_the_ramp_of_a_speed_at_its_borders() -> None:
    watch = SpeedWatch()
    watch.order(0.1, T0, LIMITS)
    watch.order(0.02, T0, LIMITS)
    assert watch.allowed(T0 + 20 * MS, LIMITS) == 0.1
    assert watch.allowed(T0 + 20 * MS + 1, LIMITS) < 0.1
    assert watch.allowed(T0 + 100 * MS, LIMITS) == 0.02
    assert watch.allowed(T0 + 100 * MS - 1, LIMITS) > 0.02
    same = SpeedWatch(limit=0.1, before=0.1, lowered_ns=T0)
    assert same.allowed(T0 + MS, LIMITS) == 0.1


# --- the whole watch


def moving(v: tuple[float, float, float], braked: bool = False) -> ArmState:
    return replace(arm_state(T0), base_v_probe_m_s=v, braked=braked)


def check(motion: MotionWatch, arm: ArmState, at_ns: int) -> int:
    return motion.check(arm, True, at_ns, LIMITS)


def test_a_slide_is_a_cause_under_regulation_without_brakes_only() -> None:
    for brake, cause in ((False, Cause.SERVO_IGNORES_PERMIT), (True, Cause.BRAKE_FAILED)):
        motion = MotionWatch()
        motion.order(PermitKind.OPERATE, 0.1, 0.6, False, T0, LIMITS)
        assert check(motion, moving((0.015, 0.0, 0.0)), T0) == 0
        motion.order(PermitKind.REGULATE, 0.02, 0.0, brake, T0, LIMITS)
        late = check(motion, moving((0.015, 0.0, 0.0)), T0 + BEGIN_MS * MS + 1)
        assert late == mask(cause)
        assert (motion.slide.since_ns > 0) is not brake


def test_braking_must_be_seen_to_the_nanosecond() -> None:
    for ns, found in ((20 * MS, 0), (20 * MS + 1, mask(Cause.BRAKE_FAILED))):
        motion = MotionWatch()
        motion.order(PermitKind.OPERATE, 0.1, 0.6, False, T0, LIMITS)
        check(motion, moving((0.05, 0.0, 0.0)), T0)
        motion.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
        assert check(motion, moving((0.05, 0.0, 0.0)), T0 + ns) == found


def test_rest_is_at_the_border_of_its_speed() -> None:
    for kind, brake in ((PermitKind.REGULATE, False), (PermitKind.NONE, True)):
        for speed, rest in ((LIMITS.stop_speed_m_s, True), (LIMITS.stop_speed_m_s * 1.01, False)):
            motion = MotionWatch()
            motion.order(kind, 0.0, 0.0, brake, T0, LIMITS)
            check(motion, moving((speed, 0.0, 0.0), braked=brake), T0)
            assert motion.at_rest(LIMITS) is rest


def test_a_drift_is_counted_from_where_the_arm_came_to_rest() -> None:
    base = replace(arm_state(T0), braked=True, base_p_probe_m=(0.5, 0.3, 0.2), q_rad=(0.7,) * 7)
    for change, bad in (
        ({}, False), ({"base_p_probe_m": (0.5, 0.3009, 0.2)}, False),
        ({"base_p_probe_m": (0.5, 0.3011, 0.2)}, True), ({"q_rad": (0.7,) * 6 + (0.74,)}, False),
        ({"q_rad": (0.7,) * 6 + (0.76,)}, True),
    ):  # fmt: skip
        motion = MotionWatch()
        motion.order(PermitKind.NONE, 0.0, 0.0, True, T0, LIMITS)
        assert check(motion, base, T0) == 0
        assert check(motion, base, T0 + MS) == 0
        found = check(motion, replace(base, **change), T0 + 2 * MS)
        assert found == (mask(Cause.STANDSTILL_VIOLATED) if bad else 0)


@pytest.mark.parametrize(("slide_m_s", "found_ms"), [
    # Allowed: 10 mm/s and what is left of 30 mm/s, falling from 30 to 130 ms; 10 ms over it.
    (0.0101, 140), (0.016, 120), (0.022, 100), (0.0249, 91),
])  # fmt: skip
def test_a_slide_that_stops_slowing_down_is_noticed_before_the_stop_has_to_be_over(
    slide_m_s: float, found_ms: int
) -> None:
    watch = sliding(0.03)
    found = [ms for ms in range(1, 300) if watch.slides(slide_m_s, T0 + ms * MS, LIMITS)]
    assert found[0] == pytest.approx(found_ms, abs=1)
    assert slide_m_s * found[0] / 1e3 < 2.5e-3, "the stop distance of the design"
    assert found == list(range(found[0], 300))


@pytest.mark.parametrize("unknown", [math.nan, math.inf])
def test_an_unknown_speed_at_the_order_accuses_nobody_who_stops(unknown: float) -> None:
    calm, slides = sliding(unknown), sliding(unknown)
    assert not any(calm.slides(0.003, T0 + ms * MS, LIMITS) for ms in range(1, 400))
    found = [ms for ms in range(1, 400) if slides.slides(0.03, T0 + ms * MS, LIMITS)]
    assert found[0] == BEGIN_MS + 1
