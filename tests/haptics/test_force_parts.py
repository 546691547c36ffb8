"""Energy tank, surface motion, alignment, explicit force and reference ramp: their properties."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haptics.alignment import FREEZE_N, RATE_MAX_RAD_S, NormalAlignment
from haptics.explicit_force import ExplicitForce
from haptics.force_law import REF_SLEW_N_S, AxisSample, ForceOptions, ramped
from haptics.surface import SurfaceMotion
from haptics.tank import MAX_J, START_J, TRICKLE_W, EnergyTank

DT_S = 0.001
RADIUS_M = 0.06


def sample(force_n: float, v_m_s: float, **changes: float) -> AxisSample:
    values: dict[str, float] = {
        "surface_m_s": 0.0, "mass_kg": 5.0, "v_min_m_s": -0.04, "v_max_m_s": 0.03, "dt_s": DT_S,
    }  # fmt: skip
    values.update(changes)
    return AxisSample(force_n=force_n, v_m_s=v_m_s, integrate=True, **values)


def test_injected_energy_is_bounded_whatever_the_gains_do() -> None:
    """Stiffness estimate and surface estimate jump at random; the arm slides away for ever."""
    rng = random.Random(2)
    law = ExplicitForce()
    law.engage(5.0)
    injected, peak = 0.0, 0.0
    for i in range(60_000):
        law.stiffness.k_hat_n_m = rng.uniform(250.0, 6000.0)
        law.ramp(rng.uniform(0.0, 20.0), DT_S)
        v = 0.03 * math.sin(i * 0.003) + 0.02
        command = law.command(
            sample(rng.uniform(0.0, 10.0), v, surface_m_s=rng.uniform(-0.035, 0.035))
        )
        assert command.effort_n is not None
        injected += command.effort_n * v * DT_S
        peak = max(peak, injected - TRICKLE_W * i * DT_S)
    assert peak < START_J + MAX_J


def test_an_empty_tank_still_damps_and_lets_go() -> None:
    law = ExplicitForce()
    law.engage(5.0)
    law.tank.level_j = 0.0
    into, out = law.command(sample(0.0, 0.02)), law.command(sample(5.0, -0.02))
    assert into.effort_n is not None
    assert out.effort_n is not None
    assert into.effort_n < 0.0  # only the damping is left
    assert out.effort_n > 0.0


def test_tank_takes_no_more_than_it_holds() -> None:
    tank = EnergyTank()
    for _ in range(10_000):
        tank.book(-1.0, DT_S)
    assert tank.level_j == MAX_J
    for _ in range(10_000):
        tank.book(5.0, DT_S)
    assert tank.level_j == 0.0
    assert tank.share(0.1) == 0.0
    assert tank.share(-0.1) == 1.0


@given(
    force=st.floats(-5.0, 40.0), v=st.floats(-0.2, 0.2), reference=st.floats(0.0, 20.0),
    k=st.floats(250.0, 6000.0), mass=st.floats(0.5, 60.0),
)  # fmt: skip
def test_speed_bounds_bound_the_force(
    force: float, v: float, reference: float, k: float, mass: float
) -> None:
    """Faster than allowed, the law brakes against the measured force; it is always finite."""
    law = ExplicitForce(reference_n=reference)
    law.stiffness.k_hat_n_m = k
    effort = law.command(sample(force, v, mass_kg=mass)).effort_n
    assert effort is not None
    assert math.isfinite(effort)
    if v >= 0.03:
        assert effort <= force + 1e-9
    if v <= -0.04:
        assert effort >= force - 1e-9


def test_torque_law_starts_without_a_bump() -> None:
    law = ExplicitForce(integral_n=3.0)
    law.engage(4.2)
    assert law.command(sample(4.2, 0.0)).effort_n == pytest.approx(4.2)


@given(start=st.floats(0.0, 20.0), goal=st.floats(0.0, 20.0))
def test_reference_rises_gently_falls_fast_and_never_passes_the_goal(
    start: float, goal: float
) -> None:
    value = start
    for _ in range(300):
        last, value = value, ramped(value, goal, DT_S, smooth=True)
        assert value - last <= REF_SLEW_N_S * DT_S + 1e-12
        assert min(start, goal) - 1e-9 <= value <= max(start, goal) + 1e-9
    if goal < start:
        assert value == pytest.approx(goal, abs=1e-3 * max(1.0, start))


def test_moments_show_the_tilt_even_with_friction() -> None:
    surface = SurfaceMotion(RADIUS_M)
    sx, sy = 0.15, -0.08
    c = math.sqrt(1.0 - sx * sx - sy * sy)
    r = (RADIUS_M * sx, RADIUS_M * sy, RADIUS_M * (c - 1.0))
    f = (5.0 * sx + 0.4, 5.0 * sy, 5.0 * c)  # 0.4 N of friction along x
    m = (
        r[1] * f[2] - r[2] * f[1],
        r[2] * f[0] - r[0] * f[2],
        r[0] * f[1] - r[1] * f[0],
    )
    for _ in range(500):
        surface.update(f, m, (0.02, 0.0, 0.0), (0.0, 0.0, 0.0), 1000.0, DT_S)
    assert surface.tilt == pytest.approx((sx, sy), abs=0.012)
    assert surface.slope_m_s == pytest.approx(-0.02 * sx / c, rel=0.1)


def test_breathing_is_observed_as_the_surfaces_own_speed() -> None:
    """The probe follows perfectly: the force stays, all speed is the surface's."""
    surface = SurfaceMotion(RADIUS_M)
    worst = 0.0
    for i in range(8000):
        v = 0.008 * math.sin(2.0 * math.pi * 0.25 * i * DT_S)
        surface.update((0.0, 0.0, 5.0), (0.0,) * 3, (0.0, 0.0, v), (0.0,) * 3, 1000.0, DT_S)
        if i > 2000:
            worst = max(worst, abs(surface.speed_m_s - v))
    assert worst < 0.0015


def test_pressing_into_a_resting_surface_is_not_taken_for_motion() -> None:
    surface, force = SurfaceMotion(RADIUS_M), 1.0
    for _ in range(1000):
        force += 800.0 * 0.005 * DT_S
        surface.update((0.0, 0.0, force), (0.0,) * 3, (0.0, 0.0, 0.005), (0.0,) * 3, 800.0, DT_S)
    assert abs(surface.speed_m_s) < 0.0005


def test_alignment_is_limited_frozen_without_force_and_restarts_at_rest() -> None:
    alignment = NormalAlignment()
    fastest = 0.0
    for _ in range(2000):
        w = alignment.update((0.4, -0.3), 5.0, DT_S)
        fastest = max(fastest, math.hypot(*w[:2]))
    assert fastest == pytest.approx(RATE_MAX_RAD_S, rel=1e-6)
    assert alignment.update((0.4, -0.3), FREEZE_N * 0.99, DT_S) == (0.0, 0.0, 0.0)
    assert alignment.update((0.4, -0.3), FREEZE_N * 1.1, DT_S) == (0.0, 0.0, 0.0)  # hysteresis
    assert math.hypot(*alignment.update((0.4, -0.3), 5.0, DT_S)[:2]) < 0.002


def test_options_default_to_the_whole_method_without_alignment() -> None:
    options = ForceOptions()
    assert (options.adapt, options.feed_forward, options.ramp, options.integrate) == (True,) * 4
    assert not options.align
