"""Which cases a run has, and the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.kit.model import Case, Group, Param, Target
from bench.latency import commands, system
from bench.latency.commands import Carrier, CommandSpec
from bench.latency.spec import WARM_UP_S, Path, Peer, Spec
from bench.latency.system import SystemSpec

START_S = 5.0
"""Starting the processes and making the picture sequence takes about this long."""
QUICK_S = 4.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line selected; empty: the default plan."""

    quick: bool = False
    seconds: float = 20.0
    seed: int = 1
    wide: bool = False
    """Whole loop with widened latency limits."""


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


TRACE_S = 28.0
COMMANDS: tuple[tuple[Carrier, float], ...] = (("channel", 200.0), ("udp", 500.0))
SIZES = ((640, 480, 60), (640, 480, 30), (1024, 768, 30))


def plan(wanted: Wanted) -> list[Case]:
    """The default plan: what the targets need and the baselines beside them."""
    if wanted.quick:
        command = CommandSpec("channel", seconds=QUICK_S, seed=wanted.seed)
        return [_video(wanted, QUICK_S, "native", 60), _video(wanted, QUICK_S, "chromium", 60),
                *_baselines(wanted, QUICK_S, SIZES[1:2], (Path.STOCK_H264,)),
                commands.case_of(command)]  # fmt: skip
    seconds = wanted.seconds
    native = [
        case_of(Spec(width=width, height=height, fps=fps, seconds=seconds, seed=wanted.seed))
        for width, height, fps in SIZES
    ]
    page = [_video(wanted, seconds, "chromium", 60)]
    stock = _baselines(wanted, seconds, SIZES, (Path.STOCK_VP8, Path.STOCK_H264))
    floor = _baselines(wanted, seconds, SIZES, (Path.UDP,))
    return [*native, *page, *stock, *floor, *_networks(wanted), *_commands(wanted),
            *_loops(wanted)]  # fmt: skip


def _video(wanted: Wanted, seconds: float, peer: Peer, fps: int, profile: str = "loopback",
           links: int = 1) -> Case:  # fmt: skip
    return case_of(Spec(peer=peer, fps=fps, profile=profile, links=links, seconds=seconds,
                        seed=wanted.seed))  # fmt: skip


def _baselines(wanted: Wanted, seconds: float, sizes: Sequence[tuple[int, int, int]],
               paths: Sequence[Path]) -> list[Case]:  # fmt: skip
    return [
        case_of(Spec(path=path, width=width, height=height, fps=fps, seconds=seconds,
                     seed=wanted.seed))
        for path in paths
        for width, height, fps in sizes
    ]  # fmt: skip


def _networks(wanted: Wanted) -> list[Case]:
    """Emulated networks; traces long enough for their interruptions."""
    trace_s = max(wanted.seconds, TRACE_S)
    both: tuple[Peer, ...] = ("native", "chromium")
    out = [_video(wanted, wanted.seconds, peer, 30, profile)
           for profile in ("5g", "burst") for peer in both]  # fmt: skip
    out += [_video(wanted, trace_s, "native", 30, "n78"),
            _video(wanted, trace_s, "native", 30, "n78+n8", 2),
            _video(wanted, trace_s, "native", 30, "handover+handover", 2)]  # fmt: skip
    stock = Spec(path=Path.STOCK_H264, profile="5g", seconds=wanted.seconds, seed=wanted.seed)
    return [*out, case_of(stock)]


def _commands(wanted: Wanted) -> list[Case]:
    specs = [
        CommandSpec(carrier, rate_hz, profile=profile, seconds=wanted.seconds, seed=wanted.seed)
        for profile in ("loopback", "5g")
        for carrier, rate_hz in COMMANDS
    ]
    return [commands.case_of(spec) for spec in specs]


def _loops(wanted: Wanted) -> list[Case]:
    rows: tuple[tuple[Peer, int, str], ...] = (
        ("native", 30, "loopback"), ("native", 60, "loopback"), ("chromium", 30, "loopback"),
        ("chromium", 30, "5g"),
    )  # fmt: skip
    return [
        system.case_of(SystemSpec(peer, fps, profile, wanted.seconds, wanted.seed, wanted.wide))
        for peer, fps, profile in rows
    ]


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
