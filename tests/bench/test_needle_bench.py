"""The needle bench: cases cover targets, patients are its own, a cut link stops the needle."""

from __future__ import annotations

import msgspec
import pytest

from bench.kit.model import CaseResult, Measured, figure_of
from bench.needle import whole
from bench.needle.bench import BENCH
from bench.needle.cases import FIRST_PATIENT, Spec, Wanted, plan, targets
from bench.needle.patient import draw
from bench.needle.puncture import Trial, run
from bench.needle.whole import cuts, stop


def test_the_full_plan_measures_every_target_and_the_quick_one_the_first_shard() -> None:
    keys = [case.key for case in plan(Wanted())]
    assert len(keys) == len(set(keys))
    assert {t.case for t in targets()} <= set(keys)
    quick = {case.key for case in plan(Wanted(quick=True))}
    shards = {f"patients-{n}" for n in (251, 501, 751)}
    assert {t.case for t in targets()} - shards <= quick


def test_no_patient_of_the_bench_is_one_for_tuning() -> None:
    for case in plan(Wanted(seed=3)):
        spec = msgspec.json.decode(case.config, type=Spec)
        if spec.kind in ("cohort", "cut"):
            assert spec.first >= FIRST_PATIENT


def test_a_puncture_is_repeatable_and_its_figures_are_those_of_the_targets() -> None:
    trial = Trial(draw(7))
    assert run(trial) == run(trial)
    case = plan(Wanted(quick=True, patients=1))[0]
    spec = msgspec.structs.replace(msgspec.json.decode(case.config, type=Spec), count=1)
    case = msgspec.structs.replace(case, config=msgspec.json.encode(spec))
    measured = BENCH.run(case)
    assert isinstance(measured, Measured)
    result = CaseResult(case, measured)
    for target in targets():
        if target.case == case.key:
            found = figure_of(result, target.figure)
            assert found is not None, target.figure
            assert found.value is not None, target.figure


def test_the_needle_stops_when_the_link_of_a_patient_is_cut() -> None:
    for seed, at_s in ((8, 14.0), (9, 21.0)):
        outcome = run(Trial(draw(seed), cut_at_s=at_s))
        assert outcome.after_cut_m <= 0.0005
        assert outcome.stale_advance == 0


def test_in_the_whole_system_a_cut_moves_the_needle_little_and_adds_no_force() -> None:
    found = cuts(3, [2.1, 1.6])
    assert all(cut.held for cut in found)
    assert max(cut.moved_m for cut in found) > 1e-5, "one of them is while it advances"
    assert max(cut.moved_m for cut in found) <= 0.0005
    assert max(cut.tip_m for cut in found) <= 0.0005
    assert max(cut.added_n for cut in found) <= 1.0, "through SAFE_STOP and a whole breath"
    assert not any(cut.touched for cut in found)


def test_a_stop_at_the_bedside_brakes_at_once_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "AFTER_S", 0.5)
    (found,) = cuts(3, [2.1], stop)
    assert found.held
    assert found.moved_m <= 0.0005
    assert found.rest_n <= 1.0
