"""Compare two runs: medians and 99th percentiles with 95 % intervals by bootstrap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from bench.kit.model import Run, Series
from bench.kit.stats import difference, finite, percentile

FEWEST = 20
"""Fewer samples allow no statement about a percentile."""


class Change(StrEnum):
    """What the interval says."""

    LOWER = "lower"
    HIGHER = "higher"
    SAME = "no difference shown"
    UNKNOWN = "cannot be compared"


class Difference(msgspec.Struct, frozen=True):
    """One percentile of one series in both runs."""

    case: str
    series: str
    unit: str
    percent: float
    a: float | None
    b: float | None
    change: float | None
    """b minus a."""
    low: float | None
    high: float | None
    verdict: Change


def compare(a: Run, b: Run, *, everything: bool = False, seed: int = 1) -> list[Difference]:
    """Differences of all headline series (or all) that both runs have."""
    out = []
    for case, first, second in _pairs(a, b):
        if everything or first.headline:
            out += [_one(case, first, second, percent, seed) for percent in (50.0, 99.0)]
    return out


def _pairs(a: Run, b: Run) -> Iterator[tuple[str, Series, Series]]:
    for result in a.results:
        other = b.result(result.case.key)
        for series in result.measured.series if other is not None else ():
            assert other is not None
            for match in other.measured.series:
                if match.name == series.name and match.unit == series.unit:
                    yield result.case.key, series, match


def _one(case: str, a: Series, b: Series, percent: float, seed: int) -> Difference:
    values = [percentile(s.values, percent, s.missing) for s in (a, b)]
    if min(len(a.values), len(b.values)) < FEWEST or not all(map(math.isfinite, values)):
        return Difference(case, a.name, a.unit, percent, finite(values[0]), finite(values[1]),
                          None, None, None, Change.UNKNOWN)  # fmt: skip
    found = difference(a, b, percent, seed=seed)
    if found.low > 0:
        verdict = Change.HIGHER
    elif found.high < 0:
        verdict = Change.LOWER
    else:
        verdict = Change.SAME
    return Difference(case, a.name, a.unit, percent, values[0], values[1], found.value,
                      finite(found.low), finite(found.high), verdict)  # fmt: skip


def machines_differ(a: Run, b: Run) -> bool:
    """True when the runs come from different machines, so that speed cannot be compared."""
    return (a.machine.cpu, a.machine.cores) != (b.machine.cpu, b.machine.cores)
