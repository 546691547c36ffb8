"""From options to a finished run: selection, idle gate, runner, files, table."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec
import typer
from rich.console import Console

from bench.kit import html, machine, store
from bench.kit.bench import Bench, BenchError, StoreError, UsageError
from bench.kit.cpu import foreign_percent
from bench.kit.model import Case, CaseResult, Group, Param, Run, Verdict
from bench.kit.options import Common
from bench.kit.progress import View
from bench.kit.runner import Runner
from bench.kit.scorecard import judge
from bench.kit.tables import run_table
from transport.local.clock import utc_text

IDLE_PERCENT = 10.0
"""More CPU than this in other programs (% of one core) spoils p99 figures: warn and say so."""
GATE_S = 1.0


def select(cases: Sequence[Case], only: Sequence[str]) -> list[Case]:
    """Cases whose key has one of the words. UsageError when nothing is left.

    A word that is a whole part of a key stands for these only: `loop` is not `loopback`.
    """
    keys = [case.key for case in cases]
    assert len(set(keys)) == len(keys), "case keys are unique"
    tests = [_matcher(word, keys) for word in only]
    chosen = [case for case in cases if not only or any(test(case.key) for test in tests)]
    if not chosen:
        raise UsageError(f"no case matches {' '.join(only)}; there are: {' '.join(keys)}")
    return chosen


def _matcher(word: str, keys: Sequence[str]) -> Callable[[str], bool]:
    if any(word in key.split("-") for key in keys):
        return lambda key: word in key.split("-")
    return lambda key: word in key


def _folder(bench: Bench, common: Common) -> store.RunFolder:
    if common.resume is None:
        return store.RunFolder(common.out / bench.name / utc_text())
    path = common.resume
    if not (path / store.CASES).is_dir():
        raise StoreError(f"{path} holds no run to resume")
    return store.RunFolder(path)


def _stored(folder: store.RunFolder, cases: Sequence[Case]) -> dict[str, CaseResult]:
    """Results that need no second measurement: same parameters, no error."""
    found = {case.key: folder.get_case(case.key) for case in cases}
    usable = {case.key: result for case in cases if (result := found[case.key]) is not None}
    return {
        case.key: usable[case.key]
        for case in cases
        if case.key in usable and not usable[case.key].error and usable[case.key].case == case
    }


def execute(
    bench: Bench,
    cases: Sequence[Case],
    common: Common,
    options: Sequence[Param],
    *,
    strict: bool = False,
) -> int:
    """Run the selected cases and show the result; exit code 1 when a case failed.

    `strict`: also when a safety target is missed or was not measured.
    """
    chosen = select(cases, common.only)
    folder = _folder(bench, common)
    results = _stored(folder, chosen) if common.resume is not None else {}
    todo = [case for case in chosen if case.key not in results]
    view = View(todo, common.jobs)
    foreign = foreign_percent(GATE_S)
    if foreign > IDLE_PERCENT:
        view.console.print(f"! other programs use {foreign:.0f} % of a core: latencies will look "
                           "worse than they are; this is stored with the result")  # fmt: skip

    def done(result: CaseResult) -> None:
        results[result.case.key] = result
        view.done(result)

    try:
        Runner(bench, folder, common.jobs, view.start, done, view.tick).run(todo)
    except KeyboardInterrupt:
        view.close()
        sys.stderr.write(f"stopped; go on with  --resume {folder.path}\n")
        return 130
    view.close()
    ordered = tuple(results[case.key] for case in chosen)
    run = Run(
        bench.name, bench.title, folder.path.name, machine.describe(), tuple(options),
        common.quick, foreign, round(os.getloadavg()[0], 2), ordered,
        judge(bench.targets, ordered),
    )  # fmt: skip
    _show(run, folder, common)
    unsafe = [row for row in run.rows
              if row.target.group is Group.SAFETY and row.verdict is not Verdict.OK]  # fmt: skip
    failed = any(result.error for result in ordered) or (strict and bool(unsafe))
    return 1 if failed else 0


def _show(run: Run, folder: store.RunFolder, common: Common) -> None:
    file, page = folder.put_run(run), folder.put_page(html.page(run))
    if common.json:
        sys.stdout.write(msgspec.json.encode(run).decode() + "\n")
        return
    console = Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 160
    )
    console.print(run_table(run, figures=common.figures))
    console.print(f"\n{page}\n{file}", soft_wrap=True)


def carry_out(
    bench: Bench,
    cases: Sequence[Case],
    common: Common,
    options: Sequence[Param] = (),
    *,
    list_only: bool = False,
    strict: bool = False,
    after: Callable[[], None] | None = None,
) -> NoReturn:
    """The body of a bench's command: list or run the cases, then leave with the exit code.

    `after` is called when the run is stored. What the user asked for wrongly is said and exits 2.
    """
    if list_only:
        width = max(len(case.key) for case in cases) + 2
        for case in cases:
            typer.echo(f"{case.key:<{width}}{case.title}")
        raise typer.Exit
    try:
        code = execute(bench, cases, common, options, strict=strict)
        if after is not None:
            after()
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)
