"""Figures, series and notes of a case, out of its outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.faults.judge import missed, pair_problems, problems
from bench.faults.model import Fault, Follows, Outcome
from bench.kit.model import Figure, Measured, Series

MOST_NOTES = 40
Judged = tuple[str, Outcome, list[str], bool]
"""(what was done, outcome, problems, detection missed)."""


def of_singles(outcomes: Sequence[Outcome], faults: Sequence[Fault], cycle_ms: float) -> Measured:
    """Every fault's worst figures, and what broke its limits."""
    by_name = {fault.name: fault for fault in faults}
    judged = [
        (o.fault, o, problems(o, by_name[o.fault], cycle_ms), missed(o, by_name[o.fault], cycle_ms))
        for o in outcomes
    ]
    figures: list[Figure] = []
    for fault in faults:
        figures += _of_fault(fault, [o for o in outcomes if o.fault == fault.name])
    stops = [o for o in outcomes if by_name[o.fault].follows is Follows.STOP]
    seen = [o for o in stops if by_name[o.fault].guard_sees]
    series = (
        _series("detection", "ms", [o.detect_ms for o in seen]),
        _series("standstill", "ms", [o.stop_ms for o in stops]),
        Series("path to standstill", "mm", tuple(o.stop_distance_mm for o in stops)),
        Series("peak force", "N", tuple(o.peak_force_n for o in outcomes), headline=True),
    )
    return Measured((*_totals(judged), *figures), series, (), _notes(judged))


def of_pairs(found: Sequence[tuple[Outcome, Fault, Fault]], cycle_ms: float) -> Measured:
    """Problems and forces of pairs."""
    judged: list[Judged] = []
    for outcome, one, two in found:
        wrong = pair_problems(outcome, one, two, cycle_ms)
        late = any("detected after" in words for words in wrong)
        judged.append((f"{one.name} + {two.name}", outcome, wrong, late))
    series = (
        Series("peak force", "N", tuple(o.peak_force_n for o, _, _ in found), headline=True),
        Series("added force", "N", tuple(o.added_force_n for o, _, _ in found)),
    )
    return Measured(_totals(judged), series, (), _notes(judged))


def _series(name: str, unit: str, values: Iterable[float]) -> Series:
    """-1 is a sample that never came."""
    every = list(values)
    came = tuple(round(value, 3) for value in every if value >= 0.0)
    return Series(name, unit, came, missing=len(every) - len(came), headline=True)


def _totals(judged: Sequence[Judged]) -> tuple[Figure, ...]:
    count = len(judged)
    return (
        Figure("injections", "", count),
        Figure("missed detections", "", sum(late for *_, late in judged), count),
        Figure("invariants broken", "", sum(bool(o.broken) for _, o, _, _ in judged), count),
        Figure("out of limits", "", sum(bool(wrong) for _, _, wrong, _ in judged), count),
        Figure("steps checked", "", sum(o.steps for _, o, _, _ in judged)),
        Figure("peak force max", "N", max((o.peak_force_n for _, o, _, _ in judged), default=0.0),
               count),
    )  # fmt: skip


def _notes(judged: Sequence[Judged]) -> tuple[str, ...]:
    bad = [
        f"number {o.number}, gap {o.gap_ms:.1f} ms, at {o.phase_ms:.1f} ms: {name}: "
        f"{'; '.join(wrong)}"
        for name, o, wrong, _ in judged
        if wrong
    ]
    more = (f"and {len(bad) - MOST_NOTES} more",) if len(bad) > MOST_NOTES else ()
    return (*bad[:MOST_NOTES], *more)


def _worst(unit: str, value: Callable[[Outcome], float]) -> tuple[str, Callable[[Outcome], float]]:
    return unit, value


WORST: dict[str, tuple[str, Callable[[Outcome], float]]] = {
    "detection": _worst("ms", lambda o: o.detect_ms),
    "standstill": _worst("ms", lambda o: o.stop_ms),
    "path": _worst("mm", lambda o: o.stop_distance_mm),
    "brakes": _worst("ms", lambda o: o.brake_ms),
    "peak force": _worst("N", lambda o: o.peak_force_n),
    "added force": _worst("N", lambda o: o.added_force_n),
    "added until standstill": _worst("N", lambda o: o.stop_added_n),
    "added impulse": _worst("Ns", lambda o: o.added_impulse_ns),
}
SHOWN: dict[Follows, tuple[str, ...]] = {
    Follows.STOP: ("detection", "standstill", "path", "added until standstill"),
    Follows.PAUSE: ("detection",),
    Follows.SLOWER: ("detection",),
    Follows.NOTHING: (),
    Follows.OPEN: (),
}
ALWAYS = ("peak force", "added force", "added impulse")


def _of_fault(fault: Fault, outcomes: Sequence[Outcome]) -> list[Figure]:
    names = SHOWN[fault.follows]
    if not fault.guard_sees:
        names = ("brakes", *names[1:])
    return [_figure(fault, name, outcomes) for name in (*names, *ALWAYS)]


def _figure(fault: Fault, name: str, outcomes: Sequence[Outcome]) -> Figure:
    unit, value = WORST[name]
    values = [value(o) for o in outcomes]
    never = any(v < 0.0 for v in values) or not values
    return Figure(f"{fault.name}: {name} max", unit, None if never else round(max(values), 4),
                  len(values))  # fmt: skip
