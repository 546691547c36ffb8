from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haptics.vec import ZERO, Mat, Vec, add, apply, column, dot, exp, multiply, norm, off_axis
from robot_sim.scene import Breathing, Mechanics, Scene, Surface, breathing_lift_m, skin_normal
from robot_sim.tissue import DEPTH_REF_M, ProbeMotion, lift_rate_m_s, normal_force_n, touch

DOWN: Mat = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
FLAT = Scene(surface=Surface(relief_m=0.0, radius_m=1e6), breathing=Breathing(peak_to_peak_m=0.0))
SKIN = FLAT.surface.base_p_patient_m


def probe(depth_m: float, *, rot: Mat = DOWN, v: Vec = ZERO, at: Vec = (0.0, 0.0)) -> ProbeMotion:
    return ProbeMotion(add(SKIN, (at[0], at[1], -depth_m)), rot, v, ZERO)


@given(st.floats(-0.05, 0.05), st.floats(-0.3, 0.3))
def test_force_never_pulls_and_is_zero_without_contact(depth_m: float, rate: float) -> None:
    force = normal_force_n(FLAT, depth_m, rate)
    assert force >= 0.0
    if depth_m <= 0.0:
        assert force == 0.0


@given(st.floats(0.0, 0.04), st.floats(1e-4, 0.01))
def test_force_grows_with_depth(depth_m: float, more_m: float) -> None:
    assert normal_force_n(FLAT, depth_m + more_m, 0.0) > normal_force_n(FLAT, depth_m, 0.0)


def test_stiffness_of_the_scene_is_met_at_ten_millimetres() -> None:
    expected = FLAT.mechanics.stiffness_n_m * DEPTH_REF_M
    assert normal_force_n(FLAT, DEPTH_REF_M, 0.0) == pytest.approx(expected)


def test_pressing_fast_costs_energy_over_a_cycle() -> None:
    work, dt = 0.0, 1e-4
    for i in range(20000):
        t = i * dt
        depth = 0.008 * (1 - math.cos(2 * math.pi * t)) / 2
        rate = 0.008 * math.pi * math.sin(2 * math.pi * t)
        work += normal_force_n(FLAT, depth, rate) * rate * dt
    assert work > 1e-4


def test_force_on_the_patient_points_into_the_patient() -> None:
    felt = touch(FLAT, probe(0.01), 0)
    assert felt.force_n == pytest.approx((0.0, 0.0, -felt.normal_n), abs=1e-6)
    assert felt.depth_m == pytest.approx(0.01)
    assert touch(FLAT, probe(-0.001), 0).normal_n == 0.0


@given(st.floats(0, 2 * math.pi), st.floats(1e-4, 0.1))
def test_friction_drags_the_patient_along_within_the_cone(angle: float, speed: float) -> None:
    v = (speed * math.cos(angle), speed * math.sin(angle), 0.0)
    felt = touch(FLAT, probe(0.01, v=v), 0)
    normal = skin_normal(FLAT, 0.0, 0.0)
    drag = off_axis(felt.force_n, normal)
    assert norm(drag) <= FLAT.mechanics.friction * felt.normal_n * (1 + 1e-9)
    assert dot(drag, v) > 0.0


def test_a_tilted_probe_touches_beside_its_centre() -> None:
    tilted = multiply(DOWN, exp((0.0, 0.3, 0.0)))
    felt = touch(FLAT, probe(0.01, rot=tilted), 0)
    sideways = felt.base_p_contact_m[0] - SKIN[0]
    assert abs(sideways) > 0.01
    assert apply(tilted, (0.0, 0.0, 1.0)) == pytest.approx(column(tilted, 2))


def test_breathing_presses_a_still_probe() -> None:
    scene = Scene(surface=FLAT.surface, breathing=Breathing(0.01, 0.25))
    out, into = touch(scene, probe(0.002), 0), touch(scene, probe(0.002), 2_000_000_000)
    assert into.depth_m - out.depth_m == pytest.approx(0.01, abs=1e-6)


@given(st.integers(0, 20_000_000_000))
def test_lift_rate_is_the_derivative_of_the_lift(now_ns: int) -> None:
    scene = Scene(breathing=Breathing(0.01, 0.25))
    step = 10_000_000
    slope = (breathing_lift_m(scene, now_ns + step) - breathing_lift_m(scene, now_ns)) / 0.01
    assert lift_rate_m_s(scene, now_ns + step // 2) == pytest.approx(slope, abs=1e-4)


def test_beside_the_body_there_is_nothing() -> None:
    off = FLAT.surface.half_x_m + 0.01
    assert touch(FLAT, probe(0.01, at=(off, 0.0)), 0).normal_n == 0.0


def test_mechanics_of_the_scene_matter() -> None:
    soft = Scene(surface=FLAT.surface, mechanics=Mechanics(stiffness_n_m=300.0))
    assert touch(soft, probe(0.01), 0).normal_n < touch(FLAT, probe(0.01), 0).normal_n
