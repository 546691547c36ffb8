"""Options of `teleop bench force` (light: loaded for --help)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Jobs, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    only: Only = None,
    trajectory: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE",
                     help="A tracked freehand recording (.igs.mha) as hand motion (repeat it)."),
    ] = None,
    jobs: Jobs = 1,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:  # fmt: skip
    """Measure contact force control of both laws, with ablations, on a virtual clock."""
    from bench.force.bench import BENCH
    from bench.force.cases import Wanted, plan
    from bench.kit.bench import BenchError
    from bench.kit.command import execute

    cases = plan(Wanted(quick, seed, tuple(trajectory or ())))
    if list_only:
        for case in cases:
            typer.echo(f"{case.key:<52} {case.title}")
        raise typer.Exit
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    try:
        code = execute(BENCH, cases, common, ())
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)
