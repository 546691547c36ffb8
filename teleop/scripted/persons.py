"""What the scripted expert and nurse decide, as pure functions of what their pages show.

Both follow the next step that guard names (`safety.states.Step`), with a human's reaction time.
Neither keeps a safety rule of its own: whatever they do, guard and servo decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from safety.states import ContactState, EventKind, Instrument, State, Step

REACTION_NS = 300_000_000
"""A person's reaction to what a page shows."""
RETRY_NS = 1_000_000_000
"""After this long without effect a person tries again."""
ENGAGED = (State.ACTIVE, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows to a person."""

    state: State
    step: Step
    contact: ContactState
    force_n: float


@dataclass(frozen=True, slots=True)
class Act:
    """An event that a person causes; `key` is a key at the bedside (empty: a page event)."""

    kind: EventKind
    arg: int = 0
    key: bytes = b""


class _Habit:
    """Acts on a step after the reaction time, and again when nothing came of it."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._since_ns: int | None = None
        self._next_ns = 0

    def due(self, now_ns: int, step: Step) -> bool:
        """True when the person acts now."""
        if step != self.step:
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = now_ns
            self._next_ns = now_ns + REACTION_NS
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + RETRY_NS
        return True


class Nurse:
    """Tests the stop, declares the probe, allows motion when asked."""

    _ACTS = (
        (Step.TEST_STOP, Act(EventKind.STOP, 1, b"s")),
        (Step.DECLARE_INSTRUMENT, Act(EventKind.DECLARE_INSTRUMENT, int(Instrument.PROBE))),
        (Step.ALLOW_MOTION, Act(EventKind.ALLOW_MOTION)),
        (Step.LEAVE_LOCAL, Act(EventKind.LOCAL_EXIT)),
    )

    def __init__(self) -> None:
        self._habits = [(_Habit(step), act) for step, act in self._ACTS]
        self.willing = True
        """False: she no longer allows motion (tests use it)."""

    def decide(self, now_ns: int, seen: Seen) -> list[Act]:
        """Return what she does now."""
        due = [act for habit, act in self._habits if habit.due(now_ns, seen.step)]
        return [act for act in due if self.willing or act.kind != EventKind.ALLOW_MOTION]


class Phase(IntEnum):
    """Parts of a scripted scan."""

    WAIT = 0
    LAND = 1
    SCAN = 2
    LIFT = 3
    DONE = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What the expert means to do."""

    force_ref_n: float = 5.0
    settle_ns: int = 2_000_000_000
    """In PRESS before the scan begins."""
    off_ns: int = 500_000_000
    """Off the skin before the deadman is released at the end."""


@dataclass(frozen=True, slots=True)
class Control:
    """What the expert's hands do now."""

    deadman: bool
    force_ref_n: float
    moving: bool
    """The scan goes on; otherwise the hand rests."""
    acts: tuple[Act, ...]


class Expert:
    """Answers the mark, holds the deadman, lands, scans, lifts, lets go."""

    def __init__(self, plan: Plan = Plan()) -> None:
        self.plan = plan
        self.phase = Phase.WAIT
        self.deadman = False
        self.engagements = 0
        self.acknowledged = 0
        self.willing = True
        """False: lets go of the deadman and does not press it again (tests use it)."""
        self._press = _Habit(Step.HOLD_DEADMAN)
        self._acknowledge = _Habit(Step.ACKNOWLEDGE)
        self._mark = _Habit(Step.READ_MARK)
        self._not_engaged_ns: int | None = None
        self._since_ns: int | None = None
        self._engaged = False

    def decide(self, now_ns: int, seen: Seen, mark: int | None, finish: bool) -> Control:
        """Return what the expert does now.

        `mark` is the number in the picture (None: none read); `finish`: time to end the scan.
        """
        engaged = seen.state in ENGAGED
        self.engagements += engaged and not self._engaged
        self._engaged = engaged
        self._decide_deadman(now_ns, seen, engaged)
        self._decide_phase(now_ns, seen, engaged and self.deadman, finish)
        moving = self.phase == Phase.SCAN and engaged and self.deadman
        lifting = self.phase in (Phase.LIFT, Phase.DONE)
        force = 0.0 if lifting else self.plan.force_ref_n
        return Control(self.deadman, force, moving, self._answers(now_ns, seen, mark))

    def _answers(self, now_ns: int, seen: Seen, mark: int | None) -> tuple[Act, ...]:
        acts: list[Act] = []
        if self._acknowledge.due(now_ns, seen.step):
            self.acknowledged += 1
            acts.append(Act(EventKind.ACKNOWLEDGE))
        if self._mark.due(now_ns, Step.NONE if mark is None else seen.step) and mark is not None:
            acts.append(Act(EventKind.MARK_ANSWER, mark))
        return tuple(acts)

    def _decide_deadman(self, now_ns: int, seen: Seen, engaged: bool) -> None:
        if self.phase == Phase.DONE or not self.willing:
            self.deadman = False
        elif not self.deadman:
            self.deadman = self._press.due(now_ns, seen.step)
            self._not_engaged_ns = now_ns
        elif engaged:
            self._not_engaged_ns = None
        else:
            self._let_go_when_refused(now_ns, seen)

    def _let_go_when_refused(self, now_ns: int, seen: Seen) -> None:
        """A short hold may resume by itself; after a reaction time a person lets go."""
        if self._not_engaged_ns is None:
            self._not_engaged_ns = now_ns
        patience = RETRY_NS if seen.step == Step.HOLD_DEADMAN else REACTION_NS
        if now_ns - self._not_engaged_ns > patience:
            self.deadman = False

    def _decide_phase(self, now_ns: int, seen: Seen, driving: bool, finish: bool) -> None:
        if not driving:
            self._since_ns = None
            return
        if self.phase == Phase.WAIT:
            self.phase = Phase.LAND
        landed = self.phase == Phase.LAND and seen.contact == ContactState.PRESS
        if landed and self._held_for(now_ns, self.plan.settle_ns):
            self._enter(Phase.SCAN)
        elif self.phase in (Phase.LAND, Phase.SCAN) and finish:
            self._enter(Phase.LIFT)
        elif self.phase == Phase.LIFT:
            self._lift(now_ns, seen)
        elif not landed:
            self._since_ns = None

    def _lift(self, now_ns: int, seen: Seen) -> None:
        if seen.contact != ContactState.FREE or seen.force_n > 1.0:
            self._since_ns = None
        elif self._held_for(now_ns, self.plan.off_ns):
            self._enter(Phase.DONE)
            self.deadman = False

    def _held_for(self, now_ns: int, duration_ns: int) -> bool:
        if self._since_ns is None:
            self._since_ns = now_ns
        return now_ns - self._since_ns >= duration_ns

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since_ns = None
