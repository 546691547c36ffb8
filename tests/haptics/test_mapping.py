"""From grip to hand: no jump, ever; scales, clutch, dead-man, tremor filter, choice, fade."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haptics.bilateral.choice import BETTER_NS, WORSE_NS, Coupling, CouplingChoice, needed
from haptics.bilateral.errors import ScaleError
from haptics.bilateral.fade import Fade, leg_ok
from haptics.bilateral.handle import HandleState
from haptics.bilateral.mapping import Block, Engagement, Mapping, Scales
from haptics.bilateral.one_euro import OneEuro
from haptics.vec import ZERO, norm, sub

DT_S = 0.001
MS = 1_000_000
place = st.floats(-0.2, 0.2)
turn = st.floats(-1.0, 1.0)


def grip(
    p: tuple[float, float, float] = (0.0, 0.0, 0.0),
    r: tuple[float, float, float] = (0.0, 0.0, 0.0),
    *,
    deadman: bool = True,
    speed: float = 0.0,
) -> HandleState:
    return HandleState(p, r, (speed, 0.0, 0.0), ZERO, deadman=deadman, clutch=False)


@settings(max_examples=25, deadline=None)
@given(place, place, place, turn, turn, turn)
def test_clutching_far_away_does_not_move_the_hand(
    x: float, y: float, z: float, a: float, b: float, c: float
) -> None:
    mapping = Mapping(Scales())
    for i in range(500):
        mapping.update(grip((0.02 * i / 500.0, 0.0, 0.0)), True, DT_S)
    p, r = mapping.p_m, mapping.r_rad
    for i in range(300):
        s = i / 299.0
        mapping.update(grip((0.02 + x * s, y * s, z * s), (a * s, b * s, c * s)), False, DT_S)
    assert (mapping.p_m, mapping.r_rad) == (p, r)
    for _ in range(400):
        mapping.update(grip((0.02 + x, y, z), (a, b, c)), True, DT_S)
        assert norm(sub(mapping.p_m, p)) < 0.001, "released: what the filter still lags by fades in"
        assert norm(sub(mapping.r_rad, r)) < math.radians(1.0)


def test_motion_is_scaled_and_fades_in() -> None:
    mapping = Mapping(Scales(0.5, 0.5))
    for i in range(4000):
        mapping.update(grip((0.01 * i / 1000.0, 0.0, 0.0)), True, DT_S)
    start = mapping.p_m[0]
    assert start < 0.5 * 0.04, "the first 0.3 s counted less"
    for i in range(4000, 8000):
        mapping.update(grip((0.01 * i / 1000.0, 0.0, 0.0)), True, DT_S)
    assert mapping.p_m[0] - start == pytest.approx(0.5 * 0.04, rel=0.01)
    assert mapping.v_m_s[0] == pytest.approx(0.005, rel=0.01)


@pytest.mark.parametrize(
    ("motion", "force", "words"),
    [(0.1, 0.5, "motion scale"), (0.5, 1.2, "force scale"), (0.9, 0.9, "lower one")],
)
def test_scales_are_limited_together(motion: float, force: float, words: str) -> None:
    with pytest.raises(ScaleError, match=words):
        Scales(motion, force)
    Scales(0.2, 1.0)
    Scales(1.0, 0.5)


def test_presses_count_once_and_only_from_a_hand_at_rest() -> None:
    e = Engagement()
    assert not e.update(grip(), Block.NONE, ZERO, ZERO), "held from the start: let go first"
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    assert not e.update(grip(speed=0.05), Block.NONE, ZERO, ZERO)
    assert e.reason is Block.HAND_MOVING
    assert not e.update(grip(), Block.NONE, ZERO, ZERO), "it must be let go first"
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    assert e.update(grip(), Block.NONE, ZERO, ZERO)
    assert e.update(grip(speed=0.05), Block.NONE, ZERO, ZERO)
    assert e.edges == 1


def test_a_block_lets_go_and_needs_a_new_press() -> None:
    e = Engagement()
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    e.update(grip(), Block.NONE, ZERO, ZERO)
    assert not e.update(grip(), Block.PICTURE, ZERO, ZERO)
    assert e.reason is Block.PICTURE
    assert not e.update(grip(), Block.NONE, ZERO, ZERO)
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    assert e.update(grip(), Block.NONE, ZERO, ZERO)
    assert e.edges == 2


@pytest.mark.parametrize(
    ("probe", "turned", "counts"),
    [((0.004, 0.0, 0.0), ZERO, True), ((0.006, 0.0, 0.0), ZERO, False),
     (ZERO, (0.08, 0.0, 0.0), True), (ZERO, (0.1, 0.0, 0.0), False)],
)  # fmt: skip
def test_a_probe_that_moved_meanwhile_is_pointed_out(
    probe: tuple[float, float, float], turned: tuple[float, float, float], counts: bool
) -> None:
    e = Engagement()
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    e.update(grip(), Block.NONE, ZERO, ZERO)
    e.update(grip(deadman=False), Block.NONE, ZERO, ZERO)
    assert e.update(grip(), Block.NONE, probe, turned) is counts
    if not counts:
        assert e.reason is Block.PROBE_MOVED
        e.update(grip(deadman=False), Block.NONE, probe, turned)
        assert e.update(grip(), Block.NONE, probe, turned), "the second press counts"


def test_the_counted_lag_covers_the_real_one() -> None:
    """While the hand moves steadily, what counts is what the filter delays."""
    for speed in (0.01, 0.02, 0.05, 0.1):
        euro = OneEuro()
        for i in range(3000):
            x = speed * i / 1000.0
            value = euro.update((x, 0.0, 0.0), DT_S)[0]
        real_s = (x - value) / speed
        assert euro.counted_lag_s <= 0.0201
        assert euro.counted_lag_s == pytest.approx(real_s, abs=0.001), speed
    assert OneEuro().counted_lag_s == 0.0


def test_unknown_links_are_worst() -> None:
    for rtt, loss in ((-1.0, 0.0), (math.nan, 0.0), (5.0, math.nan), (5.0, -0.1), (201.0, 0.0)):
        assert needed(rtt, loss) is Coupling.OFF
    assert needed(19.9, 0.0) is Coupling.REFLECTION
    assert needed(20.0, 0.0) is Coupling.MODEL
    assert needed(5.0, 0.11) is Coupling.OFF


def test_choice_has_hysteresis() -> None:
    choice = CouplingChoice()

    def coupling() -> Coupling:
        return choice.coupling

    now = 0
    for _ in range(BETTER_NS // (10 * MS) + 1):
        assert coupling() is Coupling.MODEL
        now += 10 * MS
        choice.update(now, 10.0, 0.0)
    assert coupling() is Coupling.REFLECTION
    for i in range(500):  # around the limit: nothing flutters
        now += 10 * MS
        choice.update(now, 17.0 + 2.0 * (i % 2), 0.0)
        assert coupling() is Coupling.REFLECTION
    for _ in range(WORSE_NS // (10 * MS) + 1):
        now += 10 * MS
        choice.update(now, 30.0, 0.0)
    assert coupling() is Coupling.MODEL
    for _ in range(WORSE_NS // (10 * MS) + 1):
        now += 10 * MS
        choice.update(now, 30.0, 0.2)
    assert coupling() is Coupling.OFF
    choice.update(now + 10 * MS, 30.0, 0.0)
    assert coupling() is Coupling.OFF, "better must last"


def test_a_single_late_moment_changes_nothing() -> None:
    choice = CouplingChoice(Coupling.REFLECTION)
    choice.update(0, 100.0, 0.0)
    choice.update(10 * MS, 10.0, 0.0)
    choice.update(60 * MS, 100.0, 0.0)
    assert choice.coupling is Coupling.REFLECTION


def test_force_fades_with_the_leg_and_comes_back_gently() -> None:
    assert leg_ok(49.0, 50.0, 0)
    for leg, silent in ((51.0, 0), (-1.0, 0), (math.nan, 0), (10.0, 60 * MS)):
        assert not leg_ok(leg, 50.0, silent)
    fade = Fade(1.0)
    gains = [fade.update(False, DT_S) for _ in range(150)]
    assert gains[-1] == 0.0
    assert max(a - b for a, b in pairwise(gains)) < 0.02
    for _ in range(200):
        fade.update(True, DT_S)
    assert fade.gain < 1.0
