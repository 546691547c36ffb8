"""Watches a running system through its mailboxes, on the stamps of its own processes."""

from __future__ import annotations

from pathlib import Path

from bench.faults.run import Seen
from bench.faults.watch import Change
from bench.pages.demo import wait_for
from bench.trace import Trace
from safety.messages import ArmState, GuardReport
from safety.states import State
from teleop import channels
from transport.local import clock
from transport.local.mailbox import Mailbox

PERIOD_NS = 1_000_000


class Sampler:
    """Arm cycles and changes of state; a cycle may be missed, never invented."""

    def __init__(self, run_dir: Path) -> None:
        self._arm: Mailbox[ArmState] = channels.box(run_dir, channels.ARM_STATE)
        self._guard: Mailbox[GuardReport] = channels.box(run_dir, channels.GUARD_REPORT)
        self.trace = Trace()
        self.changes: list[Change] = []
        self.age_ms: list[tuple[int, float]] = []
        """(guard's stamp, age of the command in use)."""
        self._state: State | None = None
        self._arm_ns = self._guard_ns = 0
        self.report = self._newest()

    def _newest(self) -> GuardReport:
        item: tuple[int, GuardReport] = wait_for("guard reports", self._guard.read)
        return item[1]

    def forget(self) -> None:
        """Begin anew."""
        self.trace, self.changes, self.age_ms = Trace(), [], []
        self._state = None

    def run_for(self, seconds: float) -> None:
        """Look every millisecond."""
        end_ns = clock.now_ns() + round(seconds * 1e9)
        while (now_ns := clock.now_ns()) < end_ns:
            self.look()
            clock.sleep_until(now_ns + PERIOD_NS)

    def look(self) -> None:
        """Take what is new."""
        found = self._guard.read()
        if found is not None and found[1].stamp_ns != self._guard_ns:
            self._note(found[1])
        arm = self._arm.read()
        if arm is not None and arm[1].stamp_ns != self._arm_ns:
            self._arm_ns = arm[1].stamp_ns
            self.trace.add(self._arm_ns, arm[1], self.report)

    def _note(self, report: GuardReport) -> None:
        self._guard_ns, self.report = report.stamp_ns, report
        self.age_ms.append((report.stamp_ns, report.age_ms))
        if self._state is not None and report.state != self._state:
            change = Change(report.since_ns, self._state, report.state, report.first_out)
            self.changes.append(change)
        self._state = report.state

    def seen(self) -> Seen:
        """What was seen since the beginning."""
        end_ns = self.trace.rows[-1].now_ns if self.trace.rows else clock.now_ns()
        return Seen(self.trace.rows, self.changes, self.report.state, self.report.first_out,
                    end_ns, {}, len(self.age_ms))  # fmt: skip
