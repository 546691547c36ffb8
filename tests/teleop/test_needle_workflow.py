"""Checking a clicked path, and the stages of the work as the reports lead through them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.needle import GOAL_MAX_M
from safety.states import Instrument, NeedlePlan
from teleop.needle.aiming import slid, to_picture, to_tissue
from teleop.needle.plan import PathRefusal, at_depth, beside, check, on_guide
from teleop.needle.workflow import TABLE, Facts, Seen, Stage, Workflow
from transport.schema import Avoid, NeedlePath

ENTRY, TARGET = at_depth(0.047), at_depth(0.105)
FACTS = Facts(0, Instrument.PROBE_NEEDLE, NeedlePlan.NONE, 0.0, 0.0, 0, 0)


def path(
    target: tuple[float, float] = TARGET,
    entry: tuple[float, float] = ENTRY,
    avoid: tuple[Avoid, ...] = (),
) -> NeedlePath:
    return NeedlePath(target[0], target[1], entry[0], entry[1], avoid)


def test_depth_and_offset_of_a_click() -> None:
    assert on_guide(beside(0.08, 0.003)) == pytest.approx((0.08, 0.003))


@pytest.mark.parametrize(
    ("proposed", "reason"),
    [
        (path(), PathRefusal.NONE),
        (path(target=beside(0.1, 0.0049)), PathRefusal.NONE),
        (path(target=beside(0.1, -0.0051)), PathRefusal.TARGET_OFF_GUIDE),
        (path(entry=beside(0.047, 0.0061)), PathRefusal.ENTRY_OFF_GUIDE),
        (path(target=at_depth(0.055)), PathRefusal.TOO_SHORT),
        (path(target=at_depth(0.0301), entry=ENTRY), PathRefusal.TOO_SHORT),
        (path(target=at_depth(GOAL_MAX_M - 0.0021)), PathRefusal.NONE),
        (path(target=at_depth(GOAL_MAX_M - 0.0019)), PathRefusal.TOO_DEEP),
    ],
)
def test_a_path_must_fit_the_guide(proposed: NeedlePath, reason: PathRefusal) -> None:
    assert check(proposed).refused is reason


@pytest.mark.parametrize(("kind", "least"), [("vessel", 0.005), ("bone", 0.003)])
def test_margins_count_from_the_border_of_what_was_marked(kind: str, least: float) -> None:
    for extra, good in ((0.0002, True), (-0.0002, False)):
        x, z = beside(0.08, 0.006 + least + extra)
        found = check(path(avoid=(Avoid(kind, x, z, 0.006),)))  # type: ignore[arg-type]
        assert (found.refused is PathRefusal.NONE) is good
        shown = found.margin_vessel_m if kind == "vessel" else found.margin_bone_m
        assert shown == pytest.approx(least + extra, abs=1e-6)


def test_what_lies_just_behind_the_target_counts_too() -> None:
    x, z = at_depth(0.105 + 0.012)
    assert check(path(avoid=(Avoid("vessel", x, z, 0.004),))).refused is PathRefusal.VESSEL_TOO_NEAR
    x, z = at_depth(0.105 + 0.02)
    assert check(path(avoid=(Avoid("vessel", x, z, 0.004),))).refused is PathRefusal.NONE


coordinate = st.floats(-0.2, 0.3)


@settings(max_examples=1000, deadline=None)
@given(coordinate, coordinate, coordinate, coordinate, coordinate, coordinate)
def test_any_click_is_judged(a: float, b: float, c: float, d: float, e: float, f: float) -> None:
    found = check(path((a, b), (c, d), (Avoid("bone", e, f, 0.01),)))
    assert math.isfinite(found.depth_m)
    if found.refused is PathRefusal.NONE:
        assert 0.005 <= found.depth_m <= found.goal_m <= GOAL_MAX_M
        assert found.margin_bone_m >= 0.003


def working() -> Workflow:
    work = Workflow()
    work.follow(FACTS)
    assert work.propose(path(), check(path()))
    return work


def lead(work: Workflow, **changes: object) -> Stage:
    work.follow(replace(FACTS, **changes))  # type: ignore[arg-type]
    return work.stage


CONFIRMED = NeedlePlan.CONFIRMED


def test_from_plan_to_report() -> None:
    work = working()
    assert lead(work, plan=NeedlePlan.PROPOSED) is Stage.PROPOSED
    assert lead(work, plan=CONFIRMED) is Stage.CONFIRMED
    assert lead(work, plan=CONFIRMED, depth_m=0.01, punctures=4) is Stage.ADVANCING
    lead(work, plan=CONFIRMED, depth_m=0.08, force_n=3.5, punctures=6)
    assert lead(work, plan=CONFIRMED, depth_m=0.1045, punctures=7) is Stage.REACHED
    work.tip(beside(0.104, 0.001))
    assert lead(work, plan=CONFIRMED, depth_m=0.05, punctures=7) is Stage.REACHED
    assert lead(work, depth_m=0.0, punctures=7, attempts=1, now_ns=40 * 10**9) is Stage.DONE
    report = work.message().report
    assert report is not None
    assert (report.outcome, report.seen, report.attempts) == ("REACHED", True, 1)
    assert report.error_m == pytest.approx(math.hypot(0.001, 0.001), rel=1e-3)
    assert (report.punctures, report.peak_force_n, report.seconds) == (3, 3.5, 40.0)
    assert lead(work, plan=NeedlePlan.PROPOSED) is Stage.PROPOSED, "a second attempt"


def test_abort_leaves_only_withdrawal() -> None:
    work = working()
    lead(work, plan=NeedlePlan.PROPOSED)
    lead(work, plan=CONFIRMED)
    lead(work, plan=CONFIRMED, depth_m=0.06)
    assert lead(work, depth_m=0.06) is Stage.ABORTED
    assert not work.propose(path(), check(path()))
    assert work.refused is PathRefusal.NEEDLE_NOT_HOME
    assert lead(work, depth_m=0.0) is Stage.DONE
    assert work.report is not None
    assert (work.report.outcome, work.report.seen) == ("ABORTED", False)


def test_denial_goes_back_to_the_plan() -> None:
    work = working()
    lead(work, plan=NeedlePlan.PROPOSED)
    assert lead(work) is Stage.PLAN


def test_without_a_needle_nothing_is_proposed() -> None:
    work = Workflow()
    work.follow(replace(FACTS, instrument=Instrument.PROBE))
    assert not work.propose(path(), check(path()))
    assert work.refused is PathRefusal.NO_NEEDLE


def test_a_needle_that_is_out_keeps_its_work_when_the_declaration_is_gone() -> None:
    work = working()
    lead(work, plan=NeedlePlan.PROPOSED)
    lead(work, plan=CONFIRMED)
    lead(work, plan=CONFIRMED, depth_m=0.06)
    assert lead(work, instrument=Instrument.UNKNOWN, depth_m=0.06) is Stage.ABORTED


def test_every_stage_can_be_left_and_reached() -> None:
    for stage in Stage:
        assert any(source is stage for source, _ in TABLE), stage
        assert any(to is stage for to in TABLE.values()), stage
    assert all(isinstance(seen, Seen) for _, seen in TABLE)


def test_a_message_goes_out_only_when_something_changed() -> None:
    work = working()
    before = work.changes
    for _ in range(5):
        lead(work)
    assert work.changes == before


def inserting(**changes: object) -> Workflow:
    work = working()
    lead(work, plan=NeedlePlan.PROPOSED)
    lead(work, plan=CONFIRMED)
    lead(work, plan=CONFIRMED, depth_m=0.01)
    lead(work, plan=CONFIRMED, **changes)
    return work


def test_the_aid_tells_nothing_before_a_tip_was_marked() -> None:
    state = inserting(depth_m=0.085).message()
    assert state.arrival is None
    assert (state.aim_off_m, state.aim_turn_rad) == (0.0, 0.0)
    assert state.target == pytest.approx(TARGET)


def test_the_aid_sends_a_needle_that_went_right_to_the_left() -> None:
    work = inserting(depth_m=0.085)
    work.tip(beside(0.085, 0.003))
    state = work.message()
    assert state.aim_off_m > 0.003, "it goes on to the right"
    assert state.aim_turn_rad < 0.0
    assert state.arrival == pytest.approx(beside(0.105, state.aim_off_m))
    left = inserting(depth_m=0.085)
    left.tip(beside(0.085, -0.003))
    assert left.message().aim_off_m < -0.001
    assert left.message().aim_turn_rad > 0.0


def test_a_click_far_from_the_axis_depth_is_no_sighting() -> None:
    work = inserting(depth_m=0.085)
    work.tip(beside(0.06, 0.003))
    assert work.message().arrival is None
    assert len(work.message().tips) == 1


@pytest.mark.parametrize("turned", [-0.07, -0.01, 0.0, 0.03, 0.07])
def test_marks_go_with_the_tissue_when_the_guide_turns(turned: float) -> None:
    entry = at_depth(0.047)
    assert to_picture(entry, turned) == pytest.approx(at_depth(0.047 - slid(turned)))
    assert to_tissue(to_picture(TARGET, turned), turned) == pytest.approx(TARGET)
    moved = on_guide(to_picture(TARGET, turned))[1]
    assert moved == pytest.approx(-math.sin(turned) * math.dist(entry, TARGET), abs=1e-9)
    work = inserting(depth_m=0.085, turned_rad=turned)
    assert work.message().target == pytest.approx(to_picture(TARGET, turned))


def test_the_report_compares_tip_and_target_where_they_lie_in_the_tissue() -> None:
    work = inserting(depth_m=0.105 - slid(0.05), turned_rad=0.05)
    work.tip(to_picture(TARGET, 0.05))
    lead(work, depth_m=0.0)
    assert work.report is not None
    assert work.report.error_m == pytest.approx(0.0, abs=1e-9)
