"""Statistics that do not flatter: missing samples count as late, percentiles carry their counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.kit.model import Figure, Series

Floats = NDArray[np.float64]
PERCENTS = (50.0, 95.0, 99.0, 99.9)


def finite(value: float) -> float | None:
    """The value, or None where JSON has no number for it."""
    return float(value) if math.isfinite(value) else None


def percentile(values: Sequence[float], percent: float, missing: int = 0) -> float:
    """Nearest-rank percentile; `missing` samples count as infinite. NaN when there is none."""
    count = len(values) + missing
    if count == 0:
        return math.nan
    rank = min(count, max(1, math.ceil(percent / 100.0 * count - 1e-9)))
    if rank > len(values):
        return math.inf
    return float(np.partition(np.asarray(values, np.float64), rank - 1)[rank - 1])


def summary(series: Series, percents: Sequence[float] = PERCENTS) -> tuple[Figure, ...]:
    """Percentiles and maximum of a series, each with its count; nothing where there is none."""
    count = len(series.values) + series.missing
    if count == 0:
        return ()
    out = [
        Figure(f"{series.name} p{percent:g}", series.unit,
               finite(percentile(series.values, percent, series.missing)), count)
        for percent in percents
    ]  # fmt: skip
    top = math.inf if series.missing else max(series.values, default=math.nan)
    return (*out, Figure(f"{series.name} max", series.unit, finite(top), count))


def share_within(series: Series, limit: float) -> tuple[Figure, ...]:
    """Percentage of samples, missing ones included, that are at most `limit`."""
    count = len(series.values) + series.missing
    if count == 0:
        return ()
    good = 100.0 * sum(value <= limit for value in series.values) / count
    return (Figure(f"{series.name} within {limit:g} {series.unit}", "%", good, count),)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """True when a difference is more than chance."""
        return self.low > 0.0 or self.high < 0.0


def difference(
    a: Series, b: Series, percent: float, *, resamples: int = 500, seed: int = 1
) -> Interval:
    """Percentile of `b` minus that of `a`, interval by a moving-block bootstrap.

    Latencies of neighbouring frames are alike, so blocks of n^(1/3) samples are drawn instead of
    single ones (Kuensch, Ann. Statist. 17, 1989; Hall, Horowitz, Jing, Biometrika 82, 1995).
    Missing samples stand at the end of a series as infinite values.
    """
    random = np.random.default_rng(seed)
    draws_a = _resampled(_filled(a), percent, resamples, random)
    draws_b = _resampled(_filled(b), percent, resamples, random)
    value = percentile(b.values, percent, b.missing) - percentile(a.values, percent, a.missing)
    with np.errstate(invalid="ignore"):  # infinite minus infinite: no interval, below
        found = draws_b - draws_a
    found = found[~np.isnan(found)]
    if not len(found):
        return Interval(value, math.nan, math.nan)
    return Interval(value, percentile(list(found), 2.5), percentile(list(found), 97.5))


def _filled(series: Series) -> Floats:
    return np.array([*series.values, *([math.inf] * series.missing)], np.float64)


def _resampled(
    values: Floats, percent: float, resamples: int, random: np.random.Generator
) -> Floats:
    """Percentile of `resamples` block-bootstrap samples of `values`."""
    count = len(values)
    if count == 0:
        return np.full(resamples, math.nan)
    block = max(1, round(count ** (1.0 / 3.0)))
    blocks = -(-count // block)
    rank = min(count, max(1, math.ceil(percent / 100.0 * count - 1e-9))) - 1
    out = np.empty(resamples)
    offsets = np.arange(block)
    for index in range(resamples):
        starts = random.integers(0, count - block + 1, blocks)
        sample = values[(starts[:, None] + offsets).ravel()[:count]]
        out[index] = np.partition(sample, rank)[rank]
    return out


def judged(value: float | None, comparison: str, limit: float) -> bool:
    """Whether a value keeps its limit; a value that is not finite does not."""
    compare: dict[str, Callable[[float, float], bool]] = {
        "<=": lambda x, y: x <= y,
        ">=": lambda x, y: x >= y,
    }
    return value is not None and compare[comparison](value, limit)
