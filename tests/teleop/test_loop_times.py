"""Lateness of the loops as people see it: windows, refused rights, the screen's lag, the bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bench.timing.bench import TARGETS, case_of, measured, plan
from bench.timing.case import LOOPS, LoopSpan, Outcome, Spec
from safety.limits import Limits
from teleop import channels
from teleop.config import Config, Video
from teleop.supervisor import preflight
from teleop.supervisor.errors import UsageError
from teleop.supervisor.status import StatusReader
from teleop.supervisor.timing import LoopTimes, Window, refused
from transport.local.clock import now_ns
from transport.local.lateness import Histogram, percentiles_us
from transport.local.timing import LOOP_TIMING, LoopTiming

US, MS, S = 1_000, 1_000_000, 1_000_000_000


def told(at_s: float, histogram: Histogram, **changes: object) -> LoopTiming:
    base = replace(
        LOOP_TIMING.unpack(bytes(LOOP_TIMING.size)),
        stamp_ns=round(at_s * S),
        cycles=histogram.total,
        late_max_us=histogram.max_ns / US,
        asked=True,
        fifo=True,
        locked=True,
        pinned=True,
        late_counts=histogram.packed(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_window_forgets_the_start_of_a_process_but_not_its_worst_cycle() -> None:
    window, histogram = Window(), Histogram()
    assert window.times() == LoopTimes()
    histogram.add(80 * MS)
    for second in range(14):
        window.add(told(second, histogram))
        for _ in range(500):
            histogram.add(40 * US)
    times = window.times()
    assert 40.0 <= times.p50_us <= times.p999_us < 46.0
    assert times.max_us == 80_000.0
    again = window.times()
    window.add(told(13, histogram))
    assert window.times() == again, "a repeated reading is no news"


def test_a_restarted_loop_begins_anew() -> None:
    window, old, new = Window(), Histogram(), Histogram()
    for _ in range(1000):
        old.add(9 * MS)
    window.add(told(1, old))
    new.add(30 * US)
    window.add(told(2, new))
    assert window.times().p999_us < 40.0


def test_only_what_was_asked_for_can_be_refused() -> None:
    calm = told(1, Histogram())
    assert refused(calm) == ()
    assert refused(replace(calm, fifo=False, locked=False)) == ("fifo", "memory")
    assert refused(replace(calm, asked=False, fifo=False)) == ()


def test_the_status_shows_lateness_refusals_and_the_screen(tmp_path: Path) -> None:
    channels.create_all(tmp_path)
    histogram = Histogram()
    for _ in range(1000):
        histogram.add(50 * US)
    now = now_ns()
    for name, fifo in (("servo", True), ("guard", False), ("arm", True)):
        channels.box(tmp_path, channels.TIMING[name]).write(told(now / S, histogram, fifo=fifo))
    limits = Limits(qualify_age_ms=35.0, qualify_s=7.0)
    status = StatusReader(tmp_path, display_lag_ms=25.0, limits=limits).read(now)
    assert 50.0 <= status.servo_late_p99_us <= 57.0
    assert status.guard_late_p999_us == status.servo_late_p999_us
    assert status.not_real_time == ("fifo",)
    assert status.display_lag_ms == 25.0
    assert (status.qualify_age_ms, status.qualify_s) == (35.0, 7.0)
    late = StatusReader(tmp_path).read(now + 4 * S)
    assert late.servo_late_p99_us == -1.0, "a silent loop has no lateness"


def test_a_real_arm_needs_the_lag_of_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.check_screen(Config())
    monkeypatch.setattr(preflight, "is_simulated", lambda _config: False)
    preflight.check_screen(Config(video=Video(display_lag_ms=25.0)))
    with pytest.raises(UsageError, match="display_lag_ms"):
        preflight.check_screen(Config())


def outcome() -> Outcome:
    histogram = Histogram()
    for n in range(1000):
        histogram.add((40 + (n == 0) * 400) * US)
    span = LoopSpan(histogram.counts, 900.0, 700.0, 1, 0, True, True, 15.0)
    return Outcome(dict.fromkeys(LOOPS, span), {"media": 20.0}, 60.0, ("ACTIVE", "ACTIVE"))


def test_the_timing_bench_gives_what_its_targets_ask_for() -> None:
    result = measured(outcome())
    figures = {figure.name: figure.value for figure in result.figures}
    assert {target.figure for target in TARGETS} <= set(figures)
    assert figures["arm + servo + guard CPU"] == 45.0
    assert 0.040 <= (figures["servo late p99"] or 0.0) <= 0.046
    assert 0.440 <= (figures["servo late max"] or 0.0) <= 0.500, "the span's own, not the start's"
    cases = plan(quick=False, seconds=60.0, seed=1)
    assert {target.case for target in TARGETS} <= {case.key for case in cases}
    assert all(case.exclusive for case in cases)
    spec = msgspec.json.decode(case_of(Spec(False, 1000)).config, type=Spec)
    assert (spec.real_time, spec.control_hz) == (False, 1000)
    series = next(s for s in result.series if s.name == "servo late")
    assert len(series.values) == 1000
    assert max(series.values) >= percentiles_us(outcome().loops["servo"].counts, (1.0,))[0] / 1e3
