"""Layer (a): faults on the virtual clock, alone and in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from bench.branch import branch
from bench.faults.model import Fault, Outcome
from bench.faults.run import run_fault, run_pair
from bench.faults.site import limits_of
from bench.faults.spec import Spec
from bench.faults.table import TABLE
from bench.faults.wall import tripwire
from bench.faults.watch import Watch
from bench.faults.worlds import go_on, scanning
from bench.world import World
from transport.impair import Noise
from transport.local.clock import now_ns

LEAST_S, SPREAD_S = 0.011, 0.045
"""Between injections: neither a multiple of a frame nor of a slot, and seeded."""
GAP_MAX_S = 0.3
"""Between the two faults of a pair; short gaps come more often (the square of a uniform number):
there the second one strikes while the first one is being answered."""
SOAK_MOST = 1_000_000
PER_WORLD = 1000
"""Injections into one beginning, which takes 5 s of a core; the next has another seed."""


def chosen(spec: Spec) -> list[Fault]:
    """Faults of a case."""
    return [
        fault
        for fault in TABLE
        if (not spec.group or fault.group.value == spec.group)
        and (not spec.words or any(word in fault.name for word in spec.words))
    ]


def singles(spec: Spec) -> list[Outcome]:
    """Every fault of the group, `count` times at other moments of the scan."""
    return list(_singles(spec))


def _singles(spec: Spec) -> Iterator[Outcome]:
    plan = [fault for _ in range(spec.count) for fault in chosen(spec)]
    for world, watch, index in _moments(spec, len(plan)):
        yield _branched(world, spec, index, _single(watch, plan[index]))


def _single(watch: Watch, fault: Fault) -> Callable[[World], Outcome]:
    return lambda world: run_fault(world, watch, fault)


def pairs(spec: Spec) -> list[tuple[Outcome, Fault, Fault]]:
    """Pairs number `first` to `first + count`, each drawn by its number; or until time is over."""
    table = chosen(spec)
    found = []
    end_ns = now_ns() + round(spec.seconds * 1e9)
    for world, watch, index in _moments(spec, SOAK_MOST if spec.seconds else spec.count):
        if spec.seconds and now_ns() > end_ns:
            break
        one, two, gap_s = draw(table, spec.seed, spec.first + index)
        ending = _pair(watch, one, two, gap_s)
        found.append((_branched(world, spec, index, ending), one, two))
    return found


def _pair(watch: Watch, one: Fault, two: Fault, gap_s: float) -> Callable[[World], Outcome]:
    return lambda world: run_pair(world, watch, one, two, gap_s)


def draw(table: list[Fault], seed: int, number: int) -> tuple[Fault, Fault, float]:
    """Pair `number` of a seed: two faults and the time between them (s)."""
    noise = Noise.stream(seed, number)
    one, two = (table[noise.bits() % len(table)] for _ in range(2))
    return one, two, GAP_MAX_S * noise.uniform() ** 2


def _moments(spec: Spec, count: int) -> Iterator[tuple[World, Watch, int]]:
    """A scanning world at `count` seeded moments, with the number of each."""
    noise = Noise.stream(spec.seed, spec.first + 1_000_000_007)
    with tripwire() as reads:
        for start in range(0, count, PER_WORLD):
            seed = spec.seed + spec.first + start
            world, watch = scanning(seed, spec.control_hz, reads, limits_of(spec.limits))
            for index in range(start, min(count, start + PER_WORLD)):
                go_on(world, LEAST_S + SPREAD_S * noise.uniform())
                yield world, watch, index
            world.close()


def _branched(world: World, spec: Spec, index: int, ending: Callable[[World], Outcome]) -> Outcome:
    outcome = branch(world, ending)
    phase_ms = (world.clock.now_ns - world.clock.start_ns) / 1e6
    return msgspec.structs.replace(outcome, number=spec.first + index, phase_ms=phase_ms)
