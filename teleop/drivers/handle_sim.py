"""Handle `sim`: a simulated person's hand on a simulated handle, along the probe axis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from haptics.bilateral.handle import HandleFacts, HandleState
from haptics.vec import ZERO, Vec
from robot_sim.operator import Hand, Intention, Operator
from teleop.console.messages import PERSON_FILE, SIM_PERSON, SimPerson
from transport.local.mailbox import Mailbox, create

FACTS = HandleFacts("sim", 12.0, 3000.0, 0.15, simulated=True)
STEP_S = 0.001
CATCH_UP_STEPS = 20
STILL = SimPerson(False, 0.0, 0.0)


class SimHandle:
    """The person is told what to do through a mailbox; everything else is mechanics."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PERSON_FILE
        self._person = STILL
        self._operator = Operator(Hand(), Intention(approach_m_s=0.0))
        self._force_n = 0.0
        self._at_ns = 0

    def open(self) -> HandleFacts:
        """Nothing to connect."""
        create(self._path, SIM_PERSON.size)
        self._box = Mailbox(self._path, SIM_PERSON)
        return FACTS

    def read(self, now_ns: int) -> HandleState:
        """Let the hand move up to `now_ns`."""
        newest = self._box.read()
        if newest is not None:
            self._mean(newest[1])
        if self._at_ns == 0:
            self._at_ns = now_ns
        steps = min(CATCH_UP_STEPS, (now_ns - self._at_ns) // round(STEP_S * 1e9))
        for _ in range(steps):
            self._operator.step(self._force_n, STEP_S)
        self._at_ns = max(self._at_ns + steps * round(STEP_S * 1e9), now_ns - 1_000_000)
        hand = self._operator
        return HandleState(
            (0.0, 0.0, hand.p_m), ZERO, (0.0, 0.0, hand.v_m_s), ZERO,
            deadman=self._person.deadman, clutch=False,
        )  # fmt: skip

    def render(self, force_n: Vec, now_ns: int) -> None:
        """Push the hand until the next call."""
        self._force_n = -force_n[2]

    def close(self) -> None:
        """Forces off."""
        self._force_n = 0.0

    def _mean(self, person: SimPerson) -> None:
        if person == self._person:
            return
        self._person = person
        hand = self._operator
        hand.noticed = False
        hand.intention = replace(
            hand.intention, felt_n=person.felt_n, approach_m_s=person.approach_m_s
        )
