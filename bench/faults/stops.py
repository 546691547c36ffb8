"""The bedside's stop in every state, and the way back after a long outage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.branch import branch
from bench.faults.act import MS, click, lie, put
from bench.faults.model import LATCHED
from bench.faults.site import limits_of
from bench.faults.spec import Spec
from bench.faults.table_arm import jumped
from bench.faults.worlds import go_on, scanning
from bench.kit.model import Figure, Measured, Series
from bench.world import World, WorldOptions
from safety.states import EventKind, PermitKind, State
from safety.states import Step as Missing
from teleop.scripted.persons import ENGAGED
from transport.impair import Noise

EFFECTIVE_NS = 20 * MS
PATIENCE_NS = 100 * MS
LOOK_NS = MS // 2
OUTAGE_S = 3.0
PATIENCE_S = 60.0
STOPPED = (*LATCHED, State.ESTOP)


def _then(inject: Callable[[World], None], seconds: float) -> Callable[[World], None]:
    def act(world: World) -> None:
        world.bedside.nurse.willing = False
        inject(world)
        world.run_for(seconds)

    return act


def _local(world: World) -> None:
    _then(click(EventKind.STOP, 1, console=True), 0.5)(world)
    click(EventKind.LOCAL_ENTER)(world)
    world.run_for(0.1)


BEGINNING = (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED, State.ARMED)
"""Passed on the way to motion, in this order."""
LATER: dict[State, Callable[[World], None]] = {
    State.ACTIVE: lambda world: None,
    State.DEGRADED: _then(lambda w: w.lose_link(), 0.1),
    State.HOLD: _then(click(EventKind.STOP, 1, console=True), 0.2),
    State.SAFE_STOP: _then(put("site.supervisor", False), 0.2),
    State.LOCAL: _local,
    State.FAULT: _then(lie(jumped), 0.2),
    State.ESTOP: _then(click(EventKind.ESTOP), 0.3),
}
"""Reached from motion."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of the key, or of the page's button."""

    state: State
    took_ms: float
    """Until guard has latched the stop, or the brakes hold under no permit; -1: never."""


def press(world: World, wanted: State, by_key: bool, wait_s: float) -> Press:
    """Press after a while; measure until nothing can move, or a stop is latched."""
    world.run_for(wait_s)
    state = world.site.report.value.state
    if state != wanted:
        raise AssertionError(f"{wanted.name} was left for {state.name} before the press")
    start_ns = world.clock.now_ns
    if by_key:
        world.press_key()
    else:
        click(EventKind.STOP, 1)(world)
    while world.clock.now_ns - start_ns < PATIENCE_NS:
        world.clock.run_to(world.clock.now_ns + LOOK_NS)
        if _effective(world, start_ns):
            return Press(state, (world.clock.now_ns - start_ns) / MS)
    return Press(state, -1.0)


def _effective(world: World, start_ns: int) -> bool:
    site = world.site
    report = site.report.value
    if report.stamp_ns < start_ns:
        return False
    still = site.arm.value.braked and site.permit.value.kind == PermitKind.NONE
    return report.state in STOPPED or still


def presses(spec: Spec) -> Measured:
    """`count` presses over all states, key and page in turn."""
    noise = Noise.stream(spec.seed, 77)
    each = -(-spec.count // (len(BEGINNING) + len(LATER)))
    found: list[Press] = []
    world = World(WorldOptions(spec.seed, spec.control_hz, limits_of(spec.limits)))
    for state in BEGINNING:
        world.run_until(lambda s=state: world.site.report.value.state == s, 60.0)  # type: ignore[misc]
        found += [_branched(world, state, i, noise) for i in range(each)]
    world.close()
    world, _ = scanning(spec.seed, spec.control_hz, [], limits_of(spec.limits))
    for state in LATER:
        for index in range(each):
            go_on(world, 0.004 * noise.uniform())
            found.append(_branched(world, state, index, noise))
    world.close()
    return _measured(found)


def _branched(world: World, state: State, index: int, noise: Noise) -> Press:
    prepare = LATER.get(state)
    wait_s = 0.02 * noise.uniform()
    by_key = index % 2 == 0 or state in (State.INIT, State.IDLE)

    def ending(copy: World) -> Press:
        if prepare is not None:
            prepare(copy)
        return press(copy, state, by_key, wait_s)

    if prepare is None:  # a state of the beginning may be left within a millisecond
        wait_s = next(w for w in (0.1 * wait_s, 0.01 * wait_s, 0.0) if _lasts(world, state, w))
    return branch(world, ending)


def _lasts(world: World, state: State, wait_s: float) -> bool:
    def ending(copy: World) -> bool:
        copy.run_for(wait_s)
        return copy.site.report.value.state == state

    return branch(world, ending)


def _measured(found: list[Press]) -> Measured:
    good = [p for p in found if 0.0 <= p.took_ms <= EFFECTIVE_NS / MS]
    came = tuple(p.took_ms for p in found if p.took_ms >= 0.0)
    series = Series("bedside stop", "ms", came, missing=len(found) - len(came), line_at=20.0,
                    headline=True)  # fmt: skip
    figures = [
        Figure("presses", "", len(found)),
        Figure("effective within 20 ms", "%", 100.0 * len(good) / len(found), len(found)),
    ]
    for state in (*BEGINNING, *LATER):
        mine = [p.took_ms for p in found if p.state == state]
        worst = max(mine) if mine and min(mine) >= 0.0 else None
        figures.append(Figure(f"{state.name} max", "ms", worst, len(mine)))
    return Measured(tuple(figures), (series,))


def returns(spec: Spec) -> Measured:
    """From the link's return after 3 s to "bedside may allow motion", and to motion."""
    noise = Noise.stream(spec.seed, 78)
    world, _ = scanning(spec.seed, spec.control_hz, [], limits_of(spec.limits))
    ready, moving = [], []
    for _ in range(spec.count):
        go_on(world, 0.05 * noise.uniform())
        one, other = branch(world, _come_back)
        ready.append(one)
        moving.append(other)
    world.close()
    return Measured(
        (
            Figure("link back to ready to arm max", "s", max(ready), len(ready)),
            Figure("link back to motion max", "s", max(moving), len(moving)),
        ),
        (Series("ready to arm", "s", tuple(ready), headline=True),),
        (),
        ("the virtual link needs no new association: the real layer measures that",),
    )


def _come_back(world: World) -> tuple[float, float]:
    """(s to ready to arm, s to motion); both people do what their pages ask for."""
    world.cut_link()
    world.run_for(OUTAGE_S)
    world.heal_link()
    start_ns = world.clock.now_ns
    world.run_until(lambda: world.site.report.value.step == Missing.ALLOW_MOTION, PATIENCE_S)
    ready_s = (world.clock.now_ns - start_ns) / 1e9
    world.run_until(lambda: world.site.report.value.state in ENGAGED, PATIENCE_S)
    return ready_s, (world.clock.now_ns - start_ns) / 1e9
