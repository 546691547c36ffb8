"""Stops per hour by rare outages: from the chance of one outage to a rate."""

from __future__ import annotations

import itertools
import math

import pytest

from bench.faults.cases import Wanted, plan
from bench.faults.outages import EDGES_MS, Span, measure, per_hour
from bench.faults.spec import Kind, Spec
from bench.faults.targets import TARGETS

LIMIT_MS = 50


def sharp(count: int = 1_000_000) -> list[Span]:
    """Every outage longer than 50 ms holds, none latches."""
    return [
        Span(low, high, count, count if low >= LIMIT_MS else 0, 0)
        for low, high in itertools.pairwise(EDGES_MS)
    ]


def rate(mean_ms: float, share: float, links: int, **kind: bool) -> float:
    return per_hour(
        sharp(), mean_ms, share, links=links, **{"latched": False, "upper": False, **kind}
    )


def test_one_link_holds_for_each_outage_that_is_too_long() -> None:
    for mean_ms, share in ((10.0, 1e-4), (30.0, 1e-3)):
        outages_per_hour = 3600.0 * share / (mean_ms / 1e3)
        assert rate(mean_ms, share, 1) == pytest.approx(
            outages_per_hour * math.exp(-LIMIT_MS / mean_ms)
        )


def test_two_links_hold_for_what_their_outages_have_in_common() -> None:
    mean_ms, share = 30.0, 1e-4
    per_s = share / (mean_ms / 1e3)
    overlaps_per_hour = 3600.0 * 2.0 * per_s * share
    expected = overlaps_per_hour * math.exp(-LIMIT_MS / (mean_ms / 2.0))
    assert rate(mean_ms, share, 2) == pytest.approx(expected)
    assert rate(mean_ms, 10.0 * share, 2) == pytest.approx(100.0 * expected)


def test_longer_outages_than_were_measured_count_as_stops_of_every_kind() -> None:
    longer = math.exp(-EDGES_MS[-1] / 300.0)
    assert rate(300.0, 1e-3, 1, latched=True) == pytest.approx(3600.0 * 1e-3 / 0.3 * longer)


@pytest.mark.parametrize(("stops", "low", "high"), [(0, 0.05, 0.07), (20, 0.6, 0.65), (40, 1, 1)])
def test_the_upper_end_is_that_of_wilson(stops: int, low: float, high: float) -> None:
    span = Span(0.0, 10.0, 40, stops, 0)
    assert span.share(stops, upper=False) == stops / 40
    assert low <= span.share(stops, upper=True) <= high


def test_the_real_guard_holds_after_long_outages_and_not_after_short_ones() -> None:
    found = measure(Spec(Kind.OUTAGES, count=1, delay_ms=5.0))
    figures = {figure.name: figure.value for figure in found.figures}
    assert figures["outages of 0 to 10 ms that hold"] == 0.0
    assert figures["outages of 80 to 100 ms that hold"] == 100.0
    wanted = {target.figure for target in TARGETS if target.case == "outages-*"}
    assert wanted
    assert wanted <= set(figures)
    assert any(case.key == "outages-rtt10" for case in plan(Wanted(quick=True, real=False)))
