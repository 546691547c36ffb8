"""The table of link profiles: one name, one sentence, one source, one or more links.

`scenario(name)` gives the profile; profiles made of traces take `TraceOptions`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench.links import netfi
from bench.links.generator import generate
from bench.links.traces import Stream, TraceError, View, read_single, read_urban, traces_folder
from transport.impair import DEAD, BlackoutMode, JitterShape, LinkProfile, PathProfile, Periodic

LADDER_RTT_MS = (0, 30, 55, 70, 100, 133, 177, 200, 254, 320, 500, 1000)
"""Round trips at which published teleoperation studies measured people."""


class ProfileError(ValueError):
    """There is no such profile, or it lacks its data; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """How profiles that replay traces read them."""

    folder: Path | None = None
    """Default: the environment variable TELEOP_TRACES; without both, generated streams."""
    start_ms: float = 0.0
    length_ms: float | None = None
    """Part of the trace to replay (again and again); None: to the end."""
    seed: int = 1
    """Of the generated streams that stand in."""
    share: float = 0.5
    """Part of the round trip that each direction gets: half is an assumption."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named network: one path per link."""

    name: str
    what: str
    source: str
    links: tuple[PathProfile, ...]
    data: str = ""
    """Which trace, view and window; empty where no trace is involved."""


def both_ways(one_way: LinkProfile) -> PathProfile:
    """The same in both directions (with independent randomness)."""
    return PathProfile(one_way, one_way)


PLAIN = LinkProfile(delay_ms=0.0)
WIRED = LinkProfile(delay_ms=0.5, jitter_ms=0.05)
FIVE_G = LinkProfile(delay_ms=10.0, loss=0.01, rate_kbps=((0.0, 20_000.0),), queue_bytes=100_000)
BURST = replace(FIVE_G, burst=4.0, jitter_ms=3.0, jitter_shape=JitterShape.HALF_NORMAL)
CELL = replace(FIVE_G, loss=0.001)
HANDOVER = replace(CELL, periodic=Periodic(5_000.0, 150.0, first_ms=5_000.0))
HANDOVER_LATER = replace(CELL, periodic=Periodic(5_000.0, 150.0, first_ms=2_500.0))
NARROW = replace(
    CELL, loss=0.0, rate_kbps=((0.0, 20_000.0), (10_000.0, 4_000.0), (20_000.0, 20_000.0))
)
STEP = replace(CELL, loss=0.0, course_ms=((10_000.0, 0.0), (10_000.0, 20.0)))
RAMP = replace(CELL, loss=0.0, course_ms=((5_000.0, 0.0), (25_000.0, 35.0)))
MESSY = replace(CELL, jitter_ms=2.0, reorder=0.01, reorder_ms=5.0, duplicate=0.01, corrupt=0.001)
COMMON = Periodic(20_000.0, 150.0, first_ms=10_000.0)

_OWN = "this project"
_SCENARIO_1 = "10 ms each way, 1 % random loss each way, 20 Mbit/s"

FIXED = (
    Scenario("loopback", "no impairment: measures the bench itself", _OWN, (both_ways(PLAIN),)),
    Scenario("wired", "wired LAN: 0.5 ms each way", _OWN, (both_ways(WIRED),)),
    Scenario("5g", f"5G: {_SCENARIO_1}", _OWN, (both_ways(FIVE_G),)),
    Scenario("burst", "5g, but the 1 % in bursts of 4, and 3 ms half-normal jitter", _OWN,
             (both_ways(BURST),)),
    Scenario("5g+5g", f"two independent links, each {_SCENARIO_1}", _OWN,
             (both_ways(FIVE_G), both_ways(FIVE_G))),
    Scenario("burst+burst", "two independent burst links", _OWN,
             (both_ways(BURST), both_ways(BURST))),
    Scenario("5g+wired", "a 5g link and a wired one", _OWN, (both_ways(FIVE_G), both_ways(WIRED))),
    Scenario("handover", "150 ms blackout (drop) every 5 s, 0.1 % loss", _OWN,
             (both_ways(HANDOVER),)),
    Scenario("handover-hold", "the same, packets held back instead of dropped", _OWN,
             (both_ways(replace(HANDOVER, blackout_mode=BlackoutMode.HOLD)),)),
    Scenario("handover+handover", "two handover links, 2.5 s apart", _OWN,
             (both_ways(HANDOVER), both_ways(HANDOVER_LATER))),
    Scenario("common-blackout", "two links that go dark together, 150 ms every 20 s", _OWN,
             (both_ways(replace(CELL, periodic=COMMON)),) * 2),
    Scenario("narrow", "20 Mbit/s, from 10 s to 20 s only 4", _OWN, (both_ways(NARROW),)),
    Scenario("step", "one-way delay steps from 10 to 30 ms at 10 s", _OWN, (both_ways(STEP),)),
    Scenario("ramp", "one-way delay ramps from 10 to 45 ms within 20 s", _OWN, (both_ways(RAMP),)),
    Scenario("asymmetric", "35 ms up, 5 ms down", _OWN,
             (PathProfile(LinkProfile(delay_ms=35.0), LinkProfile(delay_ms=5.0)),)),
    Scenario("one-way-up", "commands arrive, nothing comes back", _OWN,
             (PathProfile(CELL, DEAD),)),
    Scenario("one-way-down", "picture and telemetry arrive, commands do not", _OWN,
             (PathProfile(DEAD, CELL),)),
    Scenario("messy", "reorders, duplicates, flips bits, jitters", _OWN, (both_ways(MESSY),)),
    *(Scenario(f"delay-{rtt}", f"round trip of {rtt} ms, half each way", "delay ladder of studies",
               (both_ways(LinkProfile(delay_ms=rtt / 2.0)),)) for rtt in LADDER_RTT_MS),
    *(Scenario(f"netfi-{kind}-{level}", f"NetFI {kind}, level {level}", "arXiv 2603.06824",
               (make(level),))
      for kind, make in (("loss", netfi.loss), ("delay", netfi.delay), ("outage", netfi.outage))
      for level in netfi.LEVELS),
)  # fmt: skip
"""Profiles that need no data."""


@dataclass(frozen=True, slots=True)
class TraceScenario:
    """A profile that replays recorded round trips."""

    name: str
    what: str
    bands: tuple[str, ...]
    view: View
    file: str = ""
    """One file instead of the urban streams; has no generated stand-in."""


TRACES = (
    TraceScenario("n78", "urban 5G n78 (3.5 GHz), as recorded", ("n78",), View.RECORDED),
    TraceScenario("n78-datagram", "the same, datagram view", ("n78",), View.DATAGRAM),
    TraceScenario("n8", "urban 5G n8 (900 MHz), as recorded", ("n8",), View.RECORDED),
    TraceScenario("n8-datagram", "the same, datagram view", ("n8",), View.DATAGRAM),
    TraceScenario("n78+n8", "both bands as two links, as recorded", ("n78", "n8"), View.RECORDED),
    TraceScenario("n78+n8-datagram", "the same, datagram view", ("n78", "n8"), View.DATAGRAM),
    TraceScenario("n78-80kmh", "arterial road at 80 km/h, three cell changes", ("n78",),
                  View.RECORDED, "arterial_n78_80kmh_run1.csv"),
    TraceScenario("n8-rural", "rural road with an outage of 10 s", ("n8",),
                  View.RECORDED, "rural_n8_10kmh_run1.csv"),
)  # fmt: skip

TRACE_SOURCE = "doi 10.5281/zenodo.17475688"
_BASE = {
    View.RECORDED: replace(CELL, delay_ms=0.0, rate_kbps=((0.0, 30_000.0),)),
    View.DATAGRAM: replace(CELL, delay_ms=0.0, rate_kbps=((0.0, 30_000.0),), loss=0.0),
}
"""What goes on top of a trace: 30 Mbit/s, and 0.1 % loss where the view shows none itself."""


def names() -> list[str]:
    """Every profile, in the order of the tables."""
    return [row.name for row in FIXED] + [row.name for row in TRACES]


def scenario(name: str, options: TraceOptions | None = None) -> Scenario:
    """The profile of that name."""
    for fixed in FIXED:
        if fixed.name == name:
            return fixed
    for row in TRACES:
        if row.name == name:
            return _replay(row, options or TraceOptions())
    raise ProfileError(f"no profile {name!r}; there are: {', '.join(names())}")


def streams(row: TraceScenario, options: TraceOptions) -> list[Stream]:
    """Whole streams of a trace profile, measured where the data is, else generated."""
    folder = traces_folder(options.folder)
    if folder is None and row.file:
        raise ProfileError(f"{row.name} needs the recordings: --traces FOLDER or TELEOP_TRACES")
    if folder is None:
        return [generate(band, options.seed + i, row.view) for i, band in enumerate(row.bands)]
    try:
        if row.file:
            return [read_single(folder, row.file, row.view)]
        urban = read_urban(folder, row.view)
    except TraceError as error:
        raise ProfileError(f"{row.name}: {error}") from error
    return [urban[band] for band in row.bands]


def _replay(row: TraceScenario, options: TraceOptions) -> Scenario:
    whole = streams(row, options)
    try:
        parts = [s.window(options.start_ms, options.length_ms or s.span_ms) for s in whole]
    except TraceError as error:
        raise ProfileError(f"{row.name}: {error}") from error
    links = tuple(
        both_ways(replace(_BASE[row.view], trace=stream.one_way(options.share))) for stream in parts
    )
    data = (
        f"{parts[0].origin}, {row.view} view, {options.start_ms / 1e3:g} s to "
        f"{(options.start_ms + parts[0].span_ms) / 1e3:g} s, one way = {options.share:g} round trip"
    )
    return Scenario(row.name, row.what, TRACE_SOURCE, links, data)
