"""The pure cores that a recording can be replayed through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from haptics.force_law import ForceOptions
from safety import messages as m
from safety.core import GuardCore
from safety.layout import Layout
from safety.limits import Limits
from safety.states import ArmInterface
from teleop.servo.core import ServoCore
from teleop.servo.laws import law_for


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the processes were started with; recorded as metadata."""

    limits: Limits
    simulated: bool
    display_lag_ms: float
    interface: ArmInterface
    align: bool


class Core(Protocol):
    """What both cores offer."""

    def step(self, inputs: Any) -> Any:
        """Decide one cycle."""

    def restore(self, snapshot: bytes) -> None:
        """Continue from a recorded state."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One process whose every step is recorded."""

    name: str
    topic: str
    snapshots: str
    layout: Layout[Any]
    make: Callable[[SessionFacts, int], Core]
    """A fresh core from the session's facts and the incarnation of its process."""
    pair: Callable[[Any, Any], Any]
    """A step from inputs and outputs."""
    measured: tuple[str, ...] = ()
    """Outputs that the process measures about itself after deciding; not compared."""


def _guard(facts: SessionFacts, _incarnation: int) -> Core:
    return GuardCore(facts.limits, simulated=facts.simulated, display_lag_ms=facts.display_lag_ms)


def _servo(facts: SessionFacts, incarnation: int) -> Core:
    law = law_for(facts.interface, facts.limits, ForceOptions(align=facts.align))
    return ServoCore(facts.limits, incarnation=incarnation, law=law)


LANES: tuple[Lane, ...] = (
    Lane("guard", "guard_step", "guard_snapshot", m.GUARD_STEP, _guard, m.GuardStep),
    Lane("servo", "servo_step", "servo_snapshot", m.SERVO_STEP, _servo, m.ServoStep),
)
