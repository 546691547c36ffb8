"""The haptics bench: cases and targets fit together; the method matters, on the virtual clock."""

from __future__ import annotations

import msgspec
import pytest

from bench.haptics.cases import TARGETS, Spec, plan
from bench.haptics.runs import KINDS, link_lost, packets, stability
from bench.kit.model import Measured


def figure(measured: Measured, name: str) -> float:
    value = next(f.value for f in measured.figures if f.name == name)
    assert value is not None
    return value


@pytest.mark.parametrize("quick", [True, False])
def test_cases_are_unique_and_can_be_run(quick: bool) -> None:
    cases = plan(quick, 1)
    assert len({case.key for case in cases}) == len(cases)
    assert {msgspec.json.decode(case.config, type=Spec).kind for case in cases} <= set(KINDS)
    if not quick:
        assert {target.case for target in TARGETS} <= {case.key for case in cases}


def test_the_product_is_stable_where_naive_reflection_is_not() -> None:
    spec = Spec("stability", "product", 1000.0, (100.0,), seconds=5.0)
    good = stability(spec)
    assert figure(good, "unstable") == 0.0
    assert figure(good, "port energy") >= -1.0
    assert figure(good, "peak") <= 1.5
    naive = stability(msgspec.structs.replace(spec, scheme="naive"))
    assert figure(naive, "unstable") == 1.0
    assert figure(naive, "port energy") < -100.0


def test_the_same_seed_gives_the_same_figures() -> None:
    spec = Spec("link_lost", stiffness_n_m=3000.0, rtt_ms=(30.0,), repeats=2, seconds=4.0)
    assert link_lost(spec) == link_lost(spec)
    assert figure(link_lost(spec), "added force") <= 1.0


def test_packets_are_saved_within_the_deadband() -> None:
    measured = packets(Spec("packets", rtt_ms=(30.0,), jitter_ms=2.0, loss=0.01, seconds=4.0))
    assert figure(measured, "force saved") >= 85.0
    assert figure(measured, "commands saved") >= 79.0
    assert figure(measured, "force beyond deadband") <= 0.0
