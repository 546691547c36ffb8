"""Breadth-first exploration of the real core: everything that can be reached keeps the invariants.

`python -m bench.explore` goes deeper (pairs of causes, all frames).
"""

from __future__ import annotations

import itertools

import pytest

from bench.explore import commands, permits
from bench.explore.choices import Chooser, LazyMask, MaskSet, every
from bench.explore.search import Plan, search
from safety import machine
from safety.limits import Limits
from safety.machine import Facts, Machine
from safety.states import Cause, State
from safety.transitions import TRANSITIONS, When

LIMITS = Limits()
FRAMES = 40_000
"""Of some 373,000; the command checks all."""


@pytest.mark.timeout(600)
def test_every_reachable_node_keeps_the_invariants() -> None:
    found = search(Plan(causes_at_once=1), LIMITS)
    assert not found.broken, "\n".join(found.broken)
    assert found.complete
    assert found.states == set(State), "every state is reached"
    rows = {(source, row.target) for row in TRANSITIONS for source in row.sources}
    assert rows <= found.moves.keys(), "and every transition is taken"
    orders = permits.Permits()
    assert not permits.check(found.permits, LIMITS, orders)
    assert orders.permits > 1000


def test_every_tenth_kind_of_frame_is_judged_as_promised() -> None:
    found = commands.Frames()
    assert not list(itertools.islice(commands.check(found, every_nth=9), 5))
    assert found.frames > FRAMES
    assert found.accepted > 50, "what is good is taken, or nothing is shown"


def test_the_search_finds_a_machine_that_forgets_the_console(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The search is able to fail: leaving a stop without an acknowledgement is found."""

    def careless(m: Machine, f: Facts, _limits: Limits) -> bool:
        return f.allow and f.ready and not f.power_cut

    monkeypatch.setitem(machine.PREDICATES, When.RELEASED_BY_BOTH, careless)
    found = search(Plan(causes_at_once=1, max_nodes=60), LIMITS)
    assert any("I4" in line for line in found.broken)


def test_choices_walk_every_path_once() -> None:
    def run(c: Chooser) -> tuple[object, ...]:
        first = c.pick("a", (1, 2))
        return (first, c.pick("b", "xyz")) if first == 1 else (first,)

    assert list(every(run)) == [(1, "x"), (1, "y"), (1, "z"), (2,)]


def test_a_lazy_mask_asks_only_what_matters() -> None:
    masks = (0, 1 << Cause.COMMAND_AGE, 1 << Cause.BEDSIDE_STOP)

    def run(c: Chooser) -> tuple[int, tuple[int, ...]]:
        lazy = LazyMask(c, MaskSet(masks))
        return lazy & (1 << Cause.BEDSIDE_STOP), lazy.left

    assert list(every(run)) == [(0, masks[:2]), (masks[2], masks[2:])]
