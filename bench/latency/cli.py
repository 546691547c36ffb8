"""Options of `teleop bench latency` (light: loaded for --help)."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.kit.options import FOLDER, Common, Json, ListOnly, Only, Out, Quick, Resume, Seed

Seconds = Annotated[float, typer.Option(min=2, max=600, help="Measured time of each case.")]
Wide = Annotated[
    bool,
    typer.Option("--wide-limits", help="Whole loop: latency limits far from the policy, for a "
                 "machine that is too busy for it; its figures meet no target."),
]  # fmt: skip
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME", help="Video over this network (repeat it; python -m "
                 "bench.links --list shows all). This and the next six replace the plan."),
]  # fmt: skip
Paths = Annotated[
    list[str] | None,
    typer.Option("--path", metavar="ours|stock-h264|stock-vp8|udp", help="Software and codec."),
]
Peers = Annotated[
    list[str] | None, typer.Option("--peer", metavar="native|chromium", help="Who looks.")
]
Sizes = Annotated[
    list[str] | None, typer.Option("--size", metavar="WxH", help="Picture, multiples of 16.")
]
Rates = Annotated[list[int] | None, typer.Option("--fps", min=5, max=120, help="Picture rate.")]
Links = Annotated[int, typer.Option(min=1, max=4, help="Links of the profile to use.")]
Bitrate = Annotated[int, typer.Option(min=200, max=50000, help="kb/s.")]


def command(
    quick: Quick = False,
    seconds: Seconds = 20.0,
    wide: Wide = False,
    profiles: Profiles = None,
    paths: Paths = None,
    peers: Peers = None,
    sizes: Sizes = None,
    rates: Rates = None,
    links: Links = 1,
    bitrate: Bitrate = 8000,
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
    from bench.latency.choice import start, wanted_of

    common = Common(quick, tuple(only or ()), 1, out, resume, json_wanted)
    axes = (paths, peers, sizes, rates, profiles)
    try:
        wanted = wanted_of(quick, seconds, seed, wide, axes, links, bitrate)
        code = start(wanted, common, list_only)
    except BenchError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)
