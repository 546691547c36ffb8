"""Seeded stand-in for the measured 5G traces, fitted to their statistics.

Fitted to the urban streams of doi 10.5281/zenodo.17475688 (n78: 3.5 GHz TDD; n8: 900 MHz FDD), on
their active timeline: the time-weighted quantiles of the undisturbed round trip, its correlation
from row to row, the rate and size of sawteeth, and on n8 the short sawteeth after reconnections.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from bench.links.traces import Row, Stream, View, datagram_view
from transport.impair import Noise

ROW_MS = 16.0
"""Median send interval of the recordings."""
SPAN_MS = 463_670.0
"""Length of the measured streams on the active timeline."""


@dataclass(frozen=True, slots=True)
class Sawteeth:
    """A message held back, its followers with it: the delay falls as fast as time passes."""

    per_hour: float
    first_ms: tuple[float, float]
    """Range of the first round trip, uniform."""


@dataclass(frozen=True, slots=True)
class Band:
    """What one band's round trips look like."""

    quantiles_ms: tuple[tuple[float, float], ...]
    """(cumulated share, round trip in ms) of the undisturbed round trip."""
    correlation: float
    """From one row to the next."""
    sawteeth: tuple[Sawteeth, ...]


_SHARES = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


def _quantiles(*round_trips_ms: float) -> tuple[tuple[float, float], ...]:
    return tuple(zip(_SHARES, round_trips_ms, strict=True))


BANDS = {
    "n78": Band(
        _quantiles(11, 13, 13, 14, 15, 17, 20, 25, 27, 30, 32, 33, 38, 50),
        correlation=0.78,
        sawteeth=(Sawteeth(46.0, (229.0, 282.0)),),
    ),
    "n8": Band(
        _quantiles(14, 16, 17, 17, 20, 25, 32, 36, 39, 43, 46, 48, 53, 58),
        correlation=0.59,
        sawteeth=(Sawteeth(46.0, (250.0, 282.0)), Sawteeth(430.0, (73.0, 119.0))),
    ),
}


def generate(band: str, seed: int, view: View = View.RECORDED, span_ms: float = SPAN_MS) -> Stream:
    """A stream of `span_ms` that stands for the measured one of `band` ("n78" or "n8")."""
    shape = BANDS[band]
    quiet = Noise.stream(seed, 1)
    held = [_Holding(saw, Noise.stream(seed, 2 + i)) for i, saw in enumerate(shape.sawteeth)]
    innovation = math.sqrt(1.0 - shape.correlation**2)
    state = _normal(quiet)
    rows: list[Row] = []
    for index in range(math.floor(span_ms / ROW_MS)):
        at_ms = index * ROW_MS
        rtt_ms = _quantile(shape.quantiles_ms, 0.5 * (1.0 + math.erf(state / math.sqrt(2.0))))
        released_ms = max(holding.until_ms(at_ms) for holding in held)
        rows.append(Row(at_ms, float(round(max(rtt_ms, released_ms - at_ms))), 0))
        state = shape.correlation * state + innovation * _normal(quiet)
    seen = datagram_view(tuple(rows)) if view is View.DATAGRAM else tuple(rows)
    return Stream(seen, span_ms, view, origin=f"generated, seed {seed}")


class _Holding:
    """Poisson process of moments from which everything is held back until a release."""

    def __init__(self, saw: Sawteeth, noise: Noise) -> None:
        self._saw = saw
        self._noise = noise
        self._released_ms = 0.0
        self._next_ms = self._gap_ms()

    def _gap_ms(self) -> float:
        return self._noise.exponential() * 3_600_000.0 / self._saw.per_hour

    def until_ms(self, at_ms: float) -> float:
        """When a message sent at `at_ms` is released; in the past: it is not held."""
        if at_ms >= self._next_ms:
            low_ms, high_ms = self._saw.first_ms
            self._released_ms = at_ms + low_ms + (high_ms - low_ms) * self._noise.uniform()
            self._next_ms = self._released_ms + self._gap_ms()
        return self._released_ms


def _normal(noise: Noise) -> float:
    """Standard normal (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - noise.uniform()))
    return radius * math.cos(2.0 * math.pi * noise.uniform())


def _quantile(table: tuple[tuple[float, float], ...], share: float) -> float:
    """Round trip below which `share` of the time lies, linear between the rows of the table."""
    for (low, a), (high, b) in itertools.pairwise(table):
        if share <= high:
            return a + (b - a) * (share - low) / (high - low)
    return table[-1][1]
