"""The force controller on a one-dimensional tissue with the delays of the real loop."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from haptics.admittance import INTEGRAL_MAX_N, Admittance
from haptics.filters import LowPass
from haptics.force_law import REF_SLEW_N_S, AxisSample
from haptics.surface import SurfaceMotion

DT_S = 0.002
DELAY_CYCLES = 3
"""Sensor delay and transport: 6 ms."""


def sample(
    force_n: float, v_min_m_s: float = -0.03, v_max_m_s: float = 0.02, *, integrate: bool
) -> AxisSample:
    return AxisSample(force_n, 0.0, 0.0, 0.0, v_min_m_s, v_max_m_s, DT_S, integrate)


class Tissue:
    """Linear spring, low-passed and delayed force, velocity servo with 30 Hz."""

    def __init__(self, k_n_m: float, noise_n: float = 0.02) -> None:
        self.k, self.noise = k_n_m, noise_n
        self.x_m, self.v_m_s, self.t_s = 0.0, 0.0, 0.0
        self._line = deque([0.0] * DELAY_CYCLES)
        self._low = LowPass(1 / (2 * math.pi * 50))
        self._rng = random.Random(1)
        self.surface: Callable[[float], float] = lambda t: 0.0

    @property
    def force_n(self) -> float:
        return max(0.0, self.k * (self.x_m + self.surface(self.t_s)))

    def step(self, wanted_m_s: float) -> float:
        """Move for one cycle; return the measured force."""
        self.t_s += DT_S
        self.v_m_s += (1 - math.exp(-2 * math.pi * 30 * DT_S)) * (wanted_m_s - self.v_m_s)
        self.x_m += self.v_m_s * DT_S
        self._line.append(self._low.update(self.force_n, DT_S) + self._rng.gauss(0, self.noise))
        return self._line.popleft()


def press(tissue: Tissue, goal_n: float, seconds: float) -> list[float]:
    """Land with 10 mm/s, then control; return the true force of each cycle."""
    control, out = Admittance(), []
    surface = SurfaceMotion(0.06)
    measured, landing_s = 0.0, 0.0
    while measured < 0.5:
        measured = tissue.step(0.01)
    control.engage(measured)
    control.stiffness.start(tissue.x_m, measured)
    for _ in range(round(seconds / DT_S)):
        landing_s += DT_S
        control.stiffness.update(tissue.x_m, measured, DT_S, landing=landing_s < 0.5)
        control.ramp(goal_n, DT_S)
        settled = landing_s > 0.5
        k = control.stiffness.k_hat_n_m
        surface.update((0, 0, measured), (0, 0, 0), (0, 0, tissue.v_m_s), (0, 0, 0), k, DT_S)
        given = sample(measured, integrate=settled)
        if settled:
            given = replace(given, surface_m_s=surface.speed_m_s)
        v = control.command(given).v_m_s
        measured = tissue.step(v)
        out.append(tissue.force_n)
    return out


@pytest.mark.parametrize("k_n_m", [200.0, 500.0, 1000.0, 2000.0, 4000.0])
@pytest.mark.parametrize("goal_n", [2.0, 5.0, 15.0])
def test_static_force_without_overshoot(k_n_m: float, goal_n: float) -> None:
    force = press(Tissue(k_n_m), goal_n, 6.0)
    steady = force[-1000:]
    assert max(force) <= goal_n * 1.05 + 0.1
    assert sum(steady) / len(steady) == pytest.approx(goal_n, abs=0.02)
    assert math.sqrt(sum((f - goal_n) ** 2 for f in steady) / len(steady)) < 0.05


@pytest.mark.parametrize("k_n_m", [300.0, 1000.0, 4000.0])
def test_breathing_is_followed(k_n_m: float) -> None:
    tissue = Tissue(k_n_m)
    tissue.surface = lambda t: 0.005 * math.sin(2 * math.pi * 0.25 * t)
    force = press(tissue, 5.0, 14.0)[-4000:]
    assert math.sqrt(sum((f - 5.0) ** 2 for f in force) / len(force)) < 0.1


@pytest.mark.parametrize("k_n_m", [600.0, 1500.0, 4000.0])
def test_landing_shows_the_stiffness(k_n_m: float) -> None:
    tissue, control = Tissue(k_n_m), Admittance()
    measured = 0.0
    while measured < 0.5:
        measured = tissue.step(0.01)
    control.stiffness.start(tissue.x_m, measured)
    for _ in range(250):
        control.stiffness.update(tissue.x_m, measured, DT_S, landing=True)
        measured = tissue.step(0.01)
    assert control.stiffness.k_hat_n_m == pytest.approx(k_n_m, rel=0.15)


def test_a_tissue_that_turns_stiff_does_not_ring() -> None:
    """Sliding from belly onto a rib: the estimate follows before the loop becomes unstable."""
    tissue, control = Tissue(500.0), Admittance()
    control.engage(5.0)
    tissue.x_m, measured = 0.01, 5.0
    control.stiffness.k_hat_n_m = 500.0
    late = []
    for i in range(3000):
        if i == 1000:
            tissue.x_m *= tissue.k / 4000.0  # same force, eight times the stiffness
            tissue.k = 4000.0
        control.stiffness.update(tissue.x_m, measured, DT_S, landing=False)
        control.ramp(5.0, DT_S)
        measured = tissue.step(control.command(sample(measured, integrate=True)).v_m_s)
        late.append(tissue.force_n)
    assert max(late) < 8.0
    assert max(abs(f - 5.0) for f in late[-500:]) < 0.3


def test_engaging_is_bumpless() -> None:
    control = Admittance()
    control.integral_n = 2.0
    control.engage(3.7)
    assert control.command(sample(3.7, integrate=True)).v_m_s == 0.0


def test_the_integral_stops_at_a_bound_and_is_limited() -> None:
    control = Admittance(reference_n=20.0)
    for _ in range(100):
        control.command(sample(0.0, integrate=False))
    for _ in range(5000):
        assert control.command(sample(0.0, integrate=True)).v_m_s == 0.02
    assert control.integral_n == 0.0
    for _ in range(5000):
        control.command(sample(19.0, -1.0, 1.0, integrate=True))
    assert control.integral_n == INTEGRAL_MAX_N


def test_reference_ramps_with_bounded_slope() -> None:
    control = Admittance()
    control.engage(0.5)
    seen = [control.ramp(20.0, DT_S) for _ in range(1000)]
    steps = [b - a for a, b in pairwise(seen)]
    assert max(steps) <= REF_SLEW_N_S * DT_S + 1e-12
    assert seen[-1] == pytest.approx(20.0, abs=0.2)
    assert min(steps) >= 0.0
