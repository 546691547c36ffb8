"""Injects one fault, or two, into a copy of a scanning world, and judges what followed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from bench import trace
from bench.faults.model import Fault, Invariant, Outcome
from bench.faults.watch import Change, Watch
from bench.trace import Row
from bench.world import World
from safety.states import Cause, State
from safety.transitions import SEVERITY

MS = 1_000_000
BEFORE_NS = 100 * MS
"""The force before a fault is the largest of this time."""
TAIL_S = 0.15
"""A pair is watched for so long after the later of its limits."""
MOVES_M_S = 0.003
"""Across the probe axis; noise of a regulated probe stays below."""
END_NS = 60 * MS


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a run, virtual or real."""

    rows: list[Row]
    """Arm cycles, from `BEFORE_NS` before the fault on."""
    changes: list[Change]
    state: State
    """At the end."""
    first_out: Cause
    end_ns: int
    broken: dict[Invariant, str]
    steps: int


def run_fault(world: World, watch: Watch, fault: Fault) -> Outcome:
    """Break `world` and watch it, while nobody at the bedside helps it to go on."""
    start_ns = _begin(world, watch)
    fault.inject(world)
    world.run_for(fault.watch_s)
    return outcome_of(_seen(world, watch), fault, start_ns)


def run_pair(world: World, watch: Watch, one: Fault, two: Fault, gap_s: float) -> Outcome:
    """Break it twice; the outcome is that of the first, the problems are those of both."""
    start_ns = _begin(world, watch)
    one.inject(world)
    world.run_for(gap_s)
    second_ns = world.clock.now_ns
    two.inject(world)
    limits_ms = [max(f.detect_max_ms, f.stop_max_ms) for f in (one, two)]
    world.run_for(max(limits_ms) / 1e3 + TAIL_S)
    return outcome_of(_seen(world, watch), one, start_ns, two, second_ns)


def _begin(world: World, watch: Watch) -> int:
    world.bedside.nurse.willing = False
    watch.begin()
    return world.clock.now_ns


def _seen(world: World, watch: Watch) -> Seen:
    report = world.site.report.value
    return Seen(world.trace.rows, watch.changes, report.state, report.first_out,
                world.clock.now_ns, watch.broken, watch.steps)  # fmt: skip


def detected_ms(changes: list[Change], start_ns: int, now: State, fault: Fault) -> float:
    """Time from the fault until the state was at least as severe as it must become; -1: never.

    0: it was already. `now` is the state before the first change.
    """
    wanted = min((SEVERITY[s] for s in fault.states), default=0)
    state = now
    for change in changes:
        if change.at_ns <= start_ns:
            state = change.state
        elif SEVERITY[state] < wanted <= SEVERITY[change.state]:
            return (change.at_ns - start_ns) / MS
    return 0.0 if SEVERITY[state] >= wanted else -1.0


def outcome_of(
    seen: Seen, fault: Fault, start_ns: int, other: Fault | None = None, second_ns: int = 0
) -> Outcome:
    """The figures of a run."""
    rows = [row for row in seen.rows if row.now_ns >= start_ns]
    before = [row for row in seen.rows if start_ns - BEFORE_NS <= row.now_ns < start_ns]
    held_n = max((row.force_n for row in before), default=0.0)
    peak_n = trace.peak_force_n(rows)
    caught = next((c for c in seen.changes if c.state in fault.states), None)
    across = not (fault.brakes or (other is not None and other.brakes))
    rest_ms = trace.rest_ms(rows, start_ns, tangential=across)
    until_ns = start_ns + rest_ms * MS if rest_ms >= 0.0 else seen.end_ns
    moving = [row for row in rows if row.now_ns <= until_ns]
    braked = next((row.now_ns for row in rows if row.braked), None)
    first = seen.changes[0].before if seen.changes else seen.state
    blind = fault.blinds | (other.blinds if other else frozenset())
    return Outcome(
        fault=fault.name,
        state=(caught.state if caught else seen.state).name,
        cause=(caught.first_out if caught else seen.first_out).name,
        detect_ms=detected_ms(seen.changes, start_ns, first, fault),
        stop_ms=rest_ms,
        brake_ms=-1.0 if braked is None else (braked - start_ns) / MS,
        stop_distance_mm=round(trace.travelled_m(moving, tangential=across) * 1e3, 3),
        peak_force_n=round(peak_n, 3),
        added_force_n=round(max(0.0, peak_n - held_n), 3),
        stop_added_n=round(max(0.0, trace.peak_force_n(moving) - held_n), 3),
        added_impulse_ns=round(_impulse(rows, held_n), 4),
        speed_mm_s=round(1e3 * before[-1].tangential_m_s, 2) if before else 0.0,
        seen=tuple(change.state.name for change in seen.changes),
        broken=tuple(text for which, text in seen.broken.items() if which not in blind),
        steps=seen.steps,
        second=other.name if other else "",
        gap_ms=(second_ns - start_ns) / MS if other else 0.0,
        second_detect_ms=detected_ms(seen.changes, second_ns, first, other) if other else 0.0,
        second_speed_mm_s=_speed_mm_s(seen.rows, second_ns) if other else 0.0,
        still=_end_m_s(rows, seen.end_ns) <= MOVES_M_S,
        end_mm_s=round(1e3 * _end_m_s(rows, seen.end_ns), 3),
    )


def _end_m_s(rows: list[Row], now_ns: int) -> float:
    """Fastest at the end of the watch."""
    return max((r.tangential_m_s for r in rows if r.now_ns > now_ns - END_NS), default=0.0)


def _speed_mm_s(rows: list[Row], at_ns: int) -> float:
    before = [row for row in rows if row.now_ns < at_ns]
    return round(1e3 * before[-1].tangential_m_s, 2) if before else 0.0


def _impulse(rows: list[Row], held_n: float) -> float:
    """Force above what it was before, integrated (N s)."""
    return sum(
        max(0.0, a.force_n - held_n) * (b.now_ns - a.now_ns) / 1e9
        for a, b in itertools.pairwise(rows)
    )
