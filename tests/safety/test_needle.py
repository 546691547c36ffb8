"""The needle in guard: no advance without plan, both people, a fresh picture and a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import Rig, prepared

from safety.limits import Limits
from safety.needle import GOAL_UNIT_M, NeedleWatch
from safety.states import Cause, EventKind, Instrument, NeedlePlan, Source, State
from safety.transitions import mask

GOAL = 9000
"""90 mm."""
S = 1_000_000_000


def active() -> Rig:
    return prepared("to_active", Instrument.PROBE_NEEDLE)


def propose(rig: Rig, arg: int = GOAL, source: Source = Source.CONSOLE) -> NeedlePlan:
    rig.send(EventKind.NEEDLE_PROPOSE, arg, source)
    rig.run(0.02)
    return rig.report.needle_plan


def confirm(rig: Rig, arg: int = GOAL, source: Source = Source.BEDSIDE_PAGE) -> NeedlePlan:
    rig.send(EventKind.NEEDLE_CONFIRM, arg, source)
    rig.run(0.05)
    return rig.report.needle_plan


def ready() -> Rig:
    rig = active()
    propose(rig)
    assert confirm(rig) == NeedlePlan.CONFIRMED
    rig.mode, rig.needle_v = 1, 0.003
    rig.run(0.05)
    assert advance(rig)
    return rig


def advance(rig: Rig) -> bool:
    assert rig.out is not None
    return rig.out.permit.needle_advance


def test_only_what_was_proposed_can_be_confirmed_and_only_by_the_bedside() -> None:
    rig = active()
    assert confirm(rig) == NeedlePlan.NONE, "nothing was proposed"
    assert propose(rig) == NeedlePlan.PROPOSED
    assert confirm(rig, GOAL + 1) == NeedlePlan.PROPOSED
    assert confirm(rig, GOAL, Source.CONSOLE) == NeedlePlan.PROPOSED
    assert not advance(rig)
    assert confirm(rig) == NeedlePlan.CONFIRMED
    assert rig.report.needle_goal_m == pytest.approx(0.09)
    rig.run(0.05)
    assert advance(rig)
    assert propose(rig, GOAL - 1) == NeedlePlan.PROPOSED, "a new plan needs a new answer"
    assert not advance(rig)


@pytest.mark.parametrize("arg", [-1, 1, 499, 16001, 2**31 - 1, -(2**31)])
def test_a_depth_that_is_no_plan_is_refused(arg: int) -> None:
    rig = active()
    assert propose(rig, arg) == NeedlePlan.NONE


def test_no_plan_without_a_declared_needle_or_from_the_bedside() -> None:
    rig = prepared("to_active")
    assert propose(rig) == NeedlePlan.NONE
    assert propose(active(), GOAL, Source.BEDSIDE_PAGE) == NeedlePlan.NONE


def test_held_advance_starts_nothing_when_the_bedside_confirms() -> None:
    rig = active()
    rig.mode, rig.needle_v = 1, 0.003
    propose(rig)
    confirm(rig)
    rig.run(1.0)
    assert not advance(rig)
    rig.needle_v = 0.0
    rig.run(0.05)
    rig.needle_v = 0.003
    rig.run(0.05)
    assert advance(rig)


def stale_picture(rig: Rig) -> None:
    rig.media_alive = False


def late_loop(rig: Rig) -> None:
    rig.picture_delay_ms = 58.0


def freeze(rig: Rig) -> None:
    rig.content_moves = False


def cut(rig: Rig) -> None:
    rig.console_alive = False


def let_go(rig: Rig) -> None:
    rig.deadman = False


@pytest.mark.parametrize("spoil", [stale_picture, late_loop, freeze, cut, let_go])
def test_any_doubt_blocks_the_advance_and_it_does_not_come_back_by_itself(
    spoil: Callable[[Rig], None],
) -> None:
    rig = ready()
    spoil(rig)
    rig.until(lambda out: not out.permit.needle_advance, 0.25)
    rig.media_alive, rig.picture_delay_ms, rig.content_moves = True, 20.0, True
    rig.console_alive = True
    for _ in range(400):
        rig.run(0.01)
        assert not advance(rig), "the expert never let go of advance"


def test_no_advance_on_a_picture_older_than_the_needle_limit() -> None:
    rig = ready()
    rig.media_alive = False
    while advance(rig):
        rig.step()
        assert rig.report.image_ms <= rig.limits.needle_image_ms + 2.0


@pytest.mark.parametrize("source", [Source.CONSOLE, Source.BEDSIDE_PAGE])
def test_either_end_aborts(source: Source) -> None:
    rig = ready()
    rig.send(EventKind.NEEDLE_ABORT, 0, source)
    rig.run(0.01)
    assert (rig.report.needle_plan, advance(rig)) == (NeedlePlan.NONE, False)


def test_a_plan_lapses_when_the_probe_leaves_its_place_before_the_insertion() -> None:
    for shift, kept in ((0.002, True), (0.004, False)):
        rig = active()
        propose(rig)
        x, y, z = rig.arm.base_p_probe_m
        rig.arm = replace(rig.arm, base_p_probe_m=(x, y + shift, z))
        rig.run(0.02)
        assert (rig.report.needle_plan == NeedlePlan.PROPOSED) is kept


def test_breathing_along_the_axis_keeps_the_plan() -> None:
    rig = active()
    propose(rig)
    x, y, z = rig.arm.base_p_probe_m
    for step in range(1, 11):
        rig.arm = replace(rig.arm, base_p_probe_m=(x, y, z + 0.001 * step))
        rig.step()
    rig.run(0.02)
    assert rig.report.needle_plan == NeedlePlan.PROPOSED


def test_no_new_plan_while_the_needle_is_out_of_home() -> None:
    rig = ready()
    rig.arm = replace(rig.arm, needle_depth_m=0.03)
    rig.run(0.02)
    assert rig.report.needle_attempts == 1
    assert propose(rig, 8000) == NeedlePlan.CONFIRMED
    assert rig.report.needle_goal_m == pytest.approx(0.09)


def test_no_advance_beyond_the_planned_depth() -> None:
    rig = ready()
    rig.arm = replace(rig.arm, needle_depth_m=0.0912)
    rig.run(0.02)
    assert not advance(rig)


def test_a_latched_stop_ends_the_plan() -> None:
    rig = ready()
    rig.send(EventKind.STOP, 1)
    rig.run(0.02)
    assert rig.report.state == State.SAFE_STOP
    assert rig.report.needle_plan == NeedlePlan.NONE


@pytest.mark.parametrize("v", [0.004, -0.004])
def test_an_axis_that_moves_without_permission_is_a_fault(v: float) -> None:
    rig = ready()
    rig.send(EventKind.STOP, 1, Source.CONSOLE)
    rig.run(0.05)
    assert rig.report.state == State.HOLD
    rig.arm = replace(rig.arm, needle_v_m_s=v)
    took = rig.until(lambda out: out.report.state == State.FAULT, 0.5)
    assert took <= 110.0
    assert rig.report.first_out != Cause.NONE
    assert rig.report.causes & mask(Cause.SERVO_IGNORES_PERMIT)


def test_too_fast_an_axis_is_a_fault_at_once() -> None:
    rig = ready()
    rig.arm = replace(rig.arm, needle_v_m_s=0.007)
    rig.run(0.01)
    assert rig.report.causes & mask(Cause.SPEED_OVER_PERMIT)


def test_random_measurements_never_raise() -> None:
    import random

    rng, rig = random.Random(5), active()
    watch, limits = NeedleWatch(), Limits()
    odd = (float("nan"), float("inf"), -float("inf"), 0.0, 1e-300)
    for step in range(2000):
        value = rng.choice((*odd, rng.uniform(-1, 1), rng.uniform(-0.01, 0.2)))
        arm = replace(rig.arm, needle_depth_m=value, needle_v_m_s=rng.choice((*odd, 0.004)))
        watch.follow(arm, rng.random() < 0.5)
        watch.propose(rng.randint(-(2**31), 2**31), arm.base_p_probe_m, arm.base_q_probe)
        watch.confirm(round(watch.goal_m / GOAL_UNIT_M))
        allowed = watch.may_advance(rng.random() < 0.5, rng.choice(odd), arm)
        assert not (allowed and not value < watch.goal_m + 0.0011)
        watch.check(arm, True, False, False, step * S, limits)
