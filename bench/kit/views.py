"""`list`, `compare`, `scorecard` and `show` on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.kit import scorecard
from bench.kit.compare import Change, Difference, compare, machines_differ
from bench.kit.model import Verdict
from bench.kit.store import find, load, stored, write_atomic
from bench.kit.tables import machine_text, number, run_table, target_table


def _console() -> Console:
    return Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 160
    )


def _json(value: object) -> int:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    return 0


class Listed(msgspec.Struct, frozen=True):
    """One stored run."""

    run: str
    quick: bool
    cases: int
    ok: int
    missed: int
    revision: str
    page: str


def _listed(path: Path) -> Listed:
    run = load(path)
    verdicts = [row.verdict for row in run.rows]
    return Listed(
        f"{run.bench}/{path.name}", run.quick, len(run.results), verdicts.count(Verdict.OK),
        verdicts.count(Verdict.MISSED), run.machine.revision, str(path / "report.html"),
    )  # fmt: skip


def show_list(folder: Path, json_wanted: bool) -> int:
    """Print the stored runs."""
    rows = [_listed(path) for path in stored(folder)]
    if json_wanted:
        return _json(rows)
    table = Table(show_edge=False)
    for name in ("run", "quick", "cases", "targets ok", "missed", "revision", "page"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row.run, "quick" if row.quick else "", str(row.cases), str(row.ok),
                      str(row.missed), row.revision, row.page)  # fmt: skip
    _console().print(table if rows else f"no runs in {folder}; start with  teleop bench latency")
    return 0


def show_run(name: str, folder: Path) -> int:
    """Print a stored run."""
    _console().print(run_table(load(find(name, folder)), figures=True))
    return 0


COLOURS = {Change.LOWER: "green", Change.HIGHER: "red", Change.SAME: "", Change.UNKNOWN: "yellow"}


def _cells(d: Difference) -> tuple[str, ...]:
    interval = "" if d.low is None else f"{number(d.low)} .. {number(d.high)}"
    change = "" if d.change is None else f"{d.change:+.3g}"
    return (d.case, d.series, f"p{d.percent:g}", number(d.a), number(d.b), change, interval, d.unit)


def show_comparison(a: str, b: str, folder: Path, everything: bool, json_wanted: bool) -> int:
    """Print the differences of two runs."""
    first, second = (load(find(name, folder)) for name in (a, b))
    found = compare(first, second, everything=everything)
    if json_wanted:
        return _json(found)
    console = _console()
    console.print(f"a: {machine_text(first)}\nb: {machine_text(second)}")
    if machines_differ(first, second):
        console.print("! different machines: differences say nothing about the software")
    table = Table(show_edge=False)
    for head in ("case", "quantity", "", "a", "b", "b - a", "95 % interval", "unit", ""):
        table.add_column(head, overflow="fold")
    for d in found:
        table.add_row(*_cells(d), d.verdict.value, style=COLOURS[d.verdict])
    console.print(table if found else "the runs have no quantity in common")
    return 0


def show_scorecard(folder: Path, json_wanted: bool) -> int:
    """Print the scorecard and store it beside the runs; exit code 1 when a target is missed."""
    entries = scorecard.collect(folder)
    rows = [row for entry in entries for row in entry.rows]
    missed = any(row.verdict is not Verdict.OK for row in rows)
    if entries:
        write_atomic(folder / "scorecard.html", scorecard.page(entries).encode())
        write_atomic(folder / "scorecard.json", msgspec.json.encode(entries))
    if json_wanted:
        _json(entries)
        return int(missed)
    console = _console()
    for entry in entries:
        console.print(f"\n{entry.title}", style="bold")
        console.print(f"{entry.run}: {entry.where}", style="dim")
        console.print(target_table(entry.rows))
    console.print(f"\n{folder / 'scorecard.html'}" if entries else f"no runs in {folder}")
    return int(missed)
