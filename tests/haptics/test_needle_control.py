"""Needle control: the law only slows down, pops are found, the gate waits, aiming corrects."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haptics.iiwa import PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from haptics.needle.aim import PIVOT_MAX_RAD, Aim
from haptics.needle.axis_law import NeedleCaps, NeedleLaw, NeedleSample
from haptics.needle.beam import tip_follows
from haptics.needle.breathing import LEARN_S, BreathingGate
from haptics.needle.pivot import (
    Guide,
    entry_at,
    entry_error_m,
    keep_height,
    pivot_twist,
    slid_m,
)
from haptics.needle.puncture import PunctureDetector
from haptics.needle.stiffness import LayerStiffness
from haptics.vec import (
    EYE,
    Vec,
    add,
    apply,
    column,
    cross,
    dot,
    exp,
    from_quat,
    multiply,
    norm,
    orthonormal,
    scale,
    sub,
)
from robot_sim.needle.bend import TipPath
from robot_sim.needle.force import NeedleForce, membrane_depth_m, membrane_n
from robot_sim.needle.layers import ABDOMEN
from safety.states import Clamp

DT = 0.002
CAPS = NeedleCaps(v_m_s=0.005, force_n=8.0, goal_m=0.09, advance=True, gate=1.0)


def law_after(caps: NeedleCaps, wanted: float, force: float = 0.0, depth: float = 0.03) -> float:
    law, v = NeedleLaw(), 0.0
    for i in range(800):
        sample = NeedleSample(10**9 + i * 2_000_000, DT, wanted, depth, force)
        v = law.update(sample, caps).v_m_s
    return v


finite = st.floats(-1.0, 1.0)


@settings(max_examples=1000, deadline=None)
@given(finite, st.floats(-5, 30), st.floats(-0.01, 0.2), st.booleans(), st.floats(0, 1), finite)
def test_the_law_never_goes_faster_than_asked_nor_the_other_way(
    wanted: float, force: float, depth: float, advance: bool, gate: float, goal: float
) -> None:
    law = NeedleLaw()
    caps = NeedleCaps(0.005, 8.0, goal, advance, gate)
    for i in range(20):
        v = law.update(NeedleSample(i * 2_000_000, DT, wanted, depth, force), caps).v_m_s
        assert abs(v) <= min(abs(wanted), 0.005) + 1e-12
        assert v * wanted >= 0.0
        assert not (v > 0.0 and (not advance or depth > goal))


def test_speed_without_a_reason_against_it_is_what_was_asked() -> None:
    assert law_after(CAPS, 0.004) == pytest.approx(0.004)
    assert law_after(CAPS, 0.02) == pytest.approx(0.005)
    assert law_after(CAPS, -0.02) == pytest.approx(-0.005)


@pytest.mark.parametrize(("force", "share"), [(5.5, 1.0), (6.8, 0.5), (8.0, 0.0), (12.0, 0.0)])
def test_force_slows_and_stops_the_advance_but_not_the_withdrawal(
    force: float, share: float
) -> None:
    assert law_after(CAPS, 0.005, force) == pytest.approx(0.005 * share, abs=1e-6)
    assert law_after(CAPS, -0.005, -force) == pytest.approx(-0.005)


def test_every_gate_says_that_it_acts() -> None:
    base = NeedleSample(10**9, DT, 0.005, 0.03, 0.0)
    for caps, depth, force, clamp in (
        (NeedleCaps(0.005, 8.0, 0.09, False, 1.0), 0.03, 0.0, Clamp.NEEDLE_BLOCKED),
        (NeedleCaps(0.005, 8.0, 0.09, True, 0.2), 0.03, 0.0, Clamp.NEEDLE_BREATHING),
        (NeedleCaps(0.005, 8.0, 0.03, True, 1.0), 0.0299, 0.0, Clamp.NEEDLE_DEPTH),
        (NeedleCaps(0.005, 8.0, 0.09, True, 1.0), 0.03, 7.9, Clamp.NEEDLE_FORCE),
    ):
        sample = NeedleSample(base.now_ns, DT, 0.005, depth, force)
        assert NeedleLaw().update(sample, caps).clamps & clamp


def test_a_block_stops_in_the_same_cycle() -> None:
    law = NeedleLaw()
    for i in range(500):
        law.update(NeedleSample(i * 2_000_000, DT, 0.005, 0.03, 0.0), CAPS)
    blocked = NeedleCaps(0.005, 8.0, 0.09, False, 1.0)
    assert law.update(NeedleSample(10**9, DT, 0.005, 0.03, 0.0), blocked).v_m_s == 0.0


def insertion(noise_n: float, seed: int) -> tuple[int, int, float]:
    """(membranes, detections, longest delay ms) of one insertion at 4 mm/s."""
    rng, tissue, detector = random.Random(seed), NeedleForce(ABDOMEN), PunctureDetector()
    ruptures, found, depth = [], [], 0.0
    for i in range(12000):
        depth += 0.004 * DT
        force = tissue.update(depth, 0.004, DT) + rng.gauss(0.0, noise_n)
        if tissue.punctured:
            ruptures.append(i)
        if detector.update(i * 2_000_000, force, 0.004, DT):
            found.append(i)
    late = max((b - a) * 2.0 for a, b in zip(ruptures, found, strict=False))
    return len(ruptures), len(found), late


def test_each_membrane_is_one_puncture_within_20_ms() -> None:
    for seed in range(20):
        membranes, found, late_ms = insertion(0.02, seed)
        assert (membranes, found) == (3, 3)
        assert 0.0 <= late_ms <= 20.0


def test_noise_and_rest_are_no_punctures() -> None:
    rng, detector = random.Random(1), PunctureDetector()
    for i in range(20000):
        force = 2.0 + rng.gauss(0.0, 0.03) + 0.5 * math.sin(i / 500.0)
        assert not detector.update(i * 2_000_000, force, 0.004, DT)
    assert not detector.update(50_000_000_000, 0.0, 0.0, DT), "a withdrawal is none"


@pytest.mark.parametrize("k", [100.0, 400.0, 1500.0])
def test_stiffness_is_learnt_from_two_millimetres(k: float) -> None:
    rng, estimate = random.Random(2), LayerStiffness()
    for i in range(500):
        x = 0.05 + i * 4e-6
        estimate.update(x, 1.0 + k * (x - 0.05) + rng.gauss(0.0, 0.02))
    assert estimate.stiffness_n_m == pytest.approx(k, rel=0.2)


def test_a_waiting_needle_forgets_nothing() -> None:
    estimate = LayerStiffness()
    for i in range(300):
        estimate.update(i * 4e-6, 800.0 * i * 4e-6)
    before = estimate.stiffness_n_m
    for _ in range(10000):
        estimate.update(299 * 4e-6, 5.0)
    assert estimate.stiffness_n_m == before


def test_the_gate_is_shut_until_breathing_is_known_and_opens_at_exhalation() -> None:
    gate, opened = BreathingGate(), []
    for i in range(10000):
        t = i * 0.002
        lift = math.sin(math.pi * 0.25 * t) ** 4
        opening = gate.update(0.008 * lift, 0.002)
        if t < LEARN_S:
            assert opening == 0.0
        elif opening > 0.0:
            opened.append(lift)
    assert len(opened) > 2000
    assert max(opened) < 0.35


def test_without_breathing_the_gate_opens() -> None:
    rng, gate = random.Random(3), BreathingGate()
    for _ in range(4000):
        opening = gate.update(0.3 + rng.gauss(0.0, 0.0002), 0.002)
    assert opening == 1.0


def test_a_stiff_needle_follows_and_a_long_one_does_not() -> None:
    assert tip_follows(18.0, 0.0) == (1.0, 1.0)
    shares = [tip_follows(18.0, length)[0] for length in (0.01, 0.03, 0.06, 0.1, 0.2, 0.4)]
    assert shares[0] == pytest.approx(1.0, abs=0.01)
    assert abs(shares[-1]) < 0.01
    assert shares[:4] == sorted(shares[:4], reverse=True)


def test_the_beam_solves_its_equation() -> None:
    """Finite differences of w'''' + 4 b^4 w = 0 with the same ends."""
    import numpy as np

    b, length, n = 18.0, 0.07, 801
    h = length / (n - 1)
    a, right = np.zeros((n, n)), np.zeros(n)
    for i in range(2, n - 2):
        a[i, i - 2 : i + 3] = [1, -4, 6 + 4 * (b * h) ** 4, -4, 1]
    a[0, 0] = 1.0
    a[1, :3], right[1] = [-3, 4, -1], 2 * h  # slope 1 at the entry
    a[-2, -4:] = [-1, 4, -5, 2]  # no moment
    a[-1, -5:] = [3, -14, 24, -18, 5]  # no shear
    w = np.linalg.solve(a, right)
    offset, slope = tip_follows(b, length)
    assert w[-1] / length == pytest.approx(offset, abs=0.01)
    assert (3 * w[-1] - 4 * w[-2] + w[-3]) / (2 * h) == pytest.approx(slope, abs=0.01)


def test_small_depth_deflection_is_half_curvature_times_depth_squared() -> None:
    path = TipPath((1.2, 0.0), 18.0)
    path.start()
    path.move_to(0.08)
    assert path.across_m[0] == pytest.approx(0.5 * 1.2 * 0.08**2, rel=1e-6)
    path.move_to(0.0)
    assert path.across_m == pytest.approx((0.0, 0.0), abs=1e-9), "through its own channel"


def test_a_needle_that_gives_way_by_a_micrometre_keeps_what_a_pivot_did() -> None:
    path = TipPath((1.2, 0.0), 10.0)
    path.start()
    path.move_to(0.03)
    path.pivot(0.05)
    turned_m = path.across_m[0]
    path.move_to(0.03 - 1e-6)
    assert path.across_m[0] == pytest.approx(turned_m, abs=1e-6)


def test_a_turn_at_the_skins_height_slides_the_guide_along_the_shaft() -> None:
    """Against a fine sum of small steps of `keep_height`."""
    guide, steps, turn = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS), 20_000, 0.07
    p: Vec = (0.5, 0.1, 0.2)
    rot = from_quat((1.0, 0.0, 0.0, 0.0))
    entry = entry_at(guide, p, rot, PROBE_ENTRY_M)
    for i in range(steps):
        at_m = PROBE_ENTRY_M - slid_m(guide, PROBE_ENTRY_M, turn * i / steps)
        w = scale(column(rot, 1), turn / steps)
        v = keep_height(guide, rot, cross(w, sub(p, entry_at(guide, p, rot, at_m))))
        assert abs(dot(v, column(rot, 2))) < 1e-12
        p, rot = add(p, v), orthonormal(multiply(rot, exp((0.0, turn / steps, 0.0))))
    assert norm(entry_error_m(guide, p, rot, entry)) < 1e-6
    home = add(p, apply(rot, guide.probe_p_home_m))
    depth_m = dot(sub(entry, home), apply(rot, guide.probe_axis))
    assert PROBE_ENTRY_M - depth_m == pytest.approx(slid_m(guide, PROBE_ENTRY_M, turn), abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_aiming_brings_a_bent_needle_to_the_target(seed: int) -> None:
    rng = random.Random(seed)
    kappa, psi, offset = rng.uniform(0.2, 1.6), rng.gauss(0, 0.006), rng.gauss(0, 0.0006)
    path, aim, goal = TipPath((kappa, 0.0), rng.uniform(12, 24)), Aim(), 0.085
    path.start((offset, 0.0), (psi, 0.0))
    s = 0.0
    while s < goal:
        turn = max(-0.002, min(0.002, aim.correction_rad(goal, 0.0)))
        path.pivot(turn)
        aim.moved(s, turn)
        if s > 0.004:
            aim.saw(path.across_m[0] + rng.gauss(0.0, 0.0006))
        s += 0.0005
        path.move_to(s)
    assert abs(aim.turned_rad) <= PIVOT_MAX_RAD + 1e-9
    assert abs(path.across_m[0]) < 0.0015


@settings(max_examples=1000, deadline=None)
@given(
    st.floats(-0.05, 0.05), st.lists(st.floats(-0.05, 0.05), min_size=1, max_size=20),
    st.floats(0.0, 0.1), st.floats(-0.02, 0.02),
)  # fmt: skip
def test_aiming_never_leaves_its_range(
    turn: float, seen: list[float], s: float, wanted: float
) -> None:
    aim = Aim()
    aim.moved(s, turn)
    for value in seen:
        aim.saw(value)
    correction = aim.correction_rad(0.1, wanted)
    assert math.isfinite(correction)
    assert abs(aim.turned_rad + correction) <= max(PIVOT_MAX_RAD, abs(turn)) + 1e-9


def test_membranes_invert() -> None:
    for layer in ABDOMEN:
        for force in (0.1, 0.7, 2.0):
            assert membrane_n(layer, membrane_depth_m(layer, force)) == pytest.approx(force)


def test_friction_holds_a_resting_needle_and_turns_round_on_withdrawal() -> None:
    tissue, depth = NeedleForce(ABDOMEN), 0.0
    while depth < 0.06:
        depth += 0.000008
        pushing = tissue.update(depth, 0.004, DT)
    resting = tissue.update(depth, 0.0, DT)
    assert 0.0 < resting < pushing
    pulling = tissue.update(depth - 0.00002, -0.004, DT)
    assert pulling < 0.0
    assert tissue.open_layers == 3


def test_a_pivot_keeps_the_entry_point() -> None:
    guide = Guide((0.06, 0.0, -0.045), (-0.5, 0.0, math.sqrt(0.75)))
    p: Vec = (0.5, 0.1, 0.2)
    rot = exp((math.pi, 0.0, 0.0))
    entry = entry_at(guide, p, rot, 0.047)
    for i in range(2000):
        w = (0.0, 0.3 * math.sin(i / 200.0), 0.05)
        twist = pivot_twist(guide, p, rot, entry, w)
        p = add(p, scale(twist.v_m_s, 0.001))
        rot = multiply(exp(scale(twist.w_rad_s, 0.001)), rot)
        assert norm(entry_error_m(guide, p, rot, entry)) < 2e-5
    assert rot != EYE
