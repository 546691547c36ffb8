"""Which networks a run has, and the targets."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from bench.kit.model import Case, Group, Param, Target
from bench.links.profiles import FIXED, TRACES
from bench.watchdog.case import Spec

SPEED_UP = 5.0
"""Virtual seconds per second, on a modest core (docs/timing.md); for the time that is left."""
QUICK = ("wired-1link", "5g-1link", "5g-2links")
QUICK_S = 8.0
ONCE = ("5g", "burst", "handover", "netfi-loss-1")
"""Also measured with every command and heartbeat sent once, to show what the second copy is for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line selected."""

    quick: bool = False
    seconds: float = 120.0
    seed: int = 1
    traces: str = ""
    start_ms: float = 0.0


def key_of(spec: Spec) -> str:
    """Stable name of a case."""
    links = "1link" if spec.links == 1 else f"{spec.links}links"
    screen = "" if spec.display_hz else "-native"
    return f"{spec.profile}-{links}{'' if spec.repeat_after_ms else '-once'}{screen}"


def specs(wanted: Wanted) -> list[Spec]:
    """Every profile with one and with two links, and variations of a few."""
    made: list[Spec] = []
    for name, links in _profiles():
        for count in (1, 2) if links == 1 else (links,):
            made.append(Spec(name, count))
            if count == 1 and name in ONCE:
                made.append(Spec(name, repeat_after_ms=0.0))
    made.append(Spec("5g", display_hz=0.0))
    seconds = QUICK_S if wanted.quick else wanted.seconds
    chosen = [spec for spec in made if not wanted.quick or key_of(spec) in QUICK]
    return [
        msgspec.structs.replace(
            spec, seconds=seconds, seed=wanted.seed, traces=wanted.traces, start_ms=wanted.start_ms
        )
        for spec in chosen
    ]


def _profiles() -> list[tuple[str, int]]:
    """(name, links) of every profile."""
    fixed = [(row.name, len(row.links)) for row in FIXED]
    return fixed + [(row.name, len(row.bands)) for row in TRACES]


def case_of(spec: Spec) -> Case:
    """The case of a spec."""
    names = ("profile", "links", "repeat_after_ms", "display_hz", "fps", "bitrate_kbps", "seconds")
    params = tuple(Param(name, str(getattr(spec, name))) for name in names)
    links = "one link" if spec.links == 1 else f"{spec.links} links"
    return Case(
        key_of(spec), f"{spec.profile}, {links}", params, msgspec.json.encode(spec), spec.seed,
        (spec.seconds + 15.0) / SPEED_UP, exclusive=False,
    )  # fmt: skip


def plan(wanted: Wanted) -> list[Case]:
    """All cases."""
    return [case_of(spec) for spec in specs(wanted)]


def _active(case: str, percent: float) -> Target:
    what = f"time ACTIVE, {case}"
    return Target(Group.EFFECT, what, case, "time ACTIVE", ">=", percent, "%")


def _none(group: Group, case: str, figure: str) -> Target:
    return Target(group, f"{figure}, {case}", case, figure, "<=", 0.0, "")


TARGETS: tuple[Target, ...] = (
    _active("loopback-1link", 99.9),
    _active("wired-1link", 99.9),
    _active("5g-1link", 99.0),
    _none(Group.EFFECT, "handover+handover-2links", "late commands"),
    _none(Group.EFFECT, "handover+handover-2links", "stops"),
    _none(Group.EFFECT, "n78+n8-2links", "late commands"),
    _none(Group.EFFECT, "5g-1link", "false stops"),
    _none(Group.EFFECT, "5g+5g-2links", "false stops"),
    *(_none(Group.SAFETY, key_of(spec), "old commands that moved the arm")
      for spec in specs(Wanted())),
)  # fmt: skip
