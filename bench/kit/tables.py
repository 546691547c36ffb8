"""Results as terminal tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich import console as rich_console
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.kit.model import Figure, Group, Run, TargetRow, Verdict

MARKS = {
    Verdict.OK: ("✓ ok", "green"),
    Verdict.MISSED: ("✗ missed", "red"),
    Verdict.NOT_MEASURED: ("- not measured", "yellow"),
}


def number(value: float | None) -> str:
    """Three figures that matter; a sample that never came is infinite."""
    if value is None:
        return "∞"
    if value == 0 or abs(value) >= 1e5:
        return f"{value:g}"
    digits = max(0, 2 - len(str(int(abs(value)))) + 1) if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def figure_text(figure: Figure) -> str:
    """Value and unit."""
    return f"{number(figure.value)} {figure.unit}".strip()


def target_table(rows: Iterable[TargetRow]) -> Table:
    """Targets by group, each with what was measured."""
    table = Table(show_edge=False, title_justify="left")
    for name in ("", "group", "target", "measured", "limit", "elsewhere"):
        table.add_column(name, overflow="fold")
    order = list(Group)
    for row in sorted(rows, key=lambda r: order.index(r.target.group)):
        mark, colour = MARKS[row.verdict]
        t = row.target
        value = "-" if row.verdict is Verdict.NOT_MEASURED else f"{number(row.value)} {t.unit}"
        limit = f"{t.comparison} {number(t.limit)} {t.unit}"
        table.add_row(Text(mark, colour), t.group.value, t.what, value, limit, t.reference)
    return table


def case_table(run: Run) -> Table:
    """All figures of all cases, one line per quantity."""
    table = Table(show_edge=False)
    for name in ("case", "figure", "value", "samples"):
        table.add_column(name, overflow="fold")
    for result in run.results:
        title = Text(result.case.title + (" (baseline)" if result.case.baseline else ""), "bold")
        if result.error or result.skipped:
            last = (result.error or result.skipped).strip().splitlines()[-1]
            table.add_row(title, Text(last, "red" if result.error else "yellow"), "", "")
            continue
        for index, figure in enumerate(result.measured.figures):
            shown = title if index == 0 else ""
            count = str(figure.count) if figure.count else ""
            table.add_row(shown, figure.name, figure_text(figure), count)
    return table


def machine_text(run: Run) -> str:
    """One line on where and how it was measured."""
    m = run.machine
    rights = "SCHED_FIFO" if m.real_time else "no SCHED_FIFO"
    return (
        f"{m.cpu}, {m.cores} cores, {m.kernel}, Python {m.python}, {rights}; revision "
        f"{m.revision or '-'}; {run.started_utc}; other programs used "
        f"{run.foreign_cpu_percent:.0f} % of a core before the run"
    )


def run_table(run: Run, *, figures: bool) -> RenderableType:
    """What the terminal shows at the end of a run."""
    parts: list[RenderableType] = [Text(run.title, "bold"), Text(machine_text(run), "dim")]
    if figures:
        parts += [Text(), case_table(run)]
    if run.rows:
        parts += [Text(), target_table(run.rows)]
    parts += [Text(f"note ({r.case.title}): {note}", "dim")
              for r in run.results for note in r.measured.notes]  # fmt: skip
    return rich_console.Group(*parts)
