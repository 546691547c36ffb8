"""The verdict on a scripted scan: each criterion fails when its figure is bad."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from safety.states import Cause, ContactState, State
from teleop.scripted import run
from teleop.scripted.persons import Phase
from teleop.scripted.run import Result
from teleop.scripted.score import Criterion, Histogram, Sample, Score

GOOD = Sample(
    stamp_us=0,
    state=State.ACTIVE,
    first_out=Cause.NONE,
    causes=0,
    contact=ContactState.PRESS,
    force_n=5.1,
    force_ref_n=5.0,
    loop_ms=30.0,
    age_ms=12.0,
    probe_p_m=(0.5, 0.0, 0.1),
    clamps=0,
    servo_lateness_us=100.0,
)
PERIOD_US = 10_000


class _Run:
    def __init__(self) -> None:
        self.score = Score()
        self.us = 1_000_000
        self.y_m = 0.0

    def add(self, seconds: float, sample: Sample = GOOD, phase: Phase = Phase.SCAN) -> None:
        for _ in range(round(seconds * 1e6 / PERIOD_US)):
            self.us += PERIOD_US
            self.y_m += 0.0001
            self.score.add(replace(sample, stamp_us=self.us, probe_p_m=(0.5, self.y_m, 0.1)), phase)

    def verdict(self, hand_m: float = 0.1, fps: float = 30.0, change: float = 9.0) -> list[str]:
        return [c.name for c in self.score.criteria(hand_m, fps, change) if not c.ok]


def test_a_good_scan_passes_and_its_figures_are_right() -> None:
    run_ = _Run()
    run_.add(10)
    assert run_.verdict() == []
    measured = run_.score.measured()
    assert measured["contact_share"] == 1.0
    assert measured["scanned_mm"] == pytest.approx(100.0, abs=1.0)
    assert measured["force_error_n"]["p95"] == pytest.approx(0.1, abs=0.006)
    assert measured["force_error_n"]["count"] == pytest.approx(800, abs=2)
    assert measured["loop_ms"]["p99"] == pytest.approx(30.0, abs=0.11)
    json.dumps(measured, allow_nan=False)


@pytest.mark.parametrize(
    ("bad", "criterion"),
    [
        (replace(GOOD, contact=ContactState.LOST), "contact_share"),
        (replace(GOOD, force_n=6.2), "force_error_p99_n"),
        (replace(GOOD, causes=1 << Cause.FORCE_OVER_LIMIT), "unsafe_events"),
        (replace(GOOD, causes=1 << Cause.STANDSTILL_VIOLATED), "unsafe_events"),
        (replace(GOOD, state=State.SAFE_STOP), "unsafe_events"),
        (replace(GOOD, state=State.FAULT), "unsafe_events"),
    ],
)
def test_a_tenth_of_bad_samples_fails_its_criterion(bad: Sample, criterion: str) -> None:
    run_ = _Run()
    run_.add(10)
    run_.add(1, bad)
    run_.add(5)
    assert criterion in run_.verdict()


def test_an_unsafe_event_outside_the_scan_counts_too() -> None:
    run_ = _Run()
    run_.add(0.1, replace(GOOD, causes=1 << Cause.SPEED_OVER_PERMIT), Phase.LAND)
    run_.add(10)
    assert run_.verdict() == ["unsafe_events"]


def test_holding_is_contact_but_not_driving() -> None:
    run_ = _Run()
    run_.add(6)
    run_.add(7, replace(GOOD, state=State.HOLD, first_out=Cause.COMMAND_AGE, force_n=3.0))
    run_.add(0.5)
    assert run_.verdict() == ["driven_share"]
    assert run_.score.cause_counts == {"COMMAND_AGE": 1}
    assert run_.score.stops[0].lasted_s == pytest.approx(7.0, abs=0.05)


def test_force_is_judged_only_after_settling() -> None:
    run_ = _Run()
    run_.add(1.9, replace(GOOD, force_n=8.0))
    run_.add(0.5, replace(GOOD, state=State.HOLD, force_n=1.0))
    run_.add(1.9, replace(GOOD, force_n=9.0))
    run_.add(6)
    assert run_.verdict() == []


def test_no_scan_no_pictures_no_change_and_a_probe_that_stayed_fail() -> None:
    assert "scan_s" in _Run().verdict()
    run_ = _Run()
    run_.add(10)
    assert run_.verdict(fps=12.0) == ["frames_per_s"]
    assert run_.verdict(change=0.5) == ["picture_change_grey"]
    assert run_.verdict(hand_m=0.3) == ["followed_share"]
    assert run_.verdict(hand_m=0.0) == ["followed_share"]


def test_unmeasured_values_do_not_break_the_score() -> None:
    run_ = _Run()
    run_.add(3, replace(GOOD, force_n=math.nan, loop_ms=math.nan))
    run_.add(0.5, replace(GOOD, force_n=math.nan))
    assert "force_error_p99_n" in run_.verdict()
    json.dumps(run_.score.measured(), allow_nan=False)


def test_a_gap_in_telemetry_is_not_credited() -> None:
    run_ = _Run()
    run_.add(2)
    run_.us += 30_000_000
    run_.add(2)
    assert run_.score.scan_s == pytest.approx(4.1, abs=0.05)


def test_percentiles_of_the_histogram_match_a_sorted_list() -> None:
    histogram = Histogram(0.01)
    values = [((i * 7919) % 1000) / 100.0 for i in range(1000)]
    for value in values:
        histogram.add(value)
    ordered = sorted(values)
    for percent in (50, 95, 99):
        assert histogram.percentile(percent) == pytest.approx(ordered[percent * 10 - 1], abs=0.011)
    assert histogram.maximum == max(values)


def test_the_result_file_is_complete_json(tmp_path: Path) -> None:
    file = tmp_path / "auto.json"
    run.write(Result(True, [Criterion("a", 1.0, 2.0, True)], {"x": 1}), file)
    loaded = json.loads(file.read_text())
    assert loaded["success"] is True
    assert loaded["criteria"] == [{"name": "a", "value": 1.0, "limit": 2.0, "ok": True}]
    assert loaded["measured"] == {"x": 1}
    assert list(tmp_path.iterdir()) == [file]
