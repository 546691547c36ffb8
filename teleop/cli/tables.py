"""Numbers and tables for people."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text


def number(value: float, digits: int = 0) -> str:
    """A measured value, or a dash where nothing was measured."""
    return f"{value:.{digits}f}" if value >= 0 else "-"


def result_table(result: dict[str, object]) -> Table:
    """Criteria with their limits, then everything that was measured."""
    table = Table(show_edge=False)
    for name in ("", "measured", "value", "limit"):
        table.add_column(name)
    criteria = result.get("criteria")
    for row in criteria if isinstance(criteria, list) else []:
        mark = Text("✓ ok", "green") if row.get("ok") is True else Text("✗ no", "red")
        limit = _value(row.get("limit", ""))
        table.add_row(mark, str(row.get("name", "")), _value(row.get("value")), limit)
    measured = result.get("measured")
    for name, value in (measured if isinstance(measured, dict) else {}).items():
        table.add_row("", str(name), _value(value), "")
    return table


def _value(value: object) -> str:
    """A number with three figures that matter, anything else as it is."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value)
    return str(value)
