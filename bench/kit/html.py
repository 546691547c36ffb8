"""One self-contained HTML page per run: tables, distributions, time lines; no script, no files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bench.kit import svg
from bench.kit.model import CaseResult, Group, Run, Series, TargetRow, Verdict
from bench.kit.tables import MARKS, figure_text, machine_text, number

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1360px;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #ccc}
table{border-collapse:collapse;margin:.8em 0}th,td{padding:.2em .8em;text-align:left;
vertical-align:top;border-bottom:1px solid #e4e4e4}td.n{text-align:right;
font-variant-numeric:tabular-nums}.ok{color:#05703a}.missed{color:#b00020;font-weight:600}
.none,.small{color:#666;font-size:.9em}.plots{display:flex;flex-wrap:wrap;gap:1em}
svg{width:640px;max-width:100%;font:11px system-ui,sans-serif}.plot{fill:#fafafa;stroke:#999}
.grid{stroke:#e2e2e2}.limit{stroke:#b00020;stroke-dasharray:5 3}.mid{text-anchor:middle}
.end{text-anchor:end}.tick{fill:#555}.band{fill:#fff}summary{cursor:pointer}
"""
CLASSES = {Verdict.OK: "ok", Verdict.MISSED: "missed", Verdict.NOT_MEASURED: "none"}
MOST_CURVES = 8


def document(title: str, body: Iterable[str]) -> str:
    """A whole page."""
    head = f"<title>{escape(title)}</title><style>{STYLE}</style>"
    view = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html><html lang="en"><head>{view}{head}</head><body>'
        + "\n".join(body)
        + ("</body></html>\n")
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def target_rows(rows: Iterable[TargetRow]) -> str:
    """Targets in the order of their groups."""
    order = list(Group)
    cells = []
    for row in sorted(rows, key=lambda r: order.index(r.target.group)):
        t = row.target
        mark = f'<span class="{CLASSES[row.verdict]}">{MARKS[row.verdict][0]}</span>'
        value = "-" if row.verdict is Verdict.NOT_MEASURED else f"{number(row.value)} {t.unit}"
        limit = f"{t.comparison} {number(t.limit)} {t.unit}"
        cells.append([mark, t.group.value, *map(escape, (t.what, value, limit, t.reference))])
    return table(("", "group", "target", "measured", "limit", "elsewhere"), cells)


def page(run: Run) -> str:
    """The page of a run."""
    body = [f"<h1>{escape(run.title)}</h1>", f"<p>{escape(machine_text(run))}</p>"]
    software = ", ".join(f"{p.name} {p.value}" for p in run.machine.software)
    options = ", ".join(f"{p.name} {p.value}" for p in run.options)
    body.append(f'<p class="small">{escape(software)}<br>Options: {escape(options)}</p>')
    if run.rows:
        body += ["<h2>Targets</h2>", target_rows(run.rows)]
    body += ["<h2>Distributions</h2>", '<div class="plots">', *_overviews(run), "</div>"]
    body.append("<h2>Cases</h2>")
    body += [_case(result) for result in run.results]
    return document(run.title, body)


def _overviews(run: Run) -> list[str]:
    """One plot per headline quantity, a curve per case."""
    curves: dict[str, list[tuple[str, Series]]] = {}
    for result in run.results:
        for series in result.measured.series:
            if series.headline:
                curves.setdefault(series.name, []).append((result.case.key, series))
    out = []
    for name, found in curves.items():
        for start in range(0, len(found), MOST_CURVES):
            plot = svg.cdf(found[start : start + MOST_CURVES], name)
            out.append(f"<figure><figcaption>{escape(name)}</figcaption>{plot}</figure>")
    return out


def _case(result: CaseResult) -> str:
    title = escape(result.case.title) + (" (baseline)" if result.case.baseline else "")
    if result.error or result.skipped:
        text = escape(result.error or result.skipped)
        kind = "failed" if result.error else "left out"
        return f"<h3>{title}</h3><p class='missed'>{kind}</p><pre>{text}</pre>"
    params = ", ".join(f"{p.name} {p.value}" for p in result.case.params)
    load = (f"{result.wall_s:.1f} s; other programs {result.foreign_cpu_percent:.0f} % of a core; "
            f"load {result.load_1min:.2f}; seed {result.case.seed}")  # fmt: skip
    figures = table(
        ("figure", "value", "samples"),
        [(escape(f.name), escape(figure_text(f)), str(f.count or "")) for f in
         result.measured.figures],
    )  # fmt: skip
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.measured.notes)
    return (
        f"<h3>{title}</h3><p class='small'>{escape(params)}<br>{escape(load)}</p><ul>{notes}</ul>"
        f"<details><summary>figures and plots</summary>{figures}"
        f"<div class='plots'>{''.join(_plots(result))}</div></details>"
    )


def _plots(result: CaseResult) -> list[str]:
    measured, title = result.measured, result.case.title
    by_unit: dict[str, list[Series]] = {}
    for series in measured.series:
        by_unit.setdefault(series.unit, []).append(series)
    out = []
    for unit, found in by_unit.items():
        for start in range(0, len(found), MOST_CURVES):
            part = found[start : start + MOST_CURVES]
            label = f"{title}, {unit}"
            out.append(svg.cdf([(s.name, s) for s in part], label))
            out.append(svg.timeline(part, measured.bands, label))
    if measured.bands and not any(s.at_s for s in measured.series):
        out.append(svg.timeline((), measured.bands, title))
    out += [svg.histogram(s, f"{title}, {s.name}") for s in measured.series if s.headline]
    return [plot for plot in out if plot]
