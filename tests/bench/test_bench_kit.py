"""The kit: statistics that do not flatter, results that survive, pages that stand alone."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bench_kit_samples import BENCH, TARGETS, result, run_of, series
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from bench.kit import html, scorecard, store
from bench.kit.bench import StoreError, UsageError
from bench.kit.command import execute, select
from bench.kit.compare import Change, compare
from bench.kit.model import Band, Case, Run, Series, Verdict
from bench.kit.options import Common
from bench.kit.progress import Remaining, minutes
from bench.kit.stats import difference, percentile, share_within, summary
from bench.kit.svg import cdf, histogram, timeline

FINITE = st.floats(-1e6, 1e6)


@given(st.lists(FINITE, min_size=1, max_size=200), st.floats(0.1, 100.0))
def test_percentile_is_a_sample_with_its_share_below(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(v <= found for v in values) / len(values) >= percent / 100.0 - 1e-9
    assert sum(v < found for v in values) / len(values) < percent / 100.0


@given(st.lists(FINITE, max_size=50), st.integers(1, 50))
def test_missing_samples_are_later_than_all_others(values: list[float], missing: int) -> None:
    assert percentile(values, 100.0, missing) == math.inf
    count = len(values) + missing
    figures = {f.name: f for f in summary(series(tuple(values), missing))}
    assert figures["delay max"].value is None
    assert figures["delay p50"].count == count
    [share] = share_within(series(tuple(values), missing), 1e9)
    assert share.value == pytest.approx(100.0 * len(values) / count)


def test_nothing_measured_gives_no_figure_at_all() -> None:
    assert summary(series(())) == ()
    assert share_within(series(()), 1.0) == ()
    assert math.isnan(percentile((), 50.0))


def test_bootstrap_finds_a_shift_and_none_where_there_is_none() -> None:
    noise = np.random.default_rng(3)
    a, b, c = (tuple(noise.normal(mean, 1.0, 2000)) for mean in (10.0, 10.0, 10.5))
    same, shifted = difference(series(a), series(b), 50.0), difference(series(a), series(c), 50.0)
    assert not same.excludes_zero
    assert shifted.excludes_zero
    assert shifted.low < 0.5 < shifted.high
    assert shifted == difference(series(a), series(c), 50.0), "the same seed, the same interval"


def test_bootstrap_interval_grows_when_neighbours_are_alike() -> None:
    """Blocks keep what neighbours share: such a series says less than as many single samples."""
    noise = np.random.default_rng(5)
    single = noise.normal(0.0, 1.0, 3000)
    alike = np.repeat(noise.normal(0.0, 1.0, 300), 10)
    zero = Series("delay", "ms", (0.0,) * 3000)

    def width(values: NDArray[np.float64]) -> float:
        found = difference(zero, Series("delay", "ms", tuple(values)), 50.0)
        return found.high - found.low

    assert width(alike) > 1.8 * width(single)


def test_compare_names_direction_and_what_cannot_be_compared() -> None:
    slow, quick = tuple(20.0 + i % 7 for i in range(300)), tuple(5.0 + i % 7 for i in range(300))
    a = run_of(result("good", slow), result("few", (1.0, 2.0)), result("lossy", quick, 30))
    b = run_of(result("good", quick), result("few", (1.0, 2.0)), result("lossy", quick, 30))
    found = {(d.case, d.percent): d for d in compare(a, b)}
    assert found["good", 50.0].verdict is Change.LOWER
    assert found["good", 50.0].change == pytest.approx(-15.0)
    assert found["few", 50.0].verdict is Change.UNKNOWN
    assert found["lossy", 99.0].verdict is Change.UNKNOWN, "the percentile is infinite"
    assert found["lossy", 50.0].verdict is Change.SAME


def test_targets_are_judged_and_infinite_is_missed() -> None:
    run = run_of(result("good", (1.0,) * 100), result("missing", (1.0,) * 100, 1))
    verdicts = {row.target.what: row.verdict for row in run.rows}
    assert verdicts == {
        "quick enough": Verdict.OK, "never late": Verdict.MISSED,
        "not there": Verdict.NOT_MEASURED,
    }  # fmt: skip


def _put(folder: Path, name: str, run: Run) -> Path:
    made = store.RunFolder(folder / run.bench / name)
    made.put_run(run)
    return made.path


def test_a_run_survives_the_disk_and_is_found_by_its_names(tmp_path: Path) -> None:
    run = run_of(result("good", (1.0, 2.0), 3))
    path = _put(tmp_path, "2026-01-31T120000Z", run)
    assert store.load(path) == run
    for name in (str(path), "2026-01-31T120000Z", "sample/2026-01-31T120000Z", "sample"):
        assert store.find(name, tmp_path) == path
    with pytest.raises(StoreError, match="no run 'other'"):
        store.find("other", tmp_path)


def test_damaged_results_are_refused_by_name(tmp_path: Path) -> None:
    good = msgspec.json.encode(run_of(result("good", (1.0, 2.0, 3.0), 1)))
    noise, file = random.Random(7), tmp_path / "run.json"
    texts = []
    for _ in range(1500):
        bad = bytearray(good)
        for _ in range(noise.randint(1, 4)):
            at = noise.randrange(len(bad))
            if noise.random() < 0.5:
                bad[at] = noise.randrange(256)
            else:
                del bad[at : at + noise.randint(1, 40)]
        file.write_bytes(bytes(bad))
        try:
            assert isinstance(store.load(file), Run)  # a changed letter of a title is no damage
        except StoreError as error:
            texts.append(str(error))
    assert len(texts) > 1000
    assert all(str(file) in text for text in texts)
    file.write_bytes(b"[" * 100_000)
    with pytest.raises(StoreError):
        store.load(file)
    file.write_bytes(good.replace(b'"format":1', b'"format":9'))
    with pytest.raises(StoreError, match="format 9"):
        store.load(file)


def test_scorecard_prefers_full_runs_and_takes_the_newest(tmp_path: Path) -> None:
    _put(tmp_path, "1", run_of(result("good", (60.0,) * 9)))
    _put(tmp_path, "2", run_of(result("good", (1.0,) * 9)))
    _put(tmp_path, "3", run_of(result("good", (2.0,) * 9), quick=True))
    _put(tmp_path, "4", run_of(result("good", (3.0,) * 9), bench="other", quick=True))
    entries = {entry.bench: entry for entry in scorecard.collect(tmp_path)}
    assert entries["sample"].run == "2"
    assert entries["other"].run == "4 (quick)"
    text = scorecard.page(entries.values())
    assert "quick enough" in text
    assert text.count("✓ ok") == 2


def test_the_page_stands_alone_and_shows_every_case() -> None:
    nasty = result('<script>alert("x")</script>', (1.0, 2.0))
    run = run_of(nasty, result("good", tuple(float(i % 50) for i in range(5000)), 7))
    text = html.page(run)
    assert "<script" not in text
    assert not re.search(r"""(src|href|url)\s*[=(]""", text), "no file besides itself"
    assert text.count("<svg") >= 5
    assert "∞" in text, "a percentile on a missing sample"


@given(
    st.lists(FINITE, max_size=60), st.integers(0, 5),
    st.lists(st.tuples(FINITE, FINITE), max_size=4),
)  # fmt: skip
def test_plots_take_any_numbers(
    values: list[float], missing: int, spans: list[tuple[float, float]]
) -> None:
    one = Series("x & y", "ms", tuple(values), tuple(map(float, range(len(values)))), missing, 3.0)
    bands = [Band("state", "<b>", min(pair), max(pair)) for pair in spans]
    for plot in (cdf([("a", one)], "<l>"), timeline([one], bands, "<l>"), histogram(one, "<l>")):
        assert "nan" not in plot
        assert "inf" not in plot
        assert "<b>" not in plot


def test_selection_names_what_there_is() -> None:
    cases = [Case("alpha-1", ""), Case("alpha-2", ""), Case("beta", "")]
    assert [c.key for c in select(cases, ("alpha",))] == ["alpha-1", "alpha-2"]
    assert len(select(cases, ())) == 3
    parts = [Case("loop-native", ""), Case("ours-loopback", ""), Case("ours-5g", "")]
    assert [c.key for c in select(parts, ("loop",))] == ["loop-native"]
    assert [c.key for c in select(parts, ("loopb", "5g"))] == ["ours-loopback", "ours-5g"]
    with pytest.raises(UsageError, match="alpha-1 alpha-2 beta"):
        select(cases, ("gamma",))


def test_time_left_learns_from_what_was_seen() -> None:
    cases = [Case(str(i), "", expected_s=10.0, exclusive=i % 2 == 0) for i in range(4)]
    remaining = Remaining(cases, jobs=2)
    assert remaining.seconds() == pytest.approx(30.0)
    remaining.done(msgspec.structs.replace(result("0", (1.0,)), case=cases[0], wall_s=20.0))
    assert remaining.seconds() == pytest.approx(2.0 * (10.0 + 10.0))
    assert minutes(125.4) == "2:05"


@pytest.mark.process
def test_cases_run_in_processes_are_stored_at_once_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr("bench.kit.command.GATE_S", 0.05)
    keys = ("good", "breaks", "lacks", "dies")
    cases = [Case(key, f"case {key}", seed=3, exclusive=False) for key in keys]
    assert execute(BENCH, cases, Common(out=tmp_path, jobs=2, json=True), ()) == 1
    run = msgspec.json.decode(capsys.readouterr().out, type=Run)
    found = {r.case.key: r for r in run.results}
    assert found["good"].measured.series[0].values == (1.0, 2.0, 3.0)
    assert "the case is broken" in found["breaks"].error
    here = str(Path(__file__).resolve().parents[2])
    assert here not in found["breaks"].error, "results are shared"
    assert found["lacks"].skipped == "no such device"
    assert "ended with 7" in found["dies"].error
    assert "last words" in found["dies"].error
    [path] = store.stored(tmp_path)
    assert store.load(path) == run
    assert (path / "report.html").read_text("utf-8").startswith("<!doctype html>")
    # The broken cases are measured again, the good one is not.
    execute(BENCH, cases, Common(out=tmp_path, resume=path, json=True), ())
    again = msgspec.json.decode(capsys.readouterr().out, type=Run)
    assert again.result("good") == found["good"]
    assert again.result("dies") is not None
    with pytest.raises(StoreError):
        execute(BENCH, cases, Common(out=tmp_path, resume=tmp_path / "none"), ())


def test_commands_on_stored_runs(tmp_path: Path) -> None:
    from bench.cli import app

    runner, out = CliRunner(), ["--out", str(tmp_path)]
    assert "no runs" in runner.invoke(app, ["list", *out]).output
    _put(tmp_path, "1", run_of(result("good", tuple(60.0 + i % 5 for i in range(99)))))
    _put(tmp_path, "2", run_of(result("good", tuple(1.0 + i % 5 for i in range(99)))))
    listed = json.loads(runner.invoke(app, ["list", "--json", *out]).output)
    assert [row["run"] for row in listed] == ["sample/1", "sample/2"]
    assert [row["missed"] for row in listed] == [1, 0]
    done = runner.invoke(app, ["compare", "1", "2", *out])
    assert done.exit_code == 0, done.output
    assert "lower" in done.output
    card = runner.invoke(app, ["scorecard", *out])
    assert card.exit_code == 1, "a figure is not measured"
    assert (tmp_path / "scorecard.html").exists()
    assert "quick enough" in runner.invoke(app, ["show", "1", *out]).output
    refused = runner.invoke(app, ["show", "3", *out])
    assert refused.exit_code == 2
    assert "no run '3'" in refused.output


def test_every_bench_and_every_command_has_help() -> None:
    from bench.benches import BENCHES
    from bench.cli import app

    for name in ("list", "compare", "scorecard", "show", *(name for name, _ in BENCHES)):
        done = CliRunner().invoke(app, [name, "--help"])
        assert done.exit_code == 0
        assert len(done.output) > 200
    assert TARGETS
