"""The fault table of this project as data: what is broken, what must follow, how soon.

Times are virtual ms from the fault. `detect`: guard's state is one of `states`. `stop`: the probe
is at rest (across its axis; all of it where the brakes hold). Limits are those of
docs/safety-concept.md; one control cycle is added to each detection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench import trace
from bench.world import World
from robot_sim.sensor import SensorFault
from safety.states import Cause, EventKind, State
from transport.impair import Link

STOPPED = frozenset({State.HOLD, State.SAFE_STOP, State.ESTOP, State.FAULT})
_HOLD = frozenset({State.HOLD})
_SAFE = frozenset({State.SAFE_STOP, State.FAULT})
FRAME_MS = 1000.0 / 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    inject: Callable[[World], None]
    states: frozenset[State]
    causes: frozenset[Cause]
    """First-out causes that tell the truth about this fault."""
    detect_max_ms: float
    stop_max_ms: float
    brakes: bool = False
    """The brakes hold the arm: no part of the probe may move."""
    guard_sees: bool = True
    """False: guard itself is the fault, the arm box must brake alone. It notices 20 ms after the
    last answer it read, and reads once per cycle."""
    goes_on: bool = False
    """Nothing stops: the arm may only go slower, and it must be seen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault led to."""

    fault: str
    state: str
    cause: str
    detect_ms: float
    stop_ms: float
    brake_ms: float
    """Fault to closed brakes; -1: the brakes stayed open (the arm regulates force)."""
    stop_distance_mm: float
    peak_force_n: float


def run_fault(world: World, fault: Fault, watch_s: float = 1.0) -> Outcome:
    """Break `world` and watch it for `watch_s`, while nobody helps it to go on."""
    start_ns = world.clock.now_ns
    world.bedside.nurse.willing = False
    fault.inject(world)
    world.run_for(watch_s)
    rows = world.trace.since(start_ns)
    caught = next((row for row in rows if row.state in fault.states), rows[-1])
    across = not fault.brakes
    braked = next((row.now_ns for row in rows if row.braked), None)
    return Outcome(
        fault.name,
        caught.state.name,
        caught.first_out.name,
        trace.detect_ms(rows, start_ns, fault.states),
        trace.detect_ms(rows, start_ns, STOPPED)
        if fault.goes_on
        else trace.rest_ms(rows, start_ns, tangential=across),
        -1.0 if braked is None else (braked - start_ns) / 1e6,
        round(trace.travelled_m(rows, tangential=across) * 1e3, 3),
        round(trace.peak_force_n(rows), 2),
    )


def problems(outcome: Outcome, fault: Fault, cycle_ms: float) -> list[str]:
    """What is wrong with an outcome, in words; empty when it is as the table says."""
    wrong = []
    if fault.guard_sees:
        limit_ms = fault.detect_max_ms + cycle_ms
        if not 0.0 <= outcome.detect_ms <= limit_ms:
            wrong.append(f"detected after {outcome.detect_ms} ms, limit {limit_ms}")
        if Cause[outcome.cause] not in fault.causes:
            wrong.append(f"first-out cause {outcome.cause}")
    elif not 0.0 <= outcome.brake_ms <= fault.detect_max_ms + cycle_ms:
        wrong.append(f"brakes after {outcome.brake_ms} ms, limit {fault.detect_max_ms + cycle_ms}")
    if fault.goes_on:
        if outcome.stop_ms >= 0.0:
            wrong.append(f"stopped after {outcome.stop_ms} ms, should go on")
    elif not 0.0 <= outcome.stop_ms <= fault.stop_max_ms:
        wrong.append(f"at rest after {outcome.stop_ms} ms, limit {fault.stop_max_ms}")
    if outcome.peak_force_n > 25.0:
        wrong.append(f"peak force {outcome.peak_force_n} N")
    return wrong


def slow_video(world: World, delay_ms: float) -> None:
    """From now on pictures take longer to the console."""
    assert isinstance(world.video, Link), "a world without links of its own"
    world.video.profile = replace(world.video.profile, delay_ms=delay_ms)


def _sensor(fault: SensorFault) -> Callable[[World], None]:
    def inject(world: World) -> None:
        world.site.arm_box.sensor.fault = fault

    return inject


def _pause(*names: str) -> Callable[[World], None]:
    def inject(world: World) -> None:
        for name in names:
            getattr(world, f"{name}_task").paused = True

    return inject


def _set(path: str, value: object) -> Callable[[World], None]:
    *parents, last = path.split(".")

    def inject(world: World) -> None:
        target: object = world
        for name in parents:
            target = getattr(target, name)
        setattr(target, last, value)

    return inject


def _click(kind: EventKind, arg: int = 0, *, console: bool = False) -> Callable[[World], None]:
    return lambda world: world.page_event(kind, arg, console=console)


AGE = frozenset({Cause.COMMAND_AGE})
LINK = frozenset({Cause.COMMAND_AGE, Cause.GATEWAY_LOST, Cause.CONSOLE_LOST})
PICTURE = frozenset({Cause.PICTURE_STALE, Cause.PICTURE_FROZEN, Cause.LOOP_LATENCY})
SENSOR = frozenset({Cause.FORCE_SENSOR_INVALID})

TABLE: tuple[Fault, ...] = (
    Fault("link cut, both ways", lambda w: w.cut_link(), _HOLD, AGE, 51, 100),
    Fault("link cut, up", lambda w: w.cut_link(down=False, video=False), _HOLD, AGE, 51, 100),
    Fault("link cut, down", lambda w: w.cut_link(up=False, video=False), _HOLD, AGE, 51, 100),
    Fault("link cut, video only", lambda w: w.cut_link(up=False, down=False), _HOLD, PICTURE,
          150, 200),
    Fault("delay step to 60 ms, video", lambda w: slow_video(w, 60.0), _HOLD, PICTURE, 350, 450),
    Fault("one of two links lost", lambda w: w.lose_link(), frozenset({State.DEGRADED}),
          frozenset({Cause.LINK_LOST}), 10, 0, goes_on=True),
    Fault("picture frozen", _set("source.frozen", True), _HOLD,
          frozenset({Cause.PICTURE_FROZEN}), 100 + FRAME_MS + 5, 200),
    Fault("media killed", lambda w: w.stop_media(), _HOLD, PICTURE | {Cause.MEDIA_LOST}, 150, 200),
    Fault("gateway killed", lambda w: w.kill_gateway(), _HOLD, LINK, 51, 100),
    Fault("console page hangs", _set("page.hung", True), _HOLD, AGE, 51, 100),
    Fault("deadman released", lambda w: w.release_deadman(), _HOLD,
          frozenset({Cause.OPERATOR_RELEASE}), 51, 100),
    Fault("console stop", _click(EventKind.STOP, 1, console=True), _HOLD,
          frozenset({Cause.CONSOLE_STOP}), 10, 60),
    Fault("bedside stop, key", lambda w: w.press_key(), _SAFE,
          frozenset({Cause.BEDSIDE_STOP}), 10, 60),
    Fault("bedside stop, page", _click(EventKind.STOP, 1), _SAFE,
          frozenset({Cause.BEDSIDE_STOP}), 10, 60),
    Fault("emergency stop, page", _click(EventKind.ESTOP), frozenset({State.ESTOP}),
          frozenset({Cause.BEDSIDE_ESTOP}), 10, 100, brakes=True),
    Fault("patient discomfort", _click(EventKind.DISCOMFORT), _HOLD,
          frozenset({Cause.PATIENT_DISCOMFORT}), 10, 60),
    Fault("bedside page lost", _set("bedside.alive", False), _HOLD,
          frozenset({Cause.BEDSIDE_PAGE_LOST}), 600, 660),
    Fault("bedside page hidden", _set("bedside.visible", False), _HOLD,
          frozenset({Cause.BEDSIDE_PAGE_HIDDEN}), 12, 70),
    Fault("bedside sound off", _set("bedside.sound", False), STOPPED,
          frozenset({Cause.BEDSIDE_SOUND_OFF}), 12, 70),
    Fault("bedside key lost", _set("site.bedside_input", False), _HOLD,
          frozenset({Cause.BEDSIDE_INPUT_LOST}), 10, 60),
    Fault("supervisor lost", _set("site.supervisor", False), _SAFE,
          frozenset({Cause.SUPERVISOR_LOST}), 10, 60),
    Fault("servo killed", _pause("servo"), STOPPED,
          frozenset({Cause.SERVO_LOST}), 21, 60, brakes=True),
    Fault("guard stopped for good", _pause("guard"), STOPPED, frozenset(), 22, 60, brakes=True,
          guard_sees=False),
    Fault("guard stalls for 200 ms", lambda w: w.clock.freeze(w.guard_task, 200_000_000), _SAFE,
          frozenset({Cause.GUARD_OVERRUN}), 200, 60, brakes=True),
    Fault("force sensor: not a number", _sensor(SensorFault.NAN), STOPPED, SENSOR, 4, 60),
    Fault("force sensor: says invalid", _sensor(SensorFault.INVALID), STOPPED, SENSOR, 4, 60),
    Fault("force sensor: silent", _sensor(SensorFault.SILENT), STOPPED, SENSOR, 22, 80),
    Fault("force sensor: bias step", _sensor(SensorFault.BIAS), STOPPED, SENSOR, 10, 60),
    Fault("force sensor: stuck", _sensor(SensorFault.STUCK), STOPPED, SENSOR, 102, 160),
)  # fmt: skip
