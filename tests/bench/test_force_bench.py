"""The force bench: its cases cover its targets, and every kind of case gives storable figures."""

from __future__ import annotations

import msgspec
import pytest

from bench.force.bench import BENCH
from bench.force.cases import TARGETS, Wanted, case_of, plan
from bench.force.spec import Kind, Law, Spec
from bench.kit.model import Case, CaseResult, Measured, figure_of

SHORT = {
    Kind.HOLD: Spec(Kind.HOLD, Law.TORQUE, seconds=0.2, control_hz=500),
    Kind.TOUCH: Spec(Kind.TOUCH, Law.VELOCITY, seconds=0.8, control_hz=500),
    Kind.SCAN: Spec(Kind.SCAN, Law.VELOCITY, scan_m_s=0.02, seconds=0.2, control_hz=500),
    Kind.FREEHAND: Spec(Kind.FREEHAND, Law.VELOCITY, seconds=0.2, control_hz=500),
    Kind.FREE: Spec(Kind.FREE, Law.VELOCITY, seconds=0.2, control_hz=500),
    Kind.LINK_LOST: Spec(Kind.LINK_LOST, Law.VELOCITY, scan_m_s=0.02, losses=1, control_hz=500),
    Kind.SYSTEM_LOST: Spec(Kind.SYSTEM_LOST, Law.TORQUE, scan_m_s=0.02, losses=1, control_hz=500),
}


def stored(case: Case) -> CaseResult:
    """The result as the runner stores it: a value that JSON cannot hold ends the case."""
    measured = BENCH.run(case)
    assert isinstance(measured, Measured)
    data = msgspec.json.encode(CaseResult(case, measured))
    return msgspec.json.decode(data, type=CaseResult)


@pytest.mark.parametrize("kind", SHORT)
def test_every_kind_of_case_gives_the_figures_of_its_targets(kind: Kind) -> None:
    result = stored(case_of(SHORT[kind]))
    names = {t.figure for t in TARGETS if t.case.startswith(f"{kind.value}-{SHORT[kind].law}")}
    assert names
    for name in names:
        figure = figure_of(result, name)
        assert figure is not None, name
        assert figure.value is not None, name
    assert all(series.values for series in result.measured.series)


def test_the_full_plan_measures_every_target() -> None:
    keys = [case.key for case in plan(Wanted())]
    assert len(keys) == len(set(keys))
    assert {t.case for t in TARGETS} <= set(keys)


def test_the_quick_plan_measures_every_kind_of_target_of_both_arms() -> None:
    keys = {case.key for case in plan(Wanted(quick=True))}
    shapes = {(t.case.split("-k")[0], t.figure) for t in TARGETS}
    covered = {(t.case.split("-k")[0], t.figure) for t in TARGETS if t.case in keys}
    assert covered == shapes


@pytest.mark.process
@pytest.mark.parametrize("law", list(Law))
def test_real_processes_press_and_are_compared_with_the_virtual_clock(law: Law) -> None:
    spec = Spec(Kind.REAL_TIME, law, scan_m_s=0.02, control_hz=250, seconds=1.0)
    result = stored(case_of(spec))
    assert result.case.exclusive
    for name in ("force error rms", "force error peak", "contact lost"):
        real, virtual = figure_of(result, name), figure_of(result, f"virtual clock: {name}")
        assert real is not None
        assert virtual is not None
        assert real.count > 100
    force = next(s for s in result.measured.series if s.name == "force")
    assert 3.0 < sum(force.values) / len(force.values) < 7.0
    late = figure_of(result, "servo late p99")
    assert late is not None
    assert late.count > 100
