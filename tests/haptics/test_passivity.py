"""Passivity: whatever force is asked for, a port never gives out more than was put in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haptics.bilateral.passivity import (
    CAP_J,
    GRANT_J,
    EnergyPort,
    ForcePort,
    OnePort,
    VelocityPort,
)

DT_S = 0.001
MASS_KG = 0.15
forces = st.floats(-12.0, 12.0)
pushes = st.lists(st.tuples(forces, forces), min_size=5, max_size=60)


def drive(port: OnePort | ForcePort, pairs: list[tuple[float, float]]) -> float:
    """A grip pushed by a hand against rendered forces; lowest energy that was put in (J)."""
    v = p = held = energy = lowest = 0.0
    for hand_n, wanted_n in pairs:
        for _ in range(10):
            v += (hand_n - held) / MASS_KG * DT_S
            v = max(-1.0, min(1.0, v))
            moved = v * DT_S
            p += moved
            energy += held * moved
            lowest = min(lowest, energy)
            held = port.update(wanted_n, moved, v, DT_S)
    return lowest


@settings(max_examples=120, deadline=None)
@given(pushes)
def test_a_port_gives_no_more_than_its_grant(pairs: list[tuple[float, float]]) -> None:
    assert drive(OnePort(), pairs) >= -GRANT_J - 1e-3


def test_an_active_force_is_really_stopped() -> None:
    """Without the controller the same force gives out a hundred times the grant."""
    active = [(0.0, -5.0)] * 50
    assert drive(OnePort(), active) >= -GRANT_J - 1e-3
    free = OnePort(stored_j=100.0, cap_j=100.0)
    assert drive(free, active) < -10.0 * GRANT_J


def test_a_passive_spring_is_left_alone() -> None:
    port, x = OnePort(), 0.0
    for i in range(2000):
        before, x = x, 0.005 * math.sin(i / 200.0) ** 2
        wanted = 300.0 * x + 2.0 * (x - before) / DT_S
        assert port.update(wanted, x - before, (x - before) / DT_S, DT_S) == wanted
    assert port.lowest_j >= 0.0


def test_energy_is_not_hoarded() -> None:
    port = OnePort()
    for _ in range(1000):
        port.update(5.0, 0.001, 1.0, DT_S)
    assert port.stored_j <= CAP_J


@settings(max_examples=80, deadline=None)
@given(pushes, st.lists(st.floats(0.0, 0.01), min_size=5, max_size=60))
def test_the_handle_end_gives_out_only_what_the_other_end_took(
    pairs: list[tuple[float, float]], taken: list[float]
) -> None:
    port = ForcePort(EnergyPort())
    for step in taken:
        port.energy.heard(port.energy.remote_in_j + step)
    drive(port, pairs)
    assert port.energy.out_j <= port.energy.remote_in_j + GRANT_J + 1e-3


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(-20.0, 20.0)), max_size=200))
def test_the_robot_end_presses_only_with_energy_it_heard_of(
    steps: list[tuple[float, float]],
) -> None:
    port = VelocityPort(EnergyPort())
    for v, force in steps:
        out = port.update(v, force, DT_S)
        assert force * out * DT_S <= CAP_J
    assert port.energy.out_j <= GRANT_J + 1e-9


def test_old_energies_change_nothing() -> None:
    port = EnergyPort()
    port.heard(0.02)
    port.heard(0.01)
    assert port.remote_in_j == 0.02


def test_the_grant_lets_a_two_port_start() -> None:
    """From zero energy the robot would never move against a surface at all."""
    port, started = VelocityPort(EnergyPort()), 0.0
    for _ in range(20):
        started += port.update(0.01, 5.0, DT_S) * DT_S
    assert started == pytest.approx(0.01 * 0.02)
    locked = VelocityPort(EnergyPort(grant_j=0.0))
    assert locked.update(0.01, 5.0, DT_S) == 0.0


def test_drift_is_paid_back_within_the_margin() -> None:
    port = VelocityPort(EnergyPort())
    for _ in range(2000):
        port.update(0.02, 10.0, DT_S)
    behind = port.drift_m
    assert behind > 0.005
    port.energy.heard(1.0)
    for _ in range(12000):
        port.update(0.0, 0.0, DT_S)
    assert abs(port.drift_m) < 0.2 * behind
