"""Compares a run with the one before: on the terminal, and as a file beside the run."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from bench.kit.compare import Change, Difference, compare, machines_differ
from bench.kit.model import Run
from bench.kit.store import load, stored, write_atomic
from bench.kit.tables import number

FILE = "comparison.json"
GROWN = 1.2
"""A worst case that grew by this factor is worth a line."""


class Grown(msgspec.Struct, frozen=True):
    """A worst case that became clearly worse."""

    case: str
    figure: str
    unit: str
    before: float
    now: float


class Comparison(msgspec.Struct, frozen=True):
    """This run against the last one."""

    last: str
    machines_differ: bool
    differences: tuple[Difference, ...]
    grown: tuple[Grown, ...]


def grown(before: Run, now: Run) -> tuple[Grown, ...]:
    """Figures that end in "max" and are larger than before by `GROWN`."""
    out = []
    for result in now.results:
        other = before.result(result.case.key)
        old = {f.name: f for f in other.measured.figures} if other is not None else {}
        for figure in result.measured.figures:
            was = old.get(figure.name)
            if was is None or not figure.name.endswith("max") or was.value is None:
                continue
            value = float("inf") if figure.value is None else figure.value
            if value > GROWN * max(was.value, 0.0) + 1.0:
                out.append(Grown(result.case.key, figure.name, figure.unit, was.value, value))
    return tuple(out)


def with_last(bench: str, folder: Path, *, show: bool) -> None:
    """Compare the newest run of a bench with the one before it; nothing when there is none."""
    runs = [path for path in stored(folder) if path.parent.name == bench]
    if len(runs) < 2:
        return
    before, now = load(runs[-2]), load(runs[-1])
    found = Comparison(
        runs[-2].name, machines_differ(before, now), tuple(compare(before, now)), grown(before, now)
    )
    write_atomic(runs[-1] / FILE, msgspec.json.encode(found))
    if show:
        _show(found, runs[-1] / FILE)


def _show(found: Comparison, file: Path) -> None:
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(f"\nagainst {found.last}" + " (another machine)" * found.machines_differ)
    moved = [d for d in found.differences if d.verdict in (Change.LOWER, Change.HIGHER)]
    for d in moved:
        console.print(f"  {d.case}: {d.series} p{d.percent:g} {number(d.a)} -> {number(d.b)} "
                      f"{d.unit}, {d.verdict.value}")  # fmt: skip
    for g in found.grown:
        console.print(f"  {g.case}: {g.figure} {number(g.before)} -> {number(g.now)} {g.unit}")
    if not moved and not found.grown:
        console.print("  no difference shown")
    console.print(f"  {file}")
