"""`teleop bench`: found by the command line through the entry point group `teleop.commands`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bench.benches import BENCHES
from bench.kit.options import FOLDER, Json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Measure latency, timing, force, haptics; compare runs. Results: runs/bench.",
)
Folder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of results.")]
for _name, _module in BENCHES:
    app.command(_name)(import_module(_module).command)


def _leave(work: Callable[[], int]) -> NoReturn:
    """Run; errors of the kit become one line and exit code 2."""
    from bench.kit.bench import BenchError

    try:
        code = work()
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)


@app.command("list")
def list_runs(out: Folder = FOLDER, json_wanted: Json = False) -> None:
    """Show the stored runs, oldest first."""
    from bench.kit.views import show_list

    _leave(lambda: show_list(out, json_wanted))


@app.command(
    epilog="Example:  teleop bench compare latency/2026-01-31T120000Z latency",
)
def compare(
    a: Annotated[str, typer.Argument(help="Run: folder, file, name as listed, or a bench.")],
    b: Annotated[str, typer.Argument(help="Run to compare with it.")],
    out: Folder = FOLDER,
    everything: Annotated[bool, typer.Option("--all", help="Every series, not only the main.")] = (
        False
    ),
    json_wanted: Json = False,
) -> None:
    """Compare two runs: p50 and p99, with 95 % confidence intervals by bootstrap."""
    from bench.kit.views import show_comparison

    _leave(lambda: show_comparison(a, b, out, everything, json_wanted))


@app.command()
def scorecard(out: Folder = FOLDER, json_wanted: Json = False) -> None:
    """All targets of the newest run of each bench: performance, effect, safety."""
    from bench.kit.views import show_scorecard

    _leave(lambda: show_scorecard(out, json_wanted))


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Run: folder, file, name as listed, or a bench.")],
    out: Folder = FOLDER,
) -> None:
    """Show the tables of a stored run again."""
    from bench.kit.views import show_run

    _leave(lambda: show_run(run, out))
