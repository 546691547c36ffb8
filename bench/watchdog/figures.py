"""From what was counted in one world to figures, series and bands of the bench kit."""

from __future__ import annotations

from bench.kit.model import Band, Figure, Measured, Series
from bench.kit.stats import share_within, summary
from bench.watchdog.case import Outcome
from bench.watchdog.witness import STOPS, Tally
from safety.states import State

HOUR_S = 3600.0
MOST_SAMPLES = 40_000
MOST_BANDS = 400
SHOWN = (State.ACTIVE, State.DEGRADED, State.HOLD, State.SAFE_STOP)


def measured(outcome: Outcome) -> Measured:
    """Everything that is stored of one case."""
    tally = outcome.tally
    step = -(-len(tally.loop_ms) // MOST_SAMPLES) or 1
    values = tuple(round(float(ms), 3) for ms in tally.loop_ms[::step])
    loop = Series("loop", "ms", values, line_at=50.0, headline=True)
    notes = [f"{outcome.scenario.what} ({outcome.scenario.source})", outcome.scenario.data]
    if not outcome.started:
        notes.append("the watchdog never allowed motion on this network")
    if step > 1:
        notes.append(f"loop: every {step}th sample is stored")
    if tally.stops:
        causes = ", ".join(f"{cause.name} {n}" for cause, n in tally.stops.most_common())
        notes.append(f"stops by first-out cause: {causes}")
    if tally.degraded:
        causes = ", ".join(f"{cause.name} {n}" for cause, n in tally.degraded.most_common())
        notes.append(f"slowed down by: {causes}")
    figures = (*_shares(tally), *_counts(outcome), *summary(loop), *share_within(loop, 50.0))
    return Measured(figures, (loop,), _bands(tally), tuple(note for note in notes if note))


def _shares(tally: Tally) -> tuple[Figure, ...]:
    total_ns = sum(tally.time_ns.values())
    shares = {state: 100.0 * tally.time_ns[state] / total_ns for state in SHOWN}
    rest = 100.0 - sum(shares.values())
    shown = [Figure(f"time {state.name}", "%", share) for state, share in shares.items()]
    return (*shown, Figure("time re-arming or not allowed", "%", max(0.0, rest)))


def _counts(outcome: Outcome) -> tuple[Figure, ...]:
    tally, hours = outcome.tally, outcome.seconds / HOUR_S
    pictures = outcome.pictures_sent
    lost = 100.0 * outcome.pictures_lost / pictures if pictures else None
    return (
        Figure("stops", "1/h", sum(tally.stops.values()) / hours),
        Figure("false stops", "1/h", tally.false_stops / hours),
        Figure("old commands that moved the arm", "", tally.old_driven_cycles, tally.driven_cycles),
        Figure("oldest command that moved the arm", "ms", tally.oldest_driven_ns / 1e6,
               tally.driven_cycles),
        Figure("late commands", "", tally.late, tally.commands),
        Figure("lost commands", "", tally.lost, tally.commands),
        Figure("pictures lost", "%", lost, pictures),
    )  # fmt: skip


def _bands(tally: Tally) -> tuple[Band, ...]:
    start_ns = tally.bands[0][1] if tally.bands else 0
    return tuple(
        Band("state", state.name, (a - start_ns) / 1e9, (b - start_ns) / 1e9)
        for state, a, b in tally.bands[:MOST_BANDS]
        if state in STOPS or state in SHOWN
    )
