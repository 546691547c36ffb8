"""One network for a while in the virtual world: `measure(Spec)` gives figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from bench.links.profiles import Scenario, TraceOptions, scenario
from bench.network import Stream
from bench.watchdog.witness import Tally, Witness
from bench.world import World, WorldError, WorldOptions
from safety.states import State
from teleop.config import REPEAT_MS
from teleop.scripted.persons import ENGAGED

START_S = 45.0
"""Longest wait for the first motion; a network that never allows motion is counted from there."""
CHUNK_S = 1.0


class Spec(msgspec.Struct, frozen=True):
    """Parameters of one case."""

    profile: str
    links: int = 1
    """1: the profile as it is. 2: a profile of one link twice, with independent randomness."""
    seconds: float = 120.0
    """Virtual time that is counted, after the first motion."""
    repeat_after_ms: float = REPEAT_MS
    """On one link commands and heartbeats go out again so much later, as the product does it; 0:
    sent once."""
    display_hz: float = 59.94
    """Refresh of the expert's screen, drifting against the source; 0: shown when decoded."""
    fps: float = 60.0
    bitrate_kbps: float = 4000.0
    control_hz: int = 500
    seed: int = 1
    traces: str = ""
    start_ms: float = 0.0
    """Where a trace begins."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out."""

    scenario: Scenario
    seconds: float
    started: bool
    """The arm moved at all."""
    tally: Tally
    pictures_sent: int
    pictures_lost: int


def network(spec: Spec) -> Scenario:
    """The profile of a case with the number of links that it asks for."""
    folder = Path(spec.traces) if spec.traces else None
    options = TraceOptions(folder=folder, start_ms=spec.start_ms, seed=spec.seed)
    found = scenario(spec.profile, options)
    if len(found.links) == spec.links:
        return found
    return replace(found, links=found.links[:1] * spec.links)


def measure(spec: Spec) -> Outcome:
    """Let the scripted people scan over the network and count."""
    found = network(spec)
    world = World(
        WorldOptions(
            seed=spec.seed,
            control_hz=spec.control_hz,
            links=found.links,
            stream=Stream(spec.fps, spec.bitrate_kbps),
            display_hz=spec.display_hz,
            repeat_after_ms=spec.repeat_after_ms,
        )
    )
    witness = Witness(world)
    started = _start(world)
    witness.begin()
    sent, lost = _pictures(world)
    end_ns = world.clock.now_ns + round(spec.seconds * 1e9)
    while world.clock.now_ns < end_ns:
        world.run_for(min(CHUNK_S, (end_ns - world.clock.now_ns) / 1e9))
        world.trace.rows.clear()  # an hour of rows would not fit into memory
    tally = witness.end()
    all_sent, all_lost = _pictures(world)
    world.close()
    return Outcome(found, spec.seconds, started, tally, all_sent - sent, all_lost - lost)


def _start(world: World) -> bool:
    """Run until the arm moves for the first time."""
    try:
        world.run_until(lambda: world.site.report.value.state in ENGAGED, START_S)
    except WorldError:
        return False
    return world.site.report.value.state != State.INIT


def _pictures(world: World) -> tuple[int, int]:
    assert world.pictures is not None
    return world.pictures.sent, world.pictures.lost
