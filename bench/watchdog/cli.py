"""Options of `teleop bench watchdog` (light: loaded for --help)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Jobs, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    seconds: Annotated[
        float, typer.Option(min=2, max=86400, help="Virtual time of each case.")
    ] = 120.0,
    traces: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Measured 5G traces; without them generated ones."),
    ] = None,
    start_s: Annotated[float, typer.Option(min=0, help="Where in a trace to begin.")] = 0.0,
    only: Only = None,
    jobs: Jobs = 1,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """What the watchdog does on every emulated network, with one and with two links.

    The real guard and servo run on a virtual clock, about seven times faster than real time: time
    per state, stops per hour by cause, stops that were not needed, and whether a command older
    than 50 ms ever moved the arm.
    """
    from bench.kit.command import carry_out
    from bench.kit.model import Param
    from bench.watchdog.bench import BENCH
    from bench.watchdog.plan import Wanted, plan

    folder = "" if traces is None else str(traces.absolute())
    cases = plan(Wanted(quick, seconds, seed, folder, 1000.0 * start_s))
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    carry_out(BENCH, cases, common, (Param("seconds", f"{seconds:g}"),), list_only=list_only)
