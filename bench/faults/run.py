"""Injects one fault, or two, into a copy of a scanning world, and judges what followed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from bench import trace
from bench.faults.model import FORCE_MAX_N, STOPPED, Fault, Follows, Invariant, Outcome
from bench.faults.watch import Change, Watch
from bench.trace import Row
from bench.world import World
from safety.states import Cause, State
from safety.transitions import SEVERITY

MS = 1_000_000
BEFORE_NS = 100 * MS
"""The force before a fault is the largest of this time."""
TAIL_S = 0.08
"""A pair is watched for so long after the later of its limits."""
MOVES_M_S = 0.003
"""Across the probe axis; noise of a regulated probe stays below."""
END_NS = 60 * MS
JUDGED = (Follows.STOP, Follows.PAUSE, Follows.SLOWER)


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
        still=_still(rows, seen.end_ns),
    )


def _still(rows: list[Row], now_ns: int) -> bool:
    """At rest at the end of the watch."""
    return not any(r.tangential_m_s > MOVES_M_S for r in rows if r.now_ns > now_ns - END_NS)


def _impulse(rows: list[Row], held_n: float) -> float:
    """Force above what it was before, integrated (N s)."""
    return sum(
        max(0.0, a.force_n - held_n) * (b.now_ns - a.now_ns) / 1e9
        for a, b in itertools.pairwise(rows)
    )


def problems(outcome: Outcome, fault: Fault, cycle_ms: float) -> list[str]:
    """What is wrong with an outcome, in words; empty when it is as the table says."""
    wrong = list(outcome.broken)
    if fault.follows in JUDGED:
        wrong += _notice(outcome, fault, cycle_ms)
    if fault.follows is Follows.STOP and not 0.0 <= outcome.stop_ms <= fault.stop_max_ms:
        wrong.append(f"at rest after {outcome.stop_ms} ms, limit {fault.stop_max_ms}")
    if fault.follows in (Follows.SLOWER, Follows.NOTHING):
        stopped = sorted(set(outcome.seen) & {state.name for state in STOPPED})
        if stopped:
            wrong.append(f"stopped ({', '.join(stopped)}, {outcome.cause}), should go on")
    missing = {state.name for state in fault.through} - set(outcome.seen)
    if missing:
        wrong.append(f"never {', '.join(sorted(missing))} before the stop")
    if outcome.peak_force_n > min(fault.force_max_n, FORCE_MAX_N):
        wrong.append(f"peak force {outcome.peak_force_n} N")
    return wrong


def _notice(outcome: Outcome, fault: Fault, cycle_ms: float) -> list[str]:
    """Detection and its reason."""
    limit_ms = fault.detect_max_ms + cycle_ms
    if not fault.guard_sees:
        if 0.0 <= outcome.brake_ms <= limit_ms:
            return []
        return [f"brakes after {outcome.brake_ms} ms, limit {limit_ms}"]
    wrong = []
    if not 0.0 <= outcome.detect_ms <= limit_ms:
        wrong.append(f"detected after {outcome.detect_ms} ms, limit {limit_ms}")
    if fault.causes and Cause[outcome.cause] not in fault.causes:
        wrong.append(f"first-out cause {outcome.cause}")
    return wrong


def missed(outcome: Outcome, fault: Fault, cycle_ms: float) -> bool:
    """The fault should have been noticed and was not, or too late."""
    return fault.follows in JUDGED and any(
        text.startswith(("detected", "brakes")) for text in _notice(outcome, fault, cycle_ms)
    )


def pair_problems(outcome: Outcome, one: Fault, two: Fault, cycle_ms: float) -> list[str]:
    """The worst rule of both, and every invariant."""
    wrong = list(outcome.broken)
    if outcome.peak_force_n > FORCE_MAX_N:
        wrong.append(f"peak force {outcome.peak_force_n} N")
    both = ((one, two, outcome.detect_ms), (two, one, outcome.second_detect_ms))
    for fault, other, found_ms in both:
        limit_ms = fault.detect_max_ms + cycle_ms
        since_ms = outcome.gap_ms if fault is two else -outcome.gap_ms
        hidden = bool(other.takes & (fault.needs | {"guard"})) and (
            -limit_ms < since_ms < other.gone_ms
        )
        judged = fault.follows in JUDGED and fault.guard_sees and not hidden
        if judged and not 0.0 <= found_ms <= limit_ms:
            wrong.append(f"{fault.name}: detected after {found_ms} ms, limit {limit_ms}")
    if any(f.follows is Follows.STOP for f in (one, two)) and not outcome.still:
        wrong.append("still moves at the end")
    return wrong
