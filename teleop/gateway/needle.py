"""The needle's work at the gateway: checks paths, asks guard, tells all pages where it stands."""

from __future__ import annotations

from safety.needle import GOAL_UNIT_M
from safety.states import EventKind, Source
from teleop.gateway.events import EventSender
from teleop.gateway.hub import Hub
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.gateway.sources import Sources
from teleop.needle.plan import check
from teleop.needle.workflow import Facts, Stage, Workflow
from transport import schema as s
from transport.refusals import Reason
from transport.sessions import Session


class NeedleDesk:
    """The workflow with its messages in and out."""

    def __init__(self, hub: Hub, sources: Sources, events: EventSender, notes: Notes) -> None:
        self._hub = hub
        self._sources = sources
        self._events = events
        self._notes = notes
        self._work = Workflow()
        self._told = 0

    def path(self, page: Page, session: Session, path: s.NeedlePath) -> None:
        """The expert proposes a path: guard hears of it only when every check passes."""
        found = check(path)
        if self._work.propose(path, found):
            arg = round(found.goal_m / GOAL_UNIT_M)
            self._events.send(
                EventKind.NEEDLE_PROPOSE,
                Source.CONSOLE,
                arg,
                session.number,
                lambda: page.refuse(Reason.GUARD_UNREACHABLE, EventKind.NEEDLE_PROPOSE.name),
            )
        self._notes.write(
            "needle_path", refused=str(self._work.refused), depth_um=round(found.depth_m * 1e6)
        )
        self._tell()

    def tip(self, page: Page, session: Session, tip: s.NeedleTip) -> None:
        """The expert marks the tip in the picture."""
        self._work.tip((tip.x_m, tip.z_m))
        self._tell()

    def message(self) -> s.NeedleState:
        """For a page that has just joined."""
        return self._work.message()

    def follow(self, at_ns: int) -> None:
        """Look at the reports (each telemetry period)."""
        report, arm, servo = self._sources.report, self._sources.arm(), self._sources.servo()
        if report is None or arm is None or servo is None or not self._sources.guard_alive(at_ns):
            return
        before = self._work.stage
        self._work.follow(
            Facts(
                now_ns=at_ns,
                instrument=report.instrument,
                plan=report.needle_plan,
                depth_m=arm.needle_depth_m,
                force_n=servo.needle_force_n,
                punctures=servo.punctures,
                attempts=report.needle_attempts,
                turned_rad=servo.needle_pivot_rad,
            )
        )
        if self._work.stage is not before:
            self._notes.write("needle_stage", stage=self._work.stage.name)
            if self._work.stage is Stage.DONE and self._work.report is not None:
                result = self._work.report
                self._notes.write(
                    "needle_report",
                    outcome=result.outcome,
                    error_um=round(result.error_m * 1e6),
                    depth_um=round(result.depth_m * 1e6),
                    peak_force_mn=round(result.peak_force_n * 1e3),
                    punctures=result.punctures,
                    attempts=result.attempts,
                    seconds=round(result.seconds),
                )
        self._tell()

    def _tell(self) -> None:
        """Tell all pages what changed (over the signalling path: a pop is not lost)."""
        if self._work.changes != self._told:
            self._told = self._work.changes
            self._hub.broadcast(self._work.message(), *s.Role)
