"""Options of `teleop bench needle` (light: loaded for --help)."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Jobs, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    patients: Annotated[
        int, typer.Option(min=1, max=100_000, help="Seeded patients of the main cases.")
    ] = 1000,
    only: Only = None,
    jobs: Jobs = 1,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """Puncture seeded patients over an emulated 5G link, with ablations, on a virtual clock."""
    from bench.kit.command import carry_out
    from bench.kit.model import Param
    from bench.needle.bench import BENCH
    from bench.needle.cases import Wanted, plan

    cases = plan(Wanted(quick, seed, patients))
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    carry_out(BENCH, cases, common, (Param("patients", str(patients)),), list_only=list_only)
