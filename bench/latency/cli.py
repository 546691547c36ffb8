"""Options of `teleop bench latency` (light: loaded for --help)."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Json, ListOnly, Only, Out, Quick, Resume, Seed


def command(
    quick: Quick = False,
    seconds: Annotated[
        float, typer.Option(min=2, max=600, help="Measured time of each case.")
    ] = 20.0,
    wide: Annotated[
        bool,
        typer.Option(
            "--wide-limits",
            help="Whole loop: latency limits far from the policy, for a "
            "machine that is too busy for it; its figures meet no target.",
        ),
    ] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Video over this network (repeat it; python -m "
            "bench.links --list shows all). This and the next five replace the plan.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(metavar="ours|stock-h264|stock-vp8|udp", help="Software and codec."),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(metavar="native|chromium", help="Who looks.")
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option(metavar="WxH", help="Picture size, multiples of 16.")
    ] = None,
    fps: Annotated[list[int] | None, typer.Option(min=5, max=120, help="Picture rate.")] = None,
    links: Annotated[int, typer.Option(min=1, max=4, help="Links of the profile to use.")] = 1,
    bitrate: Annotated[int, typer.Option(min=200, max=50000, help="kb/s.")] = 8000,
    only: Only = None,
    seed: Seed = 1,
    out: Out = FOLDER,
    resume: Resume = None,
    list_only: ListOnly = False,
    json_wanted: Json = False,
) -> None:
    """Measure the whole path: glass to glass, commands, loop; baselines in the same run.

    Every case runs in processes of its own and alone; a quiet machine gives better figures, so
    the CPU used by other programs is measured and stored with each case.
    """
    from bench.kit.bench import BenchError
    from bench.kit.command import execute
    from bench.kit.model import Param
    from bench.latency.bench import BENCH
    from bench.latency.cases import plan
    from bench.latency.choice import wanted_of

    try:
        wanted = wanted_of(quick, seconds, seed, wide, (path, peer, size, fps, profile), links,
                           bitrate)  # fmt: skip
        cases = plan(wanted)
        if list_only:
            for case in cases:
                typer.echo(f"{case.key:<48} {case.title}")
            raise typer.Exit
        common = Common(quick, tuple(only or ()), 1, out, resume, json_wanted)
        code = execute(BENCH, cases, common, (Param("seconds", f"{seconds:g}"),))
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)
