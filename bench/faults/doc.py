"""Writes the fault matrix from the table and a stored run.

`python -m bench.faults.doc RUN > docs/fault-matrix.md`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.faults.model import Fault, Follows, Group, Invariant
from bench.faults.real.cases import key_of
from bench.faults.real.table import REAL
from bench.faults.table import TABLE
from bench.kit.model import CaseResult, Figure, Run
from bench.kit.store import find, load
from bench.kit.tables import figure_text, number

HEAD = """# Fault matrix

Generated from the tables of `bench/faults/` and a stored run by `python -m bench.faults.doc RUN`.
Do not edit.

`teleop bench faults` breaks everything, alone and in pairs, on a virtual clock (real guard,
servo, arm box and frames; simulated processes and links) and on this machine (real processes).
`--quick` takes under 4 minutes, `--hours H` soaks with pairs that no other run used, `--layer
virtual|real` and `--fault WORD` select. Exit code 1: an invariant broken, a detection missed, or
a limit not kept. An injection can be repeated: seed, number and time stand in the notes of the
report.

- **detect**: from the fault to guard's state; one control cycle is added to the limit. **rest**:
  from the fault to standstill across the probe's axis (all of the probe where brakes hold).
  **path**: from the fault to rest. The arm scans in contact at up to 30 mm/s.
- **peak**: largest true contact force. **added**: above the largest of the 100 ms before the
  fault, until the end of the watch; **stop adds**: the same until standstill. On closed brakes the
  later part is the patient's breath: its bound, and the time to hand release, stand under Totals
  ("braked in contact").
- 0 failures in N injections bound the failure rate to 3/N at 95 % confidence.
"""


def _figures(run: Run) -> dict[str, Figure]:
    return {
        f.name: f
        for result in run.results
        if result.case.key.startswith("single-")
        for f in result.measured.figures
    }


def _cell(figures: dict[str, Figure], fault: Fault, name: str, limit: float = 0.0) -> str:
    figure = figures.get(f"{fault.name}: {name} max")
    if figure is None:
        return ""
    return number(figure.value) + (f" / {limit:g}" if limit else "")


def _row(figures: dict[str, Figure], fault: Fault) -> str:
    seen = "detection" if fault.guard_sees else "brakes"
    cells = (
        fault.name,
        fault.follows.value,
        ", ".join(sorted(cause.name for cause in fault.causes)),
        _cell(figures, fault, seen, fault.detect_max_ms),
        _cell(figures, fault, "standstill", fault.stop_max_ms),
        _cell(figures, fault, "path"),
        _cell(figures, fault, "peak force"),
        _cell(figures, fault, "added until standstill"),
        _cell(figures, fault, "added force"),
        fault.note,
    )
    return "| " + " | ".join(cells) + " |"


COLUMNS = ("fault", "follows", "first-out cause", "detect ms / limit", "rest ms / limit", "path mm",
           "peak N", "stop adds N", "added N", "note")  # fmt: skip


def _table(columns: Iterable[str], rows: Iterable[str]) -> list[str]:
    columns = list(columns)
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *rows, ""]


def _totals(run: Run) -> list[str]:
    lines = ["## Totals", ""]
    for begins, what in (("single-", "single faults"), ("pairs-", "pairs"), ("soak-", "soak")):
        results = [r for r in run.results if r.case.key.startswith(begins)]
        if results:
            text = ", ".join(f"{name} {_sum(results, name):,.0f}" for name in SUMS)
            lines.append(f"- {what}: {text}")
    others = [
        r for r in run.results if r.case.key in ("bedside-stop", "return", "braked", "attack")
    ]
    for result in others:
        text = "; ".join(f"{f.name} {figure_text(f)}" for f in result.measured.figures)
        lines.append(f"- {result.case.title}: {text}")
    return [*lines, ""]


SUMS = ("injections", "missed detections", "invariants broken", "out of limits", "steps checked")


def _sum(results: Iterable[CaseResult], name: str) -> float:
    return sum(f.value or 0.0 for r in results for f in r.measured.figures if f.name == name)


def _newest(runs: Sequence[Run], key: str) -> CaseResult | None:
    """The result of the last run that could make the case, else the last one's reason."""
    found = [result for run in runs if (result := run.result(key)) is not None]
    made = [result for result in found if not (result.error or result.skipped)]
    chosen = made or found
    return chosen[-1] if chosen else None


def _real(runs: Sequence[Run]) -> list[str]:
    rows = []
    for row in REAL:
        result = _newest(runs, key_of(row.must.name))
        if result is None or result.error or result.skipped:
            why = "not run" if result is None else (result.error or result.skipped).splitlines()[-1]
            rows.append(f"| {row.must.name} | {row.people.value} | {why} |")
            continue
        shown = [f for f in result.measured.figures if f.name.endswith(("max", "worse by"))]
        text = "; ".join({f"{f.name.split(': ', 1)[-1]} {figure_text(f)}": None for f in shown})
        wrong = [f"**{note.split(': ', 1)[-1]}**" for note in result.measured.notes]
        rows.append(f"| {row.must.name} | {row.people.value} | {'; '.join([text, *wrong])} |")
    where = [f"Run {run.started_utc}, revision {run.machine.revision or '-'}." for run in runs]
    table = _table(("fault", "people", "worst figures; in bold what was out of limits"), rows)
    return ["## Real processes", "", *where, "", *table]


def page(run: Run, real: Sequence[Run] = ()) -> str:
    """The page of a run; `real`: runs of the layer of real processes, a later one counts more."""
    figures = _figures(run)
    machine = run.machine
    where = (f"Run {run.started_utc}, revision {machine.revision or '-'}, {machine.cpu}, "
             f"{machine.cores} cores, Python {machine.python}; options: "
             + ", ".join(f"{p.name} {p.value}" for p in run.options) + ".")  # fmt: skip
    lines = [HEAD, where, "", *_totals(run)]
    for group in Group:
        rows = [_row(figures, fault) for fault in TABLE if fault.group is group]
        lines += [f"## {group.value.capitalize()}", "", *_table(COLUMNS, rows)]
    lines += _real(real or [run])
    lines += ["## Invariants", "", *(f"- **{i.name}** {i.value}" for i in Invariant), ""]
    lines += [f"- *{f.name.lower()}*: {f.value}" for f in Follows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults.doc", description=__doc__)
    parser.add_argument("run", help="run folder, file, or `faults` for the newest")
    parser.add_argument(
        "--real",
        action="append",
        default=[],
        metavar="RUN",
        help="a run of the real processes (repeat it; a later one counts more)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), help="folder of results")
    given = parser.parse_args()
    real = [load(find(one, given.out)) for one in given.real]
    sys.stdout.write(page(load(find(given.run, given.out)), real))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
