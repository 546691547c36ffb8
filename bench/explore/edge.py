"""One edge: the real state machine, and the real bookkeeping after it, for one path of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from bench.explore.choices import Chooser, Lazy, LazyMask, MaskSet
from bench.explore.inputs import STEPS_NS, TIMED, TIMELESS_STEPS_NS, S
from bench.explore.node import Node, aged, settled
from safety.follow import follow
from safety.limits import Limits
from safety.machine import Facts, Machine, step
from safety.memory import Memory
from safety.messages import GUARD_STEP
from safety.report import resumable
from safety.states import Cause, State
from safety.transitions import LATCHED, SHORT_MASK, mask

NOW_NS = 10_000 * S
_EPOCH = 1 << 32
_INPUTS = replace(GUARD_STEP.unpack(bytes(GUARD_STEP.size)).inputs, now_ns=NOW_NS)
_RESUMABLE = SHORT_MASK | mask(Cause.OPERATOR_RELEASE)


class LazyFacts(Lazy):
    """`safety.machine.Facts`, decided while the machine reads them."""

    @property
    def allow(self) -> bool:
        """As `safety.assess.facts`: a press counts unless HOLD only waits for the deadman."""
        return bool(self.pressed) and not self.waiting


@dataclass(frozen=True, slots=True)
class Edge:
    """What one step did, for the invariants."""

    before: Node
    started: Machine
    """The machine of `before` on the clock."""
    after: Node
    ended: Machine
    """The machine after the step, on the clock."""
    causes: tuple[int, ...]
    """Every set of causes for which this is what happens."""
    acknowledge: bool
    pressed: bool
    epoch_rose: bool
    power_ordered: bool
    stands_for: int
    """Full inputs that this edge represents."""


_MEMORY = Memory()
"""Used again for each edge: what `follow` decides depends on the parts set below alone."""


def _memory(node: Node, machine: Machine) -> Memory:
    """The parts of memory that `follow` works on, as they are in `node`."""
    m = _MEMORY
    m.machine = machine
    m.epoch.value = m.epoch.durable = _EPOCH
    m.arm.lost = False
    m.consent.given_ns = NOW_NS if node.consent else 0
    m.power.cut, m.power.ordered = node.cut, not node.cut
    return m


@dataclass(frozen=True, slots=True)
class World:
    """What may happen in a step."""

    domains: dict[str, Sequence[object]]
    causes: MaskSet
    limits: Limits


def walk(node: Node, chooser: Chooser, world: World) -> Edge:
    """Take one step from `node`; `chooser` decides what the code asks for."""
    steps_ns = STEPS_NS if node.machine.state in TIMED else TIMELESS_STEPS_NS
    elapsed_ns = chooser.pick("elapsed", steps_ns)
    causes = LazyMask(chooser, world.causes)
    started = aged(node, elapsed_ns, NOW_NS)
    memory = _memory(node, started)
    known = {
        "now_ns": NOW_NS,
        "causes": causes,
        "consent": node.consent,
        "power_cut": node.cut,
        "waiting": resumable(memory),
    }
    facts = LazyFacts(chooser, world.domains, known)
    memory.machine = ended = step(started, cast(Facts, facts), world.limits)
    press = facts.allow if ended.state == State.ARMED else False
    follow(memory, _INPUTS, started, cast(int, causes), press, False, world.limits)
    acknowledge, pressed = facts.read("acknowledge", False), facts.read("pressed", False)
    return Edge(
        before=node,
        started=started,
        after=_next(node, memory, acknowledge, pressed),
        ended=ended,
        causes=causes.left,
        acknowledge=acknowledge,
        pressed=pressed,
        epoch_rose=memory.epoch.value > _EPOCH,
        power_ordered=memory.power.ordered,
        stands_for=facts.stands_for() * len(causes.left),
    )


def _next(node: Node, m: Memory, acknowledge: bool, pressed: bool) -> Node:
    """The next node; who confirmed what is noted here, apart from the machine's own memory."""
    was, state = node.machine, m.machine.state
    stopped = state in LATCHED and was.state not in (*LATCHED, State.LOCAL)
    news = m.machine.latched & ~was.latched
    acknowledged = node.acknowledged or (acknowledge and was.state in LATCHED)
    serious = state in LATCHED or (state == State.HOLD and bool(news & ~_RESUMABLE))
    return Node(
        machine=settled(m.machine, NOW_NS),
        consent=m.consent.given_ns > 0,
        cut=m.power.cut,
        acknowledged=acknowledged and not stopped and not (news and state in LATCHED),
        allowed=not stopped and (node.allowed or pressed),
        needs_press=serious or (node.needs_press and not pressed),
    )
