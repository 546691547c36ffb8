"""Model-mediated touch: appears without a bump, blends without one, and leaves."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haptics.bilateral.fit import SurfaceFit
from haptics.bilateral.surface import (
    NO_SURFACE,
    RAMP_S,
    RAMPS_MAX_N,
    LocalSurface,
    SurfaceModel,
)
from haptics.bilateral.touch_cap import TOUCH_MODULO, TOUCH_N, TouchCap
from haptics.force_law import ramped

DT_S = 0.001
MODEL = SurfaceModel(1, True, 800.0, 10.0, 2.0, 2.0)


def test_a_new_surface_rises_from_nothing_to_the_measured_force() -> None:
    surface = LocalSurface(6000.0)
    forces = [surface.update(MODEL, 0.02, 0.0, DT_S, 1.0) for _ in range(400)]
    assert forces[0] < 0.05
    assert max(b - a for a, b in pairwise(forces)) < 0.05, "no step is felt"
    assert abs(forces[-1] - 2.0) < 0.05
    assert surface.risen
    assert not LocalSurface(6000.0).risen


def test_it_is_not_announced_before_it_is_felt() -> None:
    surface = LocalSurface(6000.0)
    for _ in range(int(RAMP_S / DT_S) // 2):
        surface.update(MODEL, 0.02, 0.0, DT_S, 1.0)
    assert not surface.risen


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(100.0, 6000.0), st.floats(0.0, 30.0), st.floats(0.0, 0.01)),
        min_size=1,
        max_size=8,
    )
)
def test_no_model_update_makes_the_force_jump(
    updates: list[tuple[float, float, float]],
) -> None:
    surface = LocalSurface(6000.0)
    for _ in range(400):
        before = surface.update(MODEL, 0.02, 0.0, DT_S, 1.0)
    for stiffness, damping, deeper in updates:
        model = replace(MODEL, stiffness_n_m=stiffness, damping_n_s_m=damping)
        for _ in range(30):
            force = surface.update(model, 0.02, 0.0, DT_S, 1.0)
            assert abs(force - before) < 0.05, "at a resting hand"
            before = force
        assert deeper >= 0.0


def test_a_resting_hand_gets_no_energy_from_softening() -> None:
    """The tank pays for every change that would push the hand."""
    surface = LocalSurface(6000.0)
    for _ in range(400):
        surface.update(MODEL, 0.02, 0.0, DT_S, 1.0)
    stored = surface.tank_j
    for _ in range(3000):
        surface.update(replace(MODEL, stiffness_n_m=100.0), 0.02, 0.0, DT_S, 1.0)
    assert 0.0 <= surface.tank_j <= stored


def test_it_fades_when_contact_is_lost() -> None:
    surface = LocalSurface(6000.0)
    for _ in range(400):
        surface.update(MODEL, 0.02, 0.0, DT_S, 1.0)
    gone = replace(MODEL, contact=False)
    forces = [surface.update(gone, 0.02, 0.0, DT_S, 1.0) for _ in range(200)]
    assert forces[-1] == 0.0
    assert not surface.present
    assert surface.update(NO_SURFACE, 0.02, 0.0, DT_S, 1.0) == 0.0


def test_it_never_pulls() -> None:
    surface = LocalSurface(6000.0)
    for i in range(2000):
        travel = 0.02 - 0.00002 * i
        assert surface.update(MODEL, travel, -0.02, DT_S, 1.0) >= 0.0


def test_the_handle_limits_the_stiffness() -> None:
    surface = LocalSurface(1000.0)
    surface.update(replace(MODEL, stiffness_n_m=4000.0), 0.0, 0.0, DT_S, 1.0)
    assert surface.k_n_m == 1000.0


@pytest.mark.parametrize("true", [300.0, 1000.0, 3000.0])
def test_stiffness_is_found_from_pressing(true: float) -> None:
    fit = SurfaceFit()
    fit.touch(0.0, 0.0, 0.5)
    for i in range(1000):
        force, late = (0.5 + 2.0 * min(1.0, max(0.0, t) / 400.0) for t in (i, i - 6.0))
        fit.update((force - 0.5) / true, late, DT_S)
    assert abs(fit.k_n_m / true - 1.0) < 0.15, fit.k_n_m


def test_a_resting_probe_and_breathing_teach_nothing() -> None:
    fit = SurfaceFit()
    fit.touch(0.0, 0.0, 2.0)
    known = fit.k_n_m
    for i in range(8000):
        lift = 0.004 * math.sin(2.0 * math.pi * 0.25 * i / 1000.0)
        fit.update(lift, 2.0 + 0.05 * (-1) ** i, DT_S)
    assert fit.k_n_m == known


def test_breathing_does_not_hide_the_stiffness() -> None:
    """8 mm of breathing under a hand that presses and lets go by 1 N."""
    fit = SurfaceFit()
    fit.touch(0.0, 0.0, 3.0)
    for i in range(10_000):
        t = i / 1000.0
        force = 3.0 + math.sin(2.0 * math.pi * 0.6 * t)
        lift = 0.004 * math.sin(2.0 * math.pi * 0.25 * t)
        fit.update((force - 3.0) / 600.0 + lift, force, DT_S)
    assert abs(fit.k_n_m / 600.0 - 1.0) < 0.3, fit.k_n_m


def test_the_robot_holds_a_touch_gently_until_it_is_felt() -> None:
    cap = TouchCap()
    assert cap.reference_n(8.0, -1) == 0.0, "free: the hand moves the axis"
    cap.observe(True, new_contact=True)
    old = cap.touch
    assert cap.reference_n(8.0, -1) == TOUCH_N
    assert cap.reference_n(8.0, (old + 1) % TOUCH_MODULO) == TOUCH_N
    assert cap.reference_n(8.0, old) == 8.0
    cap.observe(True, new_contact=True)
    assert cap.touch == old, "the same touch"
    cap.observe(False, new_contact=True)
    cap.observe(True, new_contact=True)
    assert cap.reference_n(8.0, old) == TOUCH_N, "an echo of the last touch does not count"


def test_a_touch_that_was_not_permitted_is_lifted_off() -> None:
    cap = TouchCap()
    cap.observe(True, new_contact=False)
    assert cap.reference_n(8.0, cap.touch) == 0.0
    held = TouchCap()
    held.observe(True, new_contact=True)
    held.observe(True, new_contact=False)
    assert held.reference_n(8.0, held.touch) == 8.0, "DEGRADED keeps a contact that was there"


def test_what_the_robots_ramps_take_from_a_trembling_hand_is_not_felt() -> None:
    """The robot's reference rises slowly and falls quickly; the mean of both forces is the same."""
    surface = LocalSurface(6000.0)
    robot_n, felt, real = 2.0, [], []
    for cycle in range(5000):
        travel_m = 0.001 + 0.0002 * math.sin(2.0 * math.pi * 9.0 * cycle * DT_S)
        told = SurfaceModel(1, True, 3000.0, 0.0, robot_n, robot_n)
        force_n = surface.update(told, travel_m, 0.0, DT_S, 1.0)
        robot_n = ramped(robot_n, surface.reference_n(travel_m), DT_S, smooth=True)
        if cycle >= 3000:
            felt.append(force_n)
            real.append(robot_n)
    asked_n = 3000.0 * (0.001 - surface.surface_m)
    mean_felt, mean_real = sum(felt) / len(felt), sum(real) / len(real)
    assert asked_n - mean_real > 0.1, "the ramps do take something"
    assert abs(mean_felt - mean_real) < 0.02


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-0.002, 0.01), min_size=1, max_size=200))
def test_the_ramps_share_of_the_correction_is_bounded(travels_m: list[float]) -> None:
    surface = LocalSurface(6000.0)
    for travel_m in travels_m:
        for _ in range(20):
            surface.update(SurfaceModel(1, True, 3000.0, 0.0, 2.0, 2.0), travel_m, 0.0, DT_S, 1.0)
        assert abs(surface.correction_n) <= RAMPS_MAX_N + 1e-9
