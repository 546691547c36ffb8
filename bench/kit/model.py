"""Result types of all benches: frozen, JSON through msgspec, every raw sample kept.

A *case* is one measurement with fixed parameters. It gives *series* (raw samples), *figures*
(numbers with a unit) and *bands* (labelled spans of time). A *target* names a figure of a case and
a limit; a *row* is a target with what was measured.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

Comparison = Literal["<=", ">="]


class Group(StrEnum):
    """What a target is about; the scorecard is ordered by it."""

    PERFORMANCE = "performance"
    EFFECT = "effect"
    SAFETY = "safety"


class Verdict(StrEnum):
    """What became of a target."""

    OK = "ok"
    MISSED = "missed"
    NOT_MEASURED = "not measured"


class Param(msgspec.Struct, frozen=True):
    """One parameter of a case, as shown."""

    name: str
    value: str


class Figure(msgspec.Struct, frozen=True):
    """One number."""

    name: str
    unit: str
    value: float | None
    """None: not finite, for example a percentile that falls on a sample that never came."""
    count: int = 0
    """How many samples it was computed from; 0: does not apply."""


class Series(msgspec.Struct, frozen=True):
    """Raw samples of one quantity."""

    name: str
    unit: str
    values: tuple[float, ...]
    at_s: tuple[float, ...] = ()
    """When each value was taken (seconds since the start of the case); empty: no time line."""
    missing: int = 0
    """Samples that should have come and did not; they count as later than everything."""
    line_at: float | None = None
    """A limit to draw."""
    headline: bool = False
    """Drawn first, and compared between runs."""


class Band(msgspec.Struct, frozen=True):
    """A labelled span on the time line (a state, a blackout, an alarm)."""

    lane: str
    label: str
    start_s: float
    end_s: float


class Measured(msgspec.Struct, frozen=True):
    """What a case function returns."""

    figures: tuple[Figure, ...] = ()
    series: tuple[Series, ...] = ()
    bands: tuple[Band, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that belong beside the figures (what was left out, what was missing here)."""


class Case(msgspec.Struct, frozen=True):
    """One measurement to be made."""

    key: str
    """Unique in the bench, stable between runs: file name, and what targets refer to."""
    title: str
    params: tuple[Param, ...] = ()
    config: bytes = b""
    """The bench's own parameters, encoded by the bench (msgspec JSON of its struct)."""
    seed: int = 1
    expected_s: float = 1.0
    """Rough duration, for the time that is left."""
    exclusive: bool = True
    """Measures real time, so nothing else of the bench may run beside it."""
    baseline: bool = False
    """A point of comparison, not our product."""


class CaseResult(msgspec.Struct, frozen=True):
    """A case with what was measured, and on how busy a machine."""

    case: Case
    measured: Measured = Measured()
    error: str = ""
    """Why there is no measurement; empty: there is one."""
    skipped: str = ""
    """What this machine lacks for this case; empty: nothing."""
    wall_s: float = 0.0
    foreign_cpu_percent: float = 0.0
    """CPU used meanwhile by programs that do not belong to the bench, % of one core."""
    load_1min: float = 0.0


class Target(msgspec.Struct, frozen=True):
    """A limit that a figure should keep."""

    group: Group
    what: str
    case: str
    figure: str
    comparison: Comparison
    limit: float
    unit: str
    reference: str = ""
    """What others, or stock software, reach."""


class TargetRow(msgspec.Struct, frozen=True):
    """A target and what was measured."""

    target: Target
    value: float | None
    verdict: Verdict


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    software: tuple[Param, ...]
    """Versions of what matters."""
    revision: str
    """Of this project; ends with -dirty when files were changed."""
    real_time: bool
    """SCHED_FIFO is allowed here."""


class Run(msgspec.Struct, frozen=True):
    """One run of one bench."""

    bench: str
    title: str
    started_utc: str
    machine: Machine
    options: tuple[Param, ...]
    quick: bool
    foreign_cpu_percent: float
    """Before the first case; the idle gate warns above its limit."""
    load_1min: float
    results: tuple[CaseResult, ...] = ()
    rows: tuple[TargetRow, ...] = ()
    format: int = 1

    def result(self, key: str) -> CaseResult | None:
        """The result of a case, None when it was not part of the run."""
        return next((r for r in self.results if r.case.key == key), None)


def figure_of(result: CaseResult, name: str) -> Figure | None:
    """A figure by name, None when it was not measured."""
    return next((f for f in result.measured.figures if f.name == name), None)
