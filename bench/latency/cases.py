"""Which cases a run has, and the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import msgspec

from bench.kit.model import Case, Group, Param, Target
from bench.latency import commands, observers, system
from bench.latency.analyse import DECODED, PRESENTED
from bench.latency.commands import Carrier, CommandSpec
from bench.latency.observers import GrowthSpec
from bench.latency.spec import AGREE_MS, WARM_UP_S, Path, Peer, Spec
from bench.latency.system import SystemSpec

START_S = 5.0
"""Starting the processes and making the picture sequence takes about this long."""
QUICK_S = 4.0
COMMAND_S = 15.0
"""7,500 samples at 500 Hz: enough for p99.9."""
BASELINE_S = 10.0
"""Baselines are there for the order of magnitude: no longer than this in the default plan."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line selected; empty: the default plan."""

    quick: bool = False
    seconds: float = 20.0
    seed: int = 1
    wide: bool = False
    """Whole loop with widened latency limits."""
    paths: tuple[Path, ...] = ()
    peers: tuple[Peer, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    rates: tuple[int, ...] = ()
    profiles: tuple[str, ...] = ()
    links: int = 1
    bitrate_kbps: int = 8000

    @property
    def chosen(self) -> bool:
        """Anything but the default plan."""
        return bool(self.paths or self.peers or self.sizes or self.rates or self.profiles
                    or self.links != 1 or self.bitrate_kbps != 8000)  # fmt: skip


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
COMMANDS: tuple[tuple[Carrier, float], ...] = (
    ("channel", 200.0), ("datagrams", 500.0), ("udp", 500.0),
)  # fmt: skip
SIZES = ((640, 480, 60), (640, 480, 30), (1024, 768, 30))


def plan(wanted: Wanted) -> list[Case]:
    """The default plan: what the targets need and the baselines beside them; or a choice."""
    if wanted.chosen:
        return _choice(wanted)
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
    short = min(seconds, BASELINE_S)
    stock = _baselines(wanted, short, SIZES, (Path.STOCK_H264,))
    stock += _baselines(wanted, short, SIZES[:2], (Path.STOCK_VP8,))
    floor = _baselines(wanted, short, SIZES[:2], (Path.UDP,))
    return [*native, *page, *stock, *floor, *_networks(wanted), *_commands(wanted),
            *_loops(wanted), observers.case_of(GrowthSpec(seed=wanted.seed))]  # fmt: skip


def _choice(wanted: Wanted) -> list[Case]:
    """Every combination of what was named; only our native viewer has several links."""
    axes = product(
        wanted.paths or (Path.OURS,), wanted.peers or ("native",), wanted.sizes or ((640, 480),),
        wanted.rates or (30,), wanted.profiles or ("loopback",),
    )  # fmt: skip
    return [
        case_of(Spec(path, peer, width, height, fps, wanted.bitrate_kbps, profile, wanted.links,
                     QUICK_S if wanted.quick else wanted.seconds, wanted.seed))
        for path, peer, (width, height), fps, profile in axes
        if peer == "native" or (path is Path.OURS and wanted.links == 1)
        if path is Path.OURS or wanted.links == 1
    ]  # fmt: skip


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
    seconds = min(wanted.seconds, COMMAND_S)
    specs = [
        CommandSpec(carrier, rate_hz, profile=profile, seconds=seconds, seed=wanted.seed)
        for profile in ("loopback", "5g")
        for carrier, rate_hz in COMMANDS
    ]
    return [commands.case_of(spec) for spec in specs]


def _loops(wanted: Wanted) -> list[Case]:
    rows: tuple[tuple[Peer, int, str, int], ...] = (
        ("native", 30, "loopback", 1), ("native", 60, "loopback", 1),
        ("chromium", 30, "loopback", 1), ("chromium", 30, "5g", 1),
        ("chromium", 30, "handover+handover", 2),
    )  # fmt: skip
    return [
        system.case_of(
            SystemSpec(peer, fps, profile, wanted.seconds, wanted.seed, links, wanted.wide)
        )
        for peer, fps, profile, links in rows
    ]


def _both(what: str, case: str, quantity: str, p50: float, p99: float, elsewhere: str
          ) -> tuple[Target, ...]:  # fmt: skip
    return tuple(
        Target(Group.PERFORMANCE, f"{quantity}, {what}, {name}", case, f"{quantity} {name}", "<=",
               limit, "ms", elsewhere)
        for name, limit in (("p50", p50), ("p99", p99))
    )  # fmt: skip


def _at_least(what: str, case: str, figure: str, limit: float, unit: str, elsewhere: str = "",
              group: Group = Group.PERFORMANCE) -> Target:  # fmt: skip
    return Target(group, what, case, figure, ">=", limit, unit, elsewhere)


def _at_most(what: str, case: str, figure: str, limit: float, unit: str, elsewhere: str = "",
             group: Group = Group.PERFORMANCE) -> Target:  # fmt: skip
    return Target(group, what, case, figure, "<=", limit, unit, elsewhere)


IN_TIME = "glass to decoded within 50 ms"
DELIVERED = "delivered command one way p99.9"
STOCK = "stock aiortc"
TARGETS: tuple[Target, ...] = (
    *_both("native 640x480@60", "ours-native-640x480@60-loopback", DECODED, 5, 9,
           f"{STOCK} 25/43, GStreamer 4.2/6.0"),
    *_both("native 640x480@30", "ours-native-640x480@30-loopback", DECODED, 7, 11,
           f"{STOCK} 47/60, GStreamer 5.5/9.2"),
    *_both("native 1024x768@30", "ours-native-1024x768@30-loopback", DECODED, 12, 18,
           f"{STOCK} 53/85, GStreamer 10.4/16.4"),
    *_both("Chromium @60", "ours-chromium-640x480@60-loopback", DECODED, 6, 11,
           "stock settings 13/21"),
    *_both("Chromium @60", "ours-chromium-640x480@60-loopback", PRESENTED, 9, 20,
           "stock settings 26/-"),
    *(_at_least(f"frames in time, {name}, {peer}", f"ours-{peer}-640x480@30-{profile}", IN_TIME,
                share, "%", elsewhere)
      for profile, name, share, elsewhere in (
          ("5g", "RTT 20 ms, 1 % loss", 99.9, "stock 0 to 1 %"),
          ("burst", "bursts of 4", 99.5, ""))
      for peer in ("native", "chromium")),
    _at_least("real 5G trace, one link: in time beyond what the trace allows",
              "ours-native-640x480@30-n78", "in time beyond the trace", -0.3, "points"),
    _at_least("real 5G traces, two links: frames in time",
              "ours-native-640x480@30-n78+n8-2links", IN_TIME, 99.8, "%", "one link 98.6"),
    _at_most("loop, Chromium console, loopback, p99", "loop-chromium@30-loopback", "loop p99", 35,
             "ms", "the mission: 50"),
    _at_most("loop, Chromium console, RTT 20 ms 1 % loss, p99", "loop-chromium@30-5g", "loop p99",
             50, "ms", "the mission: 50"),
    _at_least("time in ACTIVE, loopback", "loop-chromium@30-loopback", "time in ACTIVE", 99.9,
              "%", "", Group.EFFECT),
    _at_least("time in ACTIVE, RTT 20 ms 1 % loss", "loop-chromium@30-5g", "time in ACTIVE", 99.0,
              "%", "", Group.EFFECT),
    _at_most("handover blackouts on two links: stops while driving",
             "loop-chromium@30-handover+handover-2links", "stops while driving", 0, "", "",
             Group.EFFECT),
    _at_most("command one way beside video, native datagrams, p99.9",
             "command-datagrams-500hz-video@60-loopback", DELIVERED, 0.3, "ms",
             "in the media loop 2.9"),
    _at_most("the same at RTT 20 ms", "command-datagrams-500hz-video@60-5g", DELIVERED, 11.5, "ms"),
    _at_least("quality at 8 Mbit/s", "ours-native-640x480@30-loopback", "PSNR", 32.0, "dB",
              "stock VP8 27"),
    _at_most("CPU of media with image formation @30", "loop-native@30-loopback", "CPU media", 40,
             "% of a core"),
    _at_most("CPU of media with image formation @60", "loop-native@60-loopback", "CPU media", 65,
             "% of a core"),
    _at_most("CPU of one more viewer", "observers-640x480@30-4000kbps", "CPU per extra viewer", 5,
             "% of a core"),
    _at_most("pixel stamp and echo agree, native", "ours-native-640x480@60-loopback",
             "pixels and echo differ max", AGREE_MS, "ms", "", Group.EFFECT),
    _at_most("pixel stamp and echo agree, Chromium", "ours-chromium-640x480@60-loopback",
             "pixels and echo differ max", AGREE_MS, "ms", "", Group.EFFECT),
)  # fmt: skip
