"""Options of `teleop bench faults` (light: loaded for --help)."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Jobs, Json, ListOnly, Only, Out, Resume, Seed


class Layer(StrEnum):
    """What is broken."""

    ALL = "all"
    VIRTUAL = "virtual"
    REAL = "real"


def command(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under 4 minutes: every fault once, some pairs.")
    ] = False,
    layer: Annotated[
        Layer, typer.Option(help="Virtual clock, real processes on this machine, or both.")
    ] = Layer.ALL,
    hours: Annotated[
        float, typer.Option(min=0.0, help="Soak: pairs of faults for so long, nothing else.")
    ] = 0.0,
    repeats: Annotated[int, typer.Option(min=1, help="Injections of every single fault.")] = 20,
    real_repeats: Annotated[
        int, typer.Option(min=1, help="Injections of every fault of real processes.")
    ] = 3,
    pairs: Annotated[int, typer.Option(min=0, help="Pairs of faults at random times.")] = 2000,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="Only faults whose name contains WORD (repeat it)."),
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Attack frames per kind.")] = 100_000,
    control_hz: Annotated[int, typer.Option(min=250, max=1000, help="Rate of the loops.")] = 500,
    limits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A configuration whose [limits] are tried, not ours."),
    ] = None,
    only: Only = None,
    jobs: Jobs = 1,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """Break everything, alone and in pairs, and measure what follows.

    On a virtual clock (deterministic: seed and number repeat an injection) the real guard, servo
    and arm box meet every fault of the table, invariants are checked in every step. The real
    processes are killed, stopped, starved and cut off. Exit code 1: a safety limit was not kept.
    """
    from bench.faults.bench import BENCH
    from bench.faults.cases import Wanted, plan
    from bench.faults.last import with_last
    from bench.kit.command import carry_out
    from bench.kit.model import Param

    wanted = Wanted(
        quick=quick, seed=seed, repeats=1 if quick else repeats, pairs=60 if quick else pairs,
        frames=min(frames, 20_000) if quick else frames, stops=100 if quick else 1000,
        hours=hours, control_hz=control_hz, faults=tuple(fault or ()),
        limits=_site(limits), real_repeats=real_repeats, virtual=layer is not Layer.REAL,
        real=layer is not Layer.VIRTUAL,
    )  # fmt: skip
    cases = plan(wanted)
    side_by_side = max(jobs, min(2, os.cpu_count() or 1)) if quick else jobs
    common = Common(quick, tuple(only or ()), side_by_side, out, resume, json_wanted, figures=False)
    options = (Param("repeats", str(wanted.repeats)), Param("pairs", str(wanted.pairs)))
    carry_out(BENCH, cases, common, options, list_only=list_only, strict=True,
              after=lambda: with_last(BENCH.name, out, show=not json_wanted))  # fmt: skip


def _site(limits: Path | None) -> str:
    """A site's limits; leaves with a message when they cannot be tried."""
    from bench.faults.site import table_of
    from bench.kit.bench import UsageError

    try:
        return table_of(limits) if limits else ""
    except UsageError as error:
        typer.echo(f"teleop: {error}", err=True)
        raise typer.Exit(2) from None
