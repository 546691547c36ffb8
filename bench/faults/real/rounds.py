"""A disturbance in rounds: what it costs is compared with the pauses between them."""

from __future__ import annotations

from bench.faults.model import STOPPED
from bench.faults.real.rig import ENGAGED, Rig
from bench.faults.real.row import RealFault
from bench.faults.watch import Change
from bench.kit.model import Figure
from transport.local import clock

Span = tuple[int, int]
"""From when to when, ns."""


def strike(row: RealFault, rig: Rig) -> list[Span]:
    """Do it, with pauses when it comes in rounds; return from when to when it was there."""
    spans: list[Span] = []
    for number in range(row.rounds):
        if number:
            row.pause(rig, False)
            rig.sampler.run_for(row.must.watch_s / row.rounds)
            row.pause(rig, True)
        begin_ns = clock.now_ns()
        if not number:
            row.inject(rig)
        rig.sampler.run_for(row.must.watch_s / row.rounds)
        spans.append((begin_ns, clock.now_ns()))
    return spans


def within(at_ns: int, spans: list[Span], before_ns: int = 0) -> bool:
    """Whether a time lies in one of `spans`, or up to `before_ns` before the first of them."""
    first_ns = spans[0][0]
    return first_ns - before_ns <= at_ns < first_ns or any(a <= at_ns <= b for a, b in spans)


def stops(changes: list[Change], spans: list[Span]) -> tuple[Figure, ...]:
    """How often the arm stopped by itself in the pauses, beside how often meanwhile."""
    if len(spans) == 1:
        return ()
    begun = [c.at_ns for c in changes if c.state in STOPPED and c.before in ENGAGED
             and c.at_ns >= spans[0][0]]  # fmt: skip
    meanwhile = sum(within(at_ns, spans) for at_ns in begun)
    return (
        Figure("stops meanwhile", "", meanwhile),
        Figure("stops in the pauses", "", len(begun) - meanwhile),
    )
