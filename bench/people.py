"""The two pages of the virtual world, and faults of pages and people."""

from __future__ import annotations

from collections.abc import Callable

from safety.frame import SafetyFrame, pack
from safety.messages import GuardReport, ServoReport
from teleop.scripted.console import Console, Presented
from teleop.scripted.hand import Sweep
from teleop.scripted.persons import Act, Expert, Nurse, Plan, Seen

SAMPLE_NS = 5_000_000
"""The page samples and sends at 200 Hz (docs/safety-concept.md)."""
LOOK_NS = 20_000_000
"""How often a scripted person looks at the page."""


def seen_of(report: GuardReport, servo: ServoReport) -> Seen:
    """What a page shows of guard's and servo's reports."""
    return Seen(report.state, report.step, servo.contact, servo.force_filtered_n)


class ConsolePage:
    """The console page with the scripted expert in front of it."""

    def __init__(self, session: int, limits_hash: int, seed: int, plan: Plan) -> None:
        self.expert = Expert(plan)
        self.console = Console(session, limits_hash, self.expert, Sweep(seed))
        self.hung = False
        """The page's main thread hangs: what is sent keeps its old sample and old echo."""
        self.alter: Callable[[SafetyFrame], SafetyFrame] = lambda frame: frame
        """What the hand and the pedal do to a sample (faults of people)."""
        self._mark = -1
        self._sampled: SafetyFrame | None = None

    @property
    def sequence(self) -> int:
        """Sequence number of the newest safety frame."""
        return self.console.sequence

    def present(self, rtp_timestamp: int, now_ns: int, mark: int) -> None:
        """A frame came on screen, with `mark` drawn into it (-1: none)."""
        self._mark = mark
        self.console.present(Presented(rtp_timestamp, now_ns))

    def rendered(self, stamp_us: int, now_ns: int) -> None:
        """A force sample was shown."""
        self.console.telemetry(stamp_us, now_ns)

    def look(self, now_ns: int, seen: Seen) -> tuple[Act, ...]:
        """The expert looks and decides; returns the page events."""
        if self.hung:
            return ()
        return self.console.look(now_ns, seen, self._mark if self._mark >= 0 else None)

    def sample(self, now_ns: int) -> bytes | None:
        """The next safety frame; None before the first heartbeat."""
        if self.hung and self._sampled is not None:
            return self.console.repeat(self._sampled)
        self._sampled = self.console.sample(now_ns)
        return None if self._sampled is None else pack(self.alter(self._sampled))


class BedsidePage:
    """The bedside page with the nurse in front of it."""

    def __init__(self) -> None:
        self.nurse = Nurse()
        self.beat = 0
        self.visible = True
        self.sound = True
        self.alive = True

    def look(self, now_ns: int, seen: Seen) -> list[Act]:
        """The nurse looks at her page and acts."""
        return self.nurse.decide(now_ns, seen) if self.alive else []

    def tick(self, now_ns: int, lateness_ns: int) -> None:
        """The page's heartbeat, 10 Hz."""
        self.beat += self.alive
