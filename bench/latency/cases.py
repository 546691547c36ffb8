"""Which cases a run has, and the targets."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bench.kit.model import Case, Group, Param, Target
from bench.latency import commands
from bench.latency.commands import CommandSpec
from bench.latency.spec import WARM_UP_S, Path, Spec

START_S = 5.0
"""Starting the processes and making the picture sequence takes about this long."""
QUICK_S = 4.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line selected; empty: the default plan."""

    quick: bool = False
    seconds: float = 20.0
    seed: int = 1


def key_of(spec: Spec) -> str:
    """Stable name of a case."""
    path = f"{spec.path.value}-{spec.peer}" if spec.path is Path.OURS else spec.path.value
    links = "" if spec.links == 1 else f"-{spec.links}links"
    return f"{path}-{spec.width}x{spec.height}@{spec.fps}-{spec.profile}{links}"


def case_of(spec: Spec) -> Case:
    """The case of a spec."""
    names = ("path", "peer", "profile", "links", "bitrate_kbps", "seconds")
    params = tuple(Param(name, str(getattr(spec, name))) for name in names)
    title = f"{spec.path.value} {spec.width}x{spec.height}@{spec.fps} {spec.peer}, {spec.profile}"
    return Case(
        key_of(spec), title, params, msgspec.json.encode(spec), spec.seed,
        spec.seconds + WARM_UP_S + START_S, exclusive=True, baseline=spec.path is not Path.OURS,
    )  # fmt: skip


SIZES = ((640, 480, 60), (640, 480, 30), (1024, 768, 30))


def plan(wanted: Wanted) -> list[Case]:
    """The default plan: what the targets need and the baselines beside them."""
    seconds = QUICK_S if wanted.quick else wanted.seconds
    sizes = SIZES[:1] if wanted.quick else SIZES
    native = [
        case_of(Spec(width=width, height=height, fps=fps, seconds=seconds, seed=wanted.seed))
        for width, height, fps in sizes
    ]
    page = [case_of(Spec(peer="chromium", fps=60, seconds=seconds, seed=wanted.seed))]
    floor = [case_of(Spec(path=Path.UDP, seconds=seconds, seed=wanted.seed))]
    return [*native, *page, *_stock(wanted, seconds), *floor, *_commands(wanted, seconds)]


def _stock(wanted: Wanted, seconds: float) -> list[Case]:
    sizes = SIZES[1:2] if wanted.quick else SIZES
    return [
        case_of(Spec(path=path, width=width, height=height, fps=fps, seconds=seconds,
                     seed=wanted.seed))
        for path in (Path.STOCK_VP8, Path.STOCK_H264)
        for width, height, fps in sizes
    ]  # fmt: skip


def _commands(wanted: Wanted, seconds: float) -> list[Case]:
    specs = [CommandSpec("channel", 200.0, seconds=seconds, seed=wanted.seed),
             CommandSpec("udp", 500.0, seconds=seconds, seed=wanted.seed)]  # fmt: skip
    return [commands.case_of(spec) for spec in specs]


def _glass(case: str, p50: float, p99: float, elsewhere: str) -> tuple[Target, ...]:
    what = case.removeprefix("ours-").replace("-loopback", "")
    return tuple(
        Target(Group.PERFORMANCE, f"glass to decoded {what} {name}", case,
               f"glass to decoded {name}", "<=", limit, "ms", elsewhere)
        for name, limit in (("p50", p50), ("p99", p99))
    )  # fmt: skip


TARGETS: tuple[Target, ...] = (
    *_glass("ours-native-640x480@60-loopback", 5, 9, "stock aiortc 25/43, GStreamer 4.2/6.0 ms"),
    *_glass("ours-native-640x480@30-loopback", 7, 11, "stock aiortc 47/60, GStreamer 5.5/9.2 ms"),
    *_glass("ours-native-1024x768@30-loopback", 12, 18, "stock aiortc 53/85, GStreamer 10.4/16.4"),
    Target(Group.PERFORMANCE, "quality at 8 Mbit/s", "ours-native-640x480@30-loopback", "PSNR",
           ">=", 32.0, "dB", "stock VP8 27"),
)  # fmt: skip
