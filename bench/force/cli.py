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
    from bench.kit.command import carry_out

    cases = plan(Wanted(quick, seed, tuple(trajectory or ())))
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    carry_out(BENCH, cases, common, list_only=list_only)
