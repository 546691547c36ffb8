"""Breadth-first search over all nodes that can be reached."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.explore.choices import Chooser, MaskSet, every
from bench.explore.edge import Edge, World, walk
from bench.explore.inputs import cause_sets, fact_domains, representatives
from bench.explore.invariants import broken
from bench.explore.node import Node, key
from safety.limits import Limits
from safety.machine import Machine
from safety.states import State


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is explored."""

    causes_at_once: int = 1
    exact: bool = False
    """Every latched mask is a node of its own (many more nodes)."""
    max_nodes: int = 0
    """0: all that can be reached."""


@dataclass(slots=True)
class Found:
    """What the search saw."""

    nodes: int = 0
    edges: int = 0
    inputs: int = 0
    """Full inputs that the edges stand for."""
    depth: int = 0
    complete: bool = False
    states: set[State] = field(default_factory=set)
    moves: Counter[tuple[State, State]] = field(default_factory=Counter)
    permits: set[tuple[State, int, bool]] = field(default_factory=set)
    """(state, latched mask, power cut) for which permits are checked."""
    broken: list[str] = field(default_factory=list)


MAX_BROKEN = 20
"""More are not collected; one is enough to fail."""


def search(
    plan: Plan, limits: Limits, progress: Callable[[Found, int], None] | None = None
) -> Found:
    """Visit every reachable node, breadth first; stop early when an invariant is broken often."""
    causes = MaskSet(cause_sets(plan.causes_at_once, representatives()))
    world = World(fact_domains(), causes, limits)
    start = Node(machine=Machine())
    seen = {key(start, plan.exact)}
    queue: deque[tuple[Node, int]] = deque([(start, 0)])
    found = Found()
    while queue and len(found.broken) < MAX_BROKEN:
        if plan.max_nodes and found.nodes >= plan.max_nodes:
            return found
        node, depth = queue.popleft()
        _visit(found, node, depth)

        def run(chooser: Chooser, node: Node = node) -> Edge:
            return walk(node, chooser, world)

        for edge in every(run):
            _count(found, edge)
            name = key(edge.after, plan.exact)
            if name not in seen:
                seen.add(name)
                queue.append((edge.after, depth + 1))
        if progress is not None:
            progress(found, len(queue))
    found.complete = not queue
    return found


def _visit(found: Found, node: Node, depth: int) -> None:
    found.nodes += 1
    found.depth = max(found.depth, depth)
    found.states.add(node.machine.state)
    found.permits.add((node.machine.state, node.machine.latched, node.cut))


def _count(found: Found, edge: Edge) -> None:
    found.edges += 1
    found.inputs += edge.stands_for
    found.moves[edge.started.state, edge.ended.state] += 1
    found.broken += broken(edge)
