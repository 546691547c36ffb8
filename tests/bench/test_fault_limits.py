"""`teleop bench faults --limits FILE`: a site's own limits reach every world and every process."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from bench.branch import branch
from bench.faults.cases import Wanted, plan
from bench.faults.model import Fault
from bench.faults.real.spec import RealSpec
from bench.faults.run import run_fault
from bench.faults.site import in_words, limits_of, table_of
from bench.faults.spec import Spec
from bench.faults.table import TABLE
from bench.faults.worlds import scanning
from bench.kit.bench import UsageError
from bench.latency.place import Place
from bench.latency.system import SystemSpec, _config
from safety.limits import DEFAULT, Limits
from teleop.cli.app import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "limits-realtime.toml"
TIGHT = table_of(EXAMPLE)
NOTICED_MS = 10.0
"""Target of a machine with real-time priority."""


def by_name(name: str) -> Fault:
    """A row of the table."""
    return next(fault for fault in TABLE if fault.name == name)


def test_only_what_differs_from_the_policy_is_kept() -> None:
    assert in_words(TIGHT) == "permit_life_ms = 7.0, servo_silent_ms = 7.0"
    assert in_words("") == "policy"
    tight = limits_of(TIGHT)
    assert (tight.servo_silent_ms, tight.permit_life_ms) == (7.0, 7.0)
    assert limits_of("") == DEFAULT


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("auto_lift = true", Limits(auto_lift=True)),
        ("workspace_min_m = [0.31, -0.3, 0]", Limits(workspace_min_m=(0.31, -0.3, 0.0))),
        ("hold_misses = 9", Limits(hold_misses=9)),
    ],
)
def test_every_kind_of_limit_survives(tmp_path: Path, text: str, limits: Limits) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f"[limits]\n{text}\n", "utf-8")
    assert limits_of(table_of(file)) == limits


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[limits]\nservo_silent = 7.0\n", "servo_silent_ms"),
        ("[limits]\npermit_life_ms = 1.0\n", "permit_life_ms"),
        ("[limits]\npermit_life_ms = 30.0\n", "own_gap_ms"),
        ("[limits]\n", "no limit"),
        ("[limits", "end of a table"),
    ],
)
def test_limits_that_cannot_be_tried_are_refused_by_name(
    tmp_path: Path, text: str, word: str
) -> None:
    file = tmp_path / "site.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=word):
        table_of(file)
    done = CliRunner().invoke(app, ["bench", "faults", "--list", "--limits", str(file)])
    assert done.exit_code == 2
    assert word in done.output


def test_every_case_knows_them() -> None:
    cases = plan(Wanted(pairs=10, limits=TIGHT))
    specs = [msgspec.json.decode(case.config, type=Spec | RealSpec) for case in cases]
    assert {type(spec) for spec in specs} == {Spec, RealSpec}
    assert {spec.limits for spec in specs} == {TIGHT}
    soak = plan(Wanted(hours=0.1, limits=TIGHT))
    assert msgspec.json.decode(soak[0].config, type=Spec).limits == TIGHT


def test_real_processes_read_them_from_their_configuration() -> None:
    text = _config(SystemSpec("chromium", limits=TIGHT), Place())
    assert tomllib.loads(text)["limits"] == {"servo_silent_ms": 7.0, "permit_life_ms": 7.0}


@pytest.mark.parametrize("name", ["servo killed", "guard stopped for good"])
def test_limits_for_real_time_notice_a_control_process_within_10_ms(name: str) -> None:
    world, watch = scanning(1, 500, [], limits_of(TIGHT))
    fault = by_name(name)
    found = branch(world, lambda copy: run_fault(copy, watch, fault))
    world.close()
    noticed_ms = found.detect_ms if fault.guard_sees else found.brake_ms
    assert 0.0 < noticed_ms <= NOTICED_MS
