"""Faults of the network, of the picture and of the clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.faults.act import bursts, freeze, outage, profile, put, ramp
from bench.faults.clock import StrangeClock
from bench.faults.model import HELD, Fault, Follows, Group
from bench.world import World
from safety.states import Cause, State

AGE = frozenset({Cause.COMMAND_AGE})
LATE = frozenset({Cause.COMMAND_AGE, Cause.LOOP_LATENCY, Cause.MISSED_SLOTS})
LINK = frozenset({Cause.COMMAND_AGE, Cause.GATEWAY_LOST, Cause.CONSOLE_LOST})
FRAME_MS = 1000.0 / 30.0


def _dead(name: str, ms: float, **ways: bool) -> Fault:
    """An outage that is longer than the limit."""
    return Fault(f"link gone for {ms:g} ms, {name}", outage(ms, **ways), HELD, AGE, 51, 100)


def _harmless(name: str, group: Group = Group.LINK, **changes: float) -> Fault:
    return Fault(name, profile(**changes), group=group, follows=Follows.NOTHING)


def _chance(name: str, **changes: float) -> Fault:
    return Fault(name, profile(**changes), follows=Follows.OPEN)


_LINK_ROWS: tuple[Fault, ...] = (
    Fault("link cut, both ways", lambda w: w.cut_link(), HELD, AGE, 51, 100),
    Fault("link cut, up", lambda w: w.cut_link(down=False, video=False), HELD, AGE, 51, 100),
    Fault("link cut, down", lambda w: w.cut_link(up=False, video=False), HELD, AGE, 51, 100),
    Fault("link gone for 20 ms", outage(20), follows=Follows.NOTHING),
    Fault("link gone for 60 ms", outage(60), HELD, AGE, 51, 100, follows=Follows.PAUSE),
    Fault("link gone for 120 ms", outage(120), HELD, AGE, 51, 100, follows=Follows.PAUSE),
    _dead("both ways", 300),
    _dead("both ways (handover)", 1000),
    _dead("both ways (long)", 3000),
    _dead("up", 300, down=False, video=False),
    _dead("down", 300, up=False, video=False),
    _harmless("random loss 0.1 %", loss=0.001),
    _harmless("random loss 1 %", loss=0.01),
    _harmless("random loss 5 %", loss=0.05),
    _chance("random loss 20 %", loss=0.20),
    _chance("burst loss, 5 packets, 10 %", loss=0.10, burst=5.0),
    Fault("random outages of 3 ms", bursts(3.0, 100.0), follows=Follows.OPEN),
    Fault("random outages of 30 ms", bursts(30.0, 300.0), follows=Follows.OPEN),
    Fault("random outages of 150 ms", bursts(150.0, 300.0), follows=Follows.OPEN),
    Fault("flapping link", bursts(100.0, 50.0), follows=Follows.OPEN),
    _harmless("delay step +5 ms each way", delay_ms=8.0),
    Fault("delay step +50 ms each way", profile(delay_ms=53.0), HELD, LATE, 60, 110),
    Fault("delay step +200 ms each way", profile(delay_ms=203.0), HELD, LATE, 51, 100),
    Fault("delay ramp 50 ms/s", ramp(50.0), HELD, LATE, 1000, 1060,
          through=frozenset({State.DEGRADED}), watch_s=1.3),
    Fault("asymmetric delay, 5 ms up, 45 ms down", profile("down", "video", delay_ms=45.0),
          HELD, LATE, 300, 360),
    Fault("asymmetric delay, 45 ms up, 5 ms down", profile("up", delay_ms=45.0),
          HELD, LATE, 300, 360),
    _harmless("jitter 2 ms", jitter_ms=2.0),
    _harmless("jitter 5 ms", jitter_ms=5.0),
    _chance("jitter 15 ms", jitter_ms=15.0),
    _harmless("reordering 5 %, 12 ms", reorder=0.05, reorder_ms=12.0),
    _chance("reordering 30 %, 12 ms", reorder=0.3, reorder_ms=12.0),
    _harmless("duplicates 50 %", duplicate=0.5),
    _harmless("corruption 1 %", corrupt=0.01),
    _chance("corruption 10 %", corrupt=0.10),
    Fault("one of two links lost", lambda w: w.lose_link(), frozenset({State.DEGRADED}),
          frozenset({Cause.LINK_LOST}), 10, 0, follows=Follows.SLOWER,
          needs=frozenset({"gateway"})),
)  # fmt: skip
LINK_ROWS = tuple(replace(fault, takes=frozenset({"link"})) for fault in _LINK_ROWS)
"""What passes a link that is broken comes later, or never."""


def _slow_source(fps: float) -> Callable[[World], None]:
    def inject(world: World) -> None:
        world.source.fps = fps
        world.source_task.period_ns = round(1e9 / fps)

    return inject


def _foreign_picture(world: World) -> None:
    """The console shows frames that this media process never sent."""
    present = world.page.present

    def foreign(rtp_timestamp: int, now_ns: int, mark: int) -> None:
        present((rtp_timestamp + 0x1234567) & 0xFFFFFFFF, now_ns, mark)

    world.page.present = foreign  # type: ignore[method-assign]


PICTURE = frozenset({Cause.PICTURE_STALE, Cause.PICTURE_FROZEN, Cause.LOOP_LATENCY})
_OWN = Group.PICTURE
PICTURE_ROWS: tuple[Fault, ...] = (
    Fault("video cut", lambda w: w.cut_link(up=False, down=False), HELD, PICTURE, 150, 200, _OWN,
          takes=frozenset({"media"})),
    Fault("video late by 60 ms", profile("video", delay_ms=60.0), HELD, PICTURE,
          350, 450, _OWN),
    Fault("picture frozen", put("source.frozen", True), HELD,
          frozenset({Cause.PICTURE_FROZEN}), 100 + FRAME_MS + 5, 200, _OWN),
    Fault("picture black", put("source.frozen", True), HELD,
          frozenset({Cause.PICTURE_FROZEN}), 100 + FRAME_MS + 5, 200, _OWN,
          note="a black picture is one that does not change"),
    Fault("wrong picture", _foreign_picture, HELD,
          PICTURE | {Cause.FRAME_ID_INVALID}, 100, 150, _OWN, needs=frozenset({"media"})),
    Fault("picture at 5 frames/s", _slow_source(5.0), HELD,
          PICTURE | {Cause.PICTURE_NOT_LIVE}, 150, 210, _OWN),
    Fault("one picture missing", freeze("source", 40), group=_OWN, follows=Follows.NOTHING),
    Fault("media killed", lambda w: w.stop_media(), HELD, PICTURE | {Cause.MEDIA_LOST}, 150, 200,
          _OWN, takes=frozenset({"media"})),
)  # fmt: skip


def _console_clock(ppm: float, jump_s: float) -> Callable[[World], None]:
    """The console's clock runs at another rate, and is somewhere else."""

    def inject(world: World) -> None:
        world.page = StrangeClock(world.page, world.clock.now_ns, ppm, jump_s)

    return inject


def _clock(name: str, ppm: float = 0.0, jump_s: float = 0.0) -> Fault:
    return Fault(name, _console_clock(ppm, jump_s), group=Group.CLOCK, follows=Follows.NOTHING)


CLOCK_ROWS: tuple[Fault, ...] = (
    _clock("console clock +500 ppm", ppm=500.0),
    _clock("console clock -500 ppm", ppm=-500.0),
    _clock("console clock jumps by an hour", jump_s=3600.0),
)
