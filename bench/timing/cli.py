"""Options of `teleop bench timing` (light: loaded for --help)."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    seconds: Annotated[
        float, typer.Option(min=2, max=3600, help="Measured time of each case.")
    ] = 60.0,
    only: Only = None,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """How late servo and guard wake beside video, with and without real-time rights.

    The real processes of the demo scan with a scripted expert; each loop counts the lateness of
    every cycle itself. Also the CPU of each process.
    """
    from bench.kit.command import carry_out
    from bench.kit.model import Param
    from bench.timing.bench import BENCH, plan

    cases = plan(quick, seconds, seed)
    common = Common(quick, tuple(only or ()), 1, out, resume, json_wanted)
    carry_out(BENCH, cases, common, (Param("seconds", f"{seconds:g}"),), list_only=list_only)
