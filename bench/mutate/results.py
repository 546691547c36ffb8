"""Stored verdicts: one line of JSON per mutant, so that a run can be interrupted and continued."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.mutate.child import Verdict
from bench.mutate.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant."""

    name: str
    sha: str
    line: int
    verdict: Verdict
    killer: str
    cpu_s: float


def load(file: Path) -> dict[str, Result]:
    """Newest result of each mutant by name."""
    if not file.exists():
        return {}
    found = {}
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        found[row["name"]] = Result(**{**row, "verdict": Verdict(row["verdict"])})
    return found


def append(file: Path, result: Result) -> None:
    """Add one result; a line is written at once and whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def known(results: dict[str, Result], mutant: Mutant) -> Result | None:
    """The result of this mutant, when its file has not changed since."""
    found = results.get(mutant.name)
    return found if found is not None and found.sha == mutant.sha else None


def reasons(page: Path) -> set[str]:
    """Names of the survivors that `docs/mutation.md` explains (second column of its table)."""
    if not page.exists():
        return set()
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| safety/")]
    return {row.split(" | ")[0].removeprefix("| ").replace("\\|", "|") for row in rows}


def summary(results: Iterable[Result], explained: set[str]) -> list[str]:
    """Text of what is known."""
    rows = list(results)
    dead = sum(r.verdict in (Verdict.KILLED, Verdict.LOOPED) for r in rows)
    alive = [r for r in rows if r.verdict == Verdict.SURVIVED]
    waiting = len(rows) - dead - len(alive)
    open_rows = [r for r in alive if r.name not in explained]
    share = 100.0 * dead / len(rows) if rows else 0.0
    lines = [
        f"{len(rows)} mutants ran: {dead} killed ({share:.1f} %), {len(alive)} survived, "
        f"{waiting} survived only the stages that were run"
    ]
    lines += [f"  {r.name}  (line {r.line})" for r in alive if r.name in explained]
    if open_rows:
        lines.append("without a reason in docs/mutation.md:")
        lines += [f"  {r.name}  (line {r.line})" for r in open_rows]
    return lines
