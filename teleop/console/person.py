"""The simulated person of `teleop console --handle sim --auto SECONDS`.

Reads the page and the mark in the picture as the scripted expert does; the hand goes down, touches
and holds by what it feels.
"""

from __future__ import annotations

from teleop.console.messages import SimPerson
from teleop.scripted.persons import Act, Expert, Phase, Seen

FELT_N = 2.0
"""Force to be felt: 4 N on the patient at half scale."""
DOWN_M_S = 0.03
"""Grip's approach: 15 mm/s of the probe at half scale."""
UP_M_S = -0.05
STILL = SimPerson(False, 0.0, 0.0)
WORKING = (Phase.LAND, Phase.SCAN)


class Person:
    """Decides what hand and fingers do."""

    def __init__(self) -> None:
        self.expert = Expert()
        self.finish = False
        self.done_s = 0.0
        """When the hand let go for good, in seconds of the session."""

    def look(self, now_ns: int, seen: Seen, mark: int | None) -> tuple[SimPerson, tuple[Act, ...]]:
        """What the hand means to do now, and which events the person causes."""
        control = self.expert.decide(now_ns, seen, mark, self.finish)
        if not control.deadman:
            return STILL, control.acts
        if self.expert.phase in WORKING:
            return SimPerson(True, FELT_N, DOWN_M_S), control.acts
        leaving = self.expert.phase is Phase.LIFT
        return SimPerson(True, 0.0, UP_M_S if leaving else 0.0), control.acts

    def let_go(self) -> SimPerson:
        """The window went blind."""
        self.expert.deadman = False
        return STILL
