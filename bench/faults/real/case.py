"""One fault of the real processes, a few times: figures and what broke its limits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.faults.figures import of_singles
from bench.faults.model import Follows, Outcome
from bench.faults.real import pages
from bench.faults.real.rig import (
    ENGAGED,
    NotMadeError,
    Rig,
    by_pages,
    reasons,
    scripted,
    wait_until_it_scans,
)
from bench.faults.real.rounds import stops, strike, within
from bench.faults.real.row import People, RealFault
from bench.faults.real.spec import RealSpec
from bench.faults.real.table import BY_NAME
from bench.faults.run import BEFORE_NS, outcome_of
from bench.kit.model import Figure, Measured, Series
from bench.kit.stats import finite, percentile
from transport.local import clock

CYCLE_MS = 4.0
"""A cycle of guard at 500 Hz and one of the arm box: what the stamps cannot tell apart."""
CALM_S = 2.0
"""Watched before the fault."""
CALM_TRIES = 4
FAILURES_MAX = 2
"""Starts that may fail in a case; a machine that cannot do it shall not be asked all day."""


@dataclass(frozen=True, slots=True)
class Once:
    """One injection."""

    outcome: Outcome
    calm_ms: tuple[float, ...]
    """Ages of the command in use before."""
    then_ms: tuple[float, ...]
    """And from the fault on."""
    figures: tuple[Figure, ...]
    left_behind: int = 0
    """Processes that did not leave by themselves."""


def measure(spec: RealSpec) -> Measured:
    """Start, wait until the arm scans, break it, watch; `repeats` times.

    What cannot be started is tried again; it is counted with its cause, and is an error only when
    no injection was made at all.
    """
    row = BY_NAME[spec.fault]
    found: list[Once] = []
    failures: list[str] = []
    while len(found) < spec.repeats and len(failures) < min(FAILURES_MAX, spec.repeats):
        try:
            found.append(_once(row, spec.seed + len(found) + len(failures), spec.limits))
        except NotMadeError as error:
            failures.append(f"not made: {error}")
    if not found:
        raise NotMadeError("; ".join(failures))
    return _measured(row, found, failures, spec.repeats)


def _measured(row: RealFault, found: list[Once], failures: list[str], wanted: int) -> Measured:
    measured = of_singles([o.outcome for o in found], [row.must], CYCLE_MS)
    figures = (
        *measured.figures,
        Figure("injections not made", "", wanted - len(found), wanted),
        Figure("processes left behind", "", sum(o.left_behind for o in found), len(found)),
        *_worst(found),
    )
    series = measured.series
    if row.must.follows is Follows.NOTHING:
        ages = _ages(found)
        figures += ages
        series += tuple(
            Series(name, "ms", tuple(values[:: max(1, len(values) // 5000)]), line_at=50.0)
            for name, values in (("age before", _all(found, calm=True)),
                                 ("age meanwhile", _all(found, calm=False)))
        )  # fmt: skip
    return Measured(figures, series, (), (*measured.notes, *failures))


def _all(found: list[Once], *, calm: bool) -> list[float]:
    return [age for once in found for age in (once.calm_ms if calm else once.then_ms)]


def _ages(found: list[Once]) -> tuple[Figure, ...]:
    """The age's p99 before and under the disturbance."""
    before, then = (percentile(_all(found, calm=c), 99.0) for c in (True, False))
    return (
        Figure("age p99 before", "ms", finite(before), len(_all(found, calm=True))),
        Figure("age p99 meanwhile", "ms", finite(then), len(_all(found, calm=False))),
        Figure("age p99 worse by", "ms", finite(then - before)),
    )


def _worst(found: list[Once]) -> tuple[Figure, ...]:
    """What only some faults have, the largest of all injections."""
    by_name: dict[str, list[Figure]] = {}
    for once in found:
        for figure in once.figures:
            by_name.setdefault(figure.name, []).append(figure)
    out = []
    for name, each in by_name.items():
        values = [f.value for f in each if f.value is not None]
        whole = len(values) == len(each)
        out.append(Figure(f"{name} max", each[0].unit, max(values) if whole else None, len(each)))
    return tuple(out)


def _once(row: RealFault, seed: int, limits: str) -> Once:
    with tempfile.TemporaryDirectory(prefix="teleop-faults-", ignore_cleanup_errors=True) as name:
        with reasons(), _rig(row, name, seed, limits) as rig:
            once = _broken(row, rig)
        return replace(once, left_behind=rig.left_behind)


def _broken(row: RealFault, rig: Rig) -> Once:
    """Break a system that scans, and watch it."""
    watched = pages.install(rig)
    _calm(rig)
    spans = strike(row, rig)
    start_ns = spans[0][0]
    calm_ns = start_ns if row.rounds > 1 else 0  # then the pauses are what to compare with
    seen = rig.sampler.seen()
    rows = [r for r in seen.rows if r.now_ns >= start_ns - BEFORE_NS]
    changes = [c for c in seen.changes if within(c.at_ns, spans, BEFORE_NS)]
    ages = tuple(rig.sampler.age_ms)
    shown = pages.reaction(rig, watched, changes, start_ns)
    told = row.tells(rig)
    row.undo(rig)
    figures = (
        *told,
        *stops(seen.changes, spans),
        *shown,
        *pages.way_back(rig, row.must.name, clock.now_ns()),
    )
    seen.rows[:], seen.changes[:] = rows, changes
    return Once(
        outcome_of(seen, row.must, start_ns),
        tuple(age for at, age in ages if at >= calm_ns and not within(at, spans) and age >= 0.0),
        tuple(age for at, age in ages if within(at, spans) and age >= 0.0),
        figures,
    )


def _calm(rig: Rig) -> None:
    """Let it scan for a while; where the machine itself holds the arm, people go on and try again.

    NotMadeError: it does so each time.
    """
    for _ in range(CALM_TRIES):
        rig.sampler.forget()
        rig.sampler.run_for(CALM_S)
        report = rig.sampler.report
        if report.state in ENGAGED:
            return
        wait_until_it_scans(rig)
    text = f"{report.state.name}, first out {report.first_out.name}, before the fault"
    raise NotMadeError(text)


@contextmanager
def _rig(row: RealFault, folder: str, seed: int, limits: str) -> Iterator[Rig]:
    start = scripted if row.people is People.SCRIPTED else by_pages
    with row.around(Path(folder)), start(Path(folder), seed, limits) as rig:
        yield rig
