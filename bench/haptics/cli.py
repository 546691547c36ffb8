"""Options of `teleop bench haptics` (light: loaded for --help)."""

from __future__ import annotations

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
    from bench.kit.command import carry_out
    from bench.kit.model import Param

    cases = plan(quick, seed)
    common = Common(quick, tuple(only or ()), jobs, out, resume, json_wanted)
    carry_out(BENCH, cases, common, (Param("seed", str(seed)),), list_only=list_only)
