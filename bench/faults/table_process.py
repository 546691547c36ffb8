"""Faults of processes, of people and of what they touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.faults.act import MS, click, freeze, pause, put, together
from bench.faults.model import HELD, LATCHED, STOPPED, Fault, Follows, Group
from bench.faults.table_link import AGE, LINK, PICTURE
from bench.world import World
from safety.frame import FLAG_DEADMAN, SafetyFrame
from safety.states import Cause, EventKind, State

GUARD, SERVO = frozenset({"guard"}), frozenset({"servo"})
GATEWAY, ARM, KEY = frozenset({"gateway"}), frozenset({"arm"}), frozenset({"key"})
CONSOLE = frozenset({"console"})
OVERRUN = frozenset({Cause.GUARD_OVERRUN})
_OWN = Group.PROCESS


def _stall(name: str, ms: float) -> Fault:
    """A stall that nothing may react to."""
    takes = frozenset({name}) & (GUARD | GATEWAY)
    return Fault(f"{name} stalls for {ms:g} ms", freeze(name, ms), group=_OWN,
                 follows=Follows.NOTHING, takes=takes, gone_ms=ms,
                 holds_up=frozenset({name}) & ARM)  # fmt: skip


PROCESS_ROWS: tuple[Fault, ...] = (
    Fault("gateway killed", lambda w: w.kill_gateway(), HELD, LINK, 51, 100, _OWN, takes=GATEWAY),
    Fault("gateway stalls for 200 ms", freeze("gateway", 200), HELD, LINK, 51, 100, _OWN,
          follows=Follows.PAUSE, takes=GATEWAY, gone_ms=200),
    _stall("gateway", 15),
    Fault("console page hangs", put("page.hung", True), HELD, AGE, 51, 100, _OWN, takes=CONSOLE),
    Fault("console page gone", pause("console"), HELD, AGE, 51, 100, _OWN, takes=CONSOLE),
    Fault("console stalls for 300 ms", freeze("console", 300), HELD, AGE, 51, 100, _OWN,
          takes=CONSOLE),
    _stall("console", 20),
    Fault("media stalls for 300 ms", together(freeze("source", 300), freeze("media", 300)), HELD,
          PICTURE | {Cause.MEDIA_LOST}, 150, 210, _OWN, takes=frozenset({"media"}), gone_ms=300),
    Fault("servo killed", pause("servo"), STOPPED, frozenset({Cause.SERVO_LOST}), 21, 60, _OWN,
          brakes=True, takes=SERVO),
    Fault("servo stalls for 100 ms", freeze("servo", 100), STOPPED,
          frozenset({Cause.SERVO_LOST}), 21, 60, _OWN, brakes=True, takes=SERVO, gone_ms=100),
    _stall("servo", 5),
    _stall("servo", 12),
    Fault("guard stopped for good", pause("guard"), STOPPED, frozenset(), 22, 60, _OWN,
          brakes=True, guard_sees=False, takes=GUARD),
    Fault("guard stalls for 200 ms", freeze("guard", 200), LATCHED, OVERRUN, 200, 60, _OWN,
          brakes=True, takes=GUARD, gone_ms=200),
    Fault("guard stalls for 40 ms", freeze("guard", 40), LATCHED, OVERRUN, 40, 60, _OWN,
          takes=GUARD, gone_ms=40),
    _stall("guard", 5),
    _stall("guard", 12),
    Fault("arm box stalls for 100 ms", freeze("arm", 100), LATCHED,
          frozenset({Cause.ARM_SILENT}), 21, 250, _OWN, takes=ARM, gone_ms=100,
          note="time stands still in the box meanwhile"),
    _stall("arm", 5),
    Fault("supervisor lost", put("site.supervisor", False), LATCHED,
          frozenset({Cause.SUPERVISOR_LOST}), 10, 60, _OWN),
    Fault("keys of the session are lost", lambda w: w.site.forget_keys(), HELD, AGE, 51, 100, _OWN),
)  # fmt: skip


BOUNCE_NS = 4 * MS
BOUNCES = 4


def _bounce(world: World) -> None:
    """The pedal's contact bounces: four releases and presses of 4 ms."""
    start_ns = world.clock.now_ns

    def alter(frame: SafetyFrame) -> SafetyFrame:
        half = (world.clock.now_ns - start_ns) // BOUNCE_NS
        presses = min(BOUNCES, (half + 1) // 2)
        up = half % 2 == 0 and half < 2 * BOUNCES
        flags = frame.flags & ~FLAG_DEADMAN if up else frame.flags
        return replace(frame, flags=flags, deadman_edges=frame.deadman_edges + presses)

    _alter(world, alter)


def _drop(world: World) -> None:
    """The hand falls by 80 mm within 100 ms."""
    start_ns = world.clock.now_ns

    def alter(frame: SafetyFrame) -> SafetyFrame:
        fallen_m = 0.08 * min(1.0, (world.clock.now_ns - start_ns) / (100 * MS))
        x, y, z = frame.hand_p_m
        return replace(frame, hand_p_m=(x + fallen_m, y, z))

    _alter(world, alter)


def _alter(world: World, change: Callable[[SafetyFrame], SafetyFrame]) -> None:
    """Change what the console sends, after whatever else changes it."""
    before = world.page.alter
    world.page.alter = lambda frame: change(before(frame))


_WHO = Group.PEOPLE
PEOPLE_ROWS: tuple[Fault, ...] = (
    Fault("deadman released", lambda w: w.release_deadman(), HELD,
          frozenset({Cause.OPERATOR_RELEASE}), 51, 100, _WHO),
    Fault("console stop", click(EventKind.STOP, 1, console=True), HELD,
          frozenset({Cause.CONSOLE_STOP}), 10, 60, _WHO, needs=GATEWAY),
    Fault("bedside stop, key", lambda w: w.press_key(), LATCHED,
          frozenset({Cause.BEDSIDE_STOP}), 10, 60, _WHO),
    Fault("bedside stop, key held 2 s", lambda w: w.press_key(2_100 * MS),
          LATCHED | {State.ESTOP}, frozenset({Cause.BEDSIDE_STOP}), 10, 60, _WHO),
    Fault("bedside stop, page", click(EventKind.STOP, 1), LATCHED,
          frozenset({Cause.BEDSIDE_STOP}), 10, 60, _WHO, needs=GATEWAY),
    Fault("emergency stop, page", click(EventKind.ESTOP), frozenset({State.ESTOP}),
          frozenset({Cause.BEDSIDE_ESTOP}), 10, 100, _WHO, brakes=True, needs=GATEWAY),
    Fault("patient discomfort", click(EventKind.DISCOMFORT), HELD,
          frozenset({Cause.PATIENT_DISCOMFORT}), 10, 60, _WHO, needs=GATEWAY),
    Fault("consent withdrawn", click(EventKind.REVOKE_MOTION), HELD,
          frozenset({Cause.CONSENT_EXPIRED}), 10, 60, _WHO, needs=GATEWAY),
    Fault("bedside page lost", put("bedside.alive", False), HELD,
          frozenset({Cause.BEDSIDE_PAGE_LOST}), 600, 660, _WHO),
    Fault("bedside page hidden", put("bedside.visible", False), HELD,
          frozenset({Cause.BEDSIDE_PAGE_HIDDEN}), 12, 70, _WHO, needs=GATEWAY),
    Fault("bedside sound off", put("bedside.sound", False), STOPPED,
          frozenset({Cause.BEDSIDE_SOUND_OFF}), 12, 70, _WHO, needs=GATEWAY),
    Fault("bedside key lost", put("site.bedside_input", False), HELD,
          frozenset({Cause.BEDSIDE_INPUT_LOST}), 10, 60, _WHO),
    Fault("pedal bounces", _bounce, HELD, frozenset({Cause.OPERATOR_RELEASE}), 51, 100, _WHO,
          follows=Follows.PAUSE, needs=GATEWAY | CONSOLE | frozenset({"link"})),
    Fault("hand drops by 80 mm", _drop, group=_WHO, follows=Follows.OPEN,
          note="0.8 m/s: the arm follows at its speed limit, or stops"),
)  # fmt: skip
