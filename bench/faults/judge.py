"""What is wrong with an outcome, by the table's rules, in words."""

from __future__ import annotations

import math

from bench.faults.model import FORCE_MAX_N, STOPPED, Fault, Follows, Outcome
from safety.slowing import SLIDE_M_S
from safety.states import Cause

STOP_PATH_MM = 2.5
"""A stop from 30 mm/s in contact may take this path."""
JUDGED = (Follows.STOP, Follows.PAUSE, Follows.SLOWER)


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
    if outcome.peak_force_n > FORCE_MAX_N / min(one.hides_force, two.hides_force):
        wrong.append(f"peak force {outcome.peak_force_n} N")
    stops = False
    for fault, other in ((one, two), (two, one)):
        second = fault is two
        found_ms = outcome.second_detect_ms if second else outcome.detect_ms
        limit_ms = _limit_ms(outcome, fault, second=second) + cycle_ms
        limit_ms += other.gone_ms if other.holds_up & fault.needs else 0.0
        hidden = _hidden(outcome, fault, other, limit_ms, second=second)
        hidden |= second and _creeps(outcome, fault, found_ms)
        judged = fault.follows in JUDGED and not hidden
        stops |= judged and fault.follows is Follows.STOP
        if judged and fault.guard_sees and not 0.0 <= found_ms <= limit_ms:
            wrong.append(f"{fault.name}: detected after {found_ms} ms, limit {limit_ms}")
    rogue = any("servo" in f.takes for f in (one, two))
    still = outcome.end_mm_s <= 1e3 * SLIDE_M_S if rogue else outcome.still
    if stops and not still:
        wrong.append("still moves at the end")
    return wrong


def _limit_ms(outcome: Outcome, fault: Fault, *, second: bool) -> float:
    speed_mm_s = outcome.second_speed_mm_s if second else outcome.speed_mm_s
    if speed_mm_s < 1e3 * SLIDE_M_S and fault.slow_detect_ms > 0.0:
        return fault.slow_detect_ms
    stopping = second and 0.0 <= outcome.detect_ms <= outcome.gap_ms
    return fault.slowing_detect_ms if stopping and fault.slowing_detect_ms else fault.detect_max_ms


def _creeps(outcome: Outcome, fault: Fault, found_ms: float) -> bool:
    """The first fault's stop had nearly ended: what went on was slower than guard calls a slide."""
    needs_motion = math.isinf(fault.slow_detect_ms)
    slow = outcome.end_mm_s <= 1e3 * SLIDE_M_S and outcome.stop_distance_mm <= STOP_PATH_MM
    return needs_motion and found_ms < 0.0 and slow


def _hidden(outcome: Outcome, fault: Fault, other: Fault, limit_ms: float, *, second: bool) -> bool:
    """There is nothing to see, or nobody to see it: the other fault took what that needs."""
    since_ms = outcome.gap_ms if second else -outcome.gap_ms
    taken = other.takes & (fault.needs | {"guard"})
    closed = second and fault.open_brakes and 0.0 <= outcome.brake_ms <= outcome.gap_ms
    covered = bool(taken) and -limit_ms < since_ms < other.gone_ms
    return covered or closed or math.isinf(limit_ms)
