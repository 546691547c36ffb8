"""Options of `teleop bench haptics` (light: loaded for --help)."""

from __future__ import annotations

import typer

from bench.kit.options import FOLDER, Common, Jobs, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    only: Only = None,
    jobs: Jobs = 1,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """Measure the haptic coupling: stability, energy, touch, transparency, packets, lost links.

    Virtual clock, seeded: figures do not depend on how busy the machine is.
    """
    from bench.haptics.bench import BENCH
    from bench.haptics.cases import plan
    from bench.kit.bench import BenchError
    from bench.kit.command import execute
    from bench.kit.model import Param

    cases = plan(quick, seed)
    if list_only:
        for case in cases:
            typer.echo(f"{case.key:<44} {case.title}")
        raise typer.Exit
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    try:
        code = execute(BENCH, cases, common, (Param("seed", str(seed)),))
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)
