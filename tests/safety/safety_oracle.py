"""What the safety concept promises, once more and much simpler: the oracle of `test_oracle.py`.

Written from docs/safety-concept.md and docs/state-machine.md. It knows no causes, no masks and no
timers of the code: faults have a grade, people do things, and a state follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SETUP, ARMED, MOVING, HOLD, LOCAL, SAFE_STOP, FAULT, ESTOP = (
    "SETUP", "ARMED", "MOVING", "HOLD", "LOCAL", "SAFE_STOP", "FAULT", "ESTOP",
)  # fmt: skip
RANK = {SETUP: 0, ARMED: 0, MOVING: 0, LOCAL: 0, HOLD: 2, SAFE_STOP: 3, FAULT: 4, ESTOP: 5}
LATCHED = (SAFE_STOP, FAULT, ESTOP)
BEDSIDE_FAULTS = {"hidden", "silent", "input"}
"""They end hand guiding, too: the person at the arm has no alarm or no stop."""
GRADE = {
    **dict.fromkeys(("link", "picture", "closed", *BEDSIDE_FAULTS), HOLD),
    **dict.fromkeys(("sensor", "servo"), SAFE_STOP),
    "force": SAFE_STOP,
    "arm": FAULT,
}
ONLY_WITH_POWERED_ARM = ("sensor", "servo", "arm")
"""In set-up they only mean that set-up starts over."""
SEEN_THROUGH_ARM = {"force", "sensor"}


@dataclass
class Oracle:
    """Predicts the state after each thing that happens."""

    state: str = ARMED
    faults: set[str] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    """Stop-grade news of this stop that were seen; a new one asks for a new acknowledgement."""
    only_released: bool = False
    """HOLD because the expert let go, and nothing else."""
    acknowledged: bool = False
    from_latched: bool = False
    """LOCAL was taken from a stop."""
    mark: bool = True
    clean_s: float = 10.0
    deadman: bool = False
    powered_off: bool = False
    """After a power cut the stop test and the instrument are asked for again (not played here)."""

    def cause(self, name: str, grade: str) -> None:
        """Something of `grade` is seen."""
        if self.state in LATCHED:
            if RANK[grade] >= RANK[SAFE_STOP] and self.state != ESTOP and name not in self.noted:
                self.acknowledged = False
                self.noted.add(name)
            if RANK[grade] > RANK[self.state]:
                self._stop(name, grade)
        elif self.state == LOCAL and grade == HOLD:
            if name in BEDSIDE_FAULTS:
                self.state = SAFE_STOP if self.from_latched else HOLD
                self.only_released = False
        elif self.state == SETUP and (grade == HOLD or name in ONLY_WITH_POWERED_ARM):
            return
        elif self.state == ARMED and grade == HOLD:
            self.state = SETUP  # the probe is off the skin
        elif grade == HOLD:
            self.state, self.only_released = HOLD, False
        else:
            self._stop(name, grade)

    def _stop(self, name: str, grade: str) -> None:
        again = self.state in LATCHED or (self.state == LOCAL and self.from_latched)
        self.noted = (self.noted if again else set()) | {name}
        # Brakes that nobody saw close are no brakes: power goes, too.
        unseen = name == "arm" and self.state not in LATCHED
        self.powered_off = self.powered_off or grade == ESTOP or unseen
        self.state, self.acknowledged = grade, False

    def settle(self, seconds: float) -> None:
        """Time passes; the faults that are present act, the worst first.

        The arm carries the force readings: while it is silent, nobody learns of a wrong force.
        """
        hidden = SEEN_THROUGH_ARM if "arm" in self.faults else set()
        for name in sorted(self.faults - hidden, key=lambda n: -RANK[GRADE[n]]):
            self.cause(name, GRADE[name])
        if self.faults & {"picture", "closed"} and self.state != MOVING:
            self.mark = False
        self.clean_s = (
            0.0 if self.faults & {"link", "picture", "closed"} else self.clean_s + seconds
        )

    def press(self) -> None:
        """A fresh edge of the expert's deadman."""
        fresh, self.deadman = not self.deadman, True
        waiting = self.state == ARMED or (self.state == HOLD and self.only_released)
        if fresh and waiting and not self.faults:
            self.state, self.only_released = MOVING, False

    def release(self) -> None:
        """The expert lets go."""
        self.deadman = False
        if self.state == MOVING:
            self.state, self.only_released = HOLD, True

    def acknowledge(self) -> None:
        """The console read the first cause."""
        self.acknowledged = self.acknowledged or self.state in LATCHED

    def allow(self) -> None:
        """The bedside presses "allow motion"."""
        if self.state == ESTOP or (self.state == FAULT and self.powered_off):
            if self.acknowledged and not self.faults & {"arm"}:
                self.state = SAFE_STOP
            return
        ready = (
            not self.faults and self.mark and self.clean_s > 0.5 and not self.deadman
            and not self.powered_off
        )  # fmt: skip
        stopped = self.state == HOLD and not self.only_released
        latched = self.state in LATCHED and self.acknowledged
        if ready and (self.state == SETUP or stopped or latched):
            self.state, self.noted = ARMED, set()

    def take_arm(self) -> None:
        """The bedside wants to guide the arm by hand."""
        if self.state == MOVING:
            self.state, self.only_released = HOLD, False
        elif self.state not in (LOCAL, ESTOP, FAULT):
            barred = {n for n in self.faults if n in BEDSIDE_FAULTS or GRADE[n] != HOLD}
            if not barred:
                self.from_latched, self.state = self.state == SAFE_STOP, LOCAL

    def give_arm(self) -> None:
        """The bedside gives the arm back."""
        if self.state == LOCAL:
            self.state = SAFE_STOP if self.from_latched else SETUP
