"""The simulated person: impedance, reaction time, tremor, intention."""

from __future__ import annotations

from dataclasses import replace

from robot_sim.operator import Hand, Intention, Operator

STILL = Hand(tremor_m=0.0)
DT_S = 0.001


def run(operator: Operator, seconds: float, force_n: float) -> None:
    for _ in range(round(seconds / DT_S)):
        operator.step(force_n, DT_S)


def test_a_hand_yields_by_its_stiffness() -> None:
    for stiffness in (100.0, 300.0, 1000.0):
        hand = replace(STILL, stiffness_n_m=stiffness)
        operator = Operator(hand, Intention(approach_m_s=0.0, felt_n=0.0))
        run(operator, 3.0, 2.0)
        assert abs(operator.p_m + 2.0 / stiffness) < 1e-4


def test_force_is_noticed_after_the_reaction_time() -> None:
    operator = Operator(STILL)
    run(operator, 0.15, 2.0)
    assert not operator.noticed
    run(operator, 0.15, 2.0)
    assert operator.noticed


def test_the_person_presses_until_the_wanted_force_is_felt() -> None:
    operator, force = Operator(STILL, Intention(felt_n=2.0)), 0.0
    for _ in range(15_000):
        operator.step(force, DT_S)
        force = max(0.0, 500.0 * (operator.p_m - 0.01))
    assert abs(force - 2.0) < 0.2


def test_a_hand_that_seeks_nothing_leaves_even_when_it_feels() -> None:
    operator = Operator(STILL, Intention(felt_n=0.0, approach_m_s=-0.05))
    run(operator, 1.0, 1.0)
    assert operator.p_m < -0.04


def test_tremor_moves_a_resting_hand() -> None:
    operator = Operator(Hand(), Intention(approach_m_s=0.0, felt_n=0.0))
    moved = []
    for _ in range(1000):
        operator.step(0.0, DT_S)
        moved.append(operator.p_m)
    assert 0.0002 < max(moved) - min(moved) < 0.004
