"""The scorecard: the newest run of each bench in one table, by performance, effect and safety."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path

import msgspec

from bench.kit.html import document, target_rows
from bench.kit.model import CaseResult, Run, Target, TargetRow, Verdict, figure_of
from bench.kit.stats import judged
from bench.kit.store import load, stored
from bench.kit.tables import machine_text


class Entry(msgspec.Struct, frozen=True):
    """One bench on the scorecard."""

    bench: str
    title: str
    run: str
    where: str
    rows: tuple[TargetRow, ...]


def judge(targets: Iterable[Target], results: Iterable[CaseResult]) -> tuple[TargetRow, ...]:
    """Targets whose case is among the results, each with its verdict.

    A case that ends in `*` stands for all cases that begin so: the worst of them counts.
    """
    by_key = {result.case.key: result for result in results}
    rows = []
    for target in targets:
        chosen = [result for key, result in by_key.items() if fnmatchcase(key, target.case)]
        if chosen:
            rows.append(_worst([_row(target, result) for result in chosen]))
    return tuple(rows)


def _worst(rows: list[TargetRow]) -> TargetRow:
    """Missed before not measured before kept; of equals the value farthest from the good side."""
    order = (Verdict.OK, Verdict.NOT_MEASURED, Verdict.MISSED)
    way = 1.0 if rows[0].target.comparison == "<=" else -1.0

    def badness(row: TargetRow) -> tuple[int, float]:
        return order.index(row.verdict), math.inf if row.value is None else way * row.value

    return max(rows, key=badness)


def _row(target: Target, result: CaseResult) -> TargetRow:
    figure = figure_of(result, target.figure)
    if figure is None:
        return TargetRow(target, None, Verdict.NOT_MEASURED)
    kept = judged(figure.value, target.comparison, target.limit)
    return TargetRow(target, figure.value, Verdict.OK if kept else Verdict.MISSED)


def collect(folder: Path) -> list[Entry]:
    """The newest full run of each bench; a quick run only where there is no full one."""
    best: dict[str, tuple[Path, Run]] = {}
    for path in stored(folder):
        run = load(path)
        known = best.get(run.bench)
        if known is None or known[1].quick or not run.quick:
            best[run.bench] = (path, run)
    return [
        Entry(run.bench, run.title, path.name + (" (quick)" if run.quick else ""),
              machine_text(run), run.rows)
        for path, run in best.values()
    ]  # fmt: skip


def page(entries: Iterable[Entry]) -> str:
    """The scorecard as an HTML page."""
    body = ["<h1>Scorecard</h1>"]
    for entry in entries:
        body += [f"<h2>{escape(entry.title)}</h2>", target_rows(entry.rows)]
        body.append(f'<p class="small">{escape(entry.run)}: {escape(entry.where)}</p>')
    return document("Scorecard", body)
