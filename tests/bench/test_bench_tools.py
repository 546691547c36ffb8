"""What the benches print and how branches fail: wrong figures must not look right."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bench import trace
from bench.branch import BranchError, branch
from bench.fault_table import table, worst
from bench.faults.judge import problems
from bench.faults.model import Outcome
from bench.faults.table import TABLE
from bench.loop_cost import percentile
from bench.trace import Row
from bench.world import World
from safety.states import Cause, State

CUT = TABLE[0]
GOOD = Outcome(CUT.name, "HOLD", "COMMAND_AGE", 45.0, 52.0, -1.0, 0.4, 5.0)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (replace(GOOD, detect_ms=-1.0), "detected after -1.0"),
        (replace(GOOD, detect_ms=53.5), "detected after 53.5"),
        (replace(GOOD, cause="BEDSIDE_STOP"), "first-out cause"),
        (replace(GOOD, stop_ms=-1.0), "at rest after"),
        (replace(GOOD, stop_ms=100.1), "at rest after"),
        (replace(GOOD, peak_force_n=25.1), "peak force"),
    ],
)
def test_each_figure_out_of_its_limit_is_a_problem(bad: Outcome, words: str) -> None:
    assert problems(GOOD, CUT, 2.0) == []
    assert any(words in problem for problem in problems(bad, CUT, 2.0))


def test_the_table_shows_the_worst_case_and_counts_bad_rows() -> None:
    late = replace(GOOD, detect_ms=60.0)
    text, bad = table([(CUT, [GOOD, late])], 2.0)
    assert worst([GOOD, late]) == late
    assert bad == 1
    assert "60.0" in text
    assert table([(CUT, [GOOD])], 2.0)[1] == 0


def _rows(speeds: list[float], *, braked: bool = False) -> list[Row]:
    return [
        Row(i * 2_000_000, State.HOLD, Cause.NONE, (0.0, 0.0, 0.0), v, v, 0.0, braked)
        for i, v in enumerate(speeds)
    ]


def test_rest_counts_only_when_the_arm_stays_at_rest() -> None:
    pause = [0.03] * 5 + [0.0] * 5 + [0.03] * 5 + [0.0] * 20
    assert trace.rest_ms(_rows(pause), 0, tangential=True) == 30.0
    assert trace.rest_ms(_rows([0.03] * 50), 0, tangential=False) == -1.0
    left = [0.03] * 5 + [0.0] * 3
    assert trace.rest_ms(_rows(left, braked=True), 0, tangential=False) == 10.0, "and gone"
    assert trace.rest_ms(_rows(left), 0, tangential=False) == -1.0
    assert trace.rest_ms(_rows([*left, 0.03], braked=True), 0, tangential=False) == -1.0
    assert trace.travelled_m(_rows([0.01] * 11), tangential=True) == pytest.approx(0.0002)


def test_percentiles_are_nearest_rank() -> None:
    assert percentile([float(x) for x in range(100)], 50) == 50.0
    assert percentile([1.0], 99) == 1.0


def test_a_branch_leaves_its_parent_alone_and_reports_its_errors() -> None:
    world = World()
    world.run_for(0.05)
    before = world.clock.now_ns

    def ending(copy: World) -> int:
        copy.run_for(0.2)
        return copy.clock.now_ns

    assert branch(world, ending) == before + 200_000_000
    assert world.clock.now_ns == before

    def broken(copy: World) -> int:
        raise ValueError("this branch is broken")

    with pytest.raises(BranchError, match="this branch is broken"):
        branch(world, broken)
    world.close()
