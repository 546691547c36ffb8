"""The guard loop: collect, decide, write permit, enable and report, log. Never waits."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from safety import messages as m
from safety.core import GuardCore
from safety.enable import answer
from safety.states import EventKind, PermitKind, Source
from teleop import channels
from teleop.guard.epoch_store import EpochStore
from teleop.guard.inputs import Collector
from teleop.guard.life import GuardLife
from transport.local.clock import now_ns
from transport.local.loop import Cycle
from transport.local.realtime import RealTime
from transport.local.timing import TimingTeller

SNAPSHOT_NS = 1_000_000_000
TOLD_NS = 300_000_000
"""After SIGTERM: longest wait for standstill (the supervisor stopped motion before)."""
ORPHAN_NS = 2_000_000_000
"""Without a supervisor: longest stay, so that nothing of a session is left behind."""
ORPHAN_REST_NS = 500_000_000
"""Without a supervisor, at rest: time for servo and arm to leave first."""


class GuardShell:
    """Channels around a `GuardCore`."""

    def __init__(
        self, run_dir: Path, core: GuardCore, collector: Collector, store: EpochStore
    ) -> None:
        self._run_dir = run_dir
        self._core = core
        self._collector = collector
        self._store = store
        self._permits = channels.box(run_dir, channels.PERMIT)
        self._enables = channels.box(run_dir, channels.ARM_ENABLE)
        self._reports = channels.raw_box(run_dir, channels.GUARD_REPORT)
        self._log = channels.ring_writer(run_dir, channels.GUARD_LOG)
        self._snapshots = channels.ring_writer(run_dir, channels.GUARD_SNAPSHOT)
        self._notes = channels.ring_writer(run_dir, channels.NOTES["guard"])
        self._snapshot_due_ns = 0
        self._compute_us = 0.0
        self._told = ""
        self._ending_ns = 0
        self._out: m.GuardOutputs | None = None

    def run(self, cycle: Cycle, life: GuardLife, granted: RealTime) -> None:
        """Step until the end, then leave the arm without power and without a permit."""
        self.note(kind="started", **asdict(granted))
        timing = TimingTeller(self._run_dir / channels.TIMING["guard"].name, granted)
        while not self._over(life):
            now = cycle.wait()
            timing.tell(now, cycle)
            life.look()
            self.cycle(now, cycle, supervisor=not life.orphaned)
        self._last_words()
        refused, collected = self._collector.events.refused, timing.collected()
        self.note(kind="left", overruns=cycle.overruns, refused=refused, collections=collected)

    def cycle(self, now: int, cycle: Cycle, *, supervisor: bool) -> m.GuardOutputs:
        """One step at `now` (ns)."""
        inputs = self._collector.collect(now, cycle.lateness_ns / 1e3, supervisor)
        out = self._core.step(inputs)
        self._permits.write(out.permit)
        self._enables.write(out.enable)
        self._store.want(out.epoch_wanted)
        report = m.GUARD_REPORT.pack_with(
            out.report, compute_us=self._compute_us, overruns=cycle.overruns
        )
        self._reports.write(report)
        self._log.write(m.GUARD_STEP.pack(m.GuardStep(inputs, out)))
        if now >= self._snapshot_due_ns:
            # The state after the step at `now`: replay begins with the next one.
            self._snapshots.write(now.to_bytes(8, "little", signed=True) + self._core.snapshot())
            self._snapshot_due_ns = now + SNAPSHOT_NS
        self._tell_errors()
        self._out = out
        self._compute_us = (now_ns() - now) / 1e3
        return out

    def _over(self, life: GuardLife) -> bool:
        """True when guard may leave: told or orphaned, and the arm rests (or is gone)."""
        if not (life.told or life.orphaned):
            return False
        now = now_ns()
        if not self._ending_ns:
            self._ending_ns = now
            self._collector.own_event(EventKind.SHUTDOWN, Source.SUPERVISOR, 0, now)
            return False
        waited = now - self._ending_ns
        rest = self._out is not None and (self._out.report.at_rest or not self._out.report.powered)
        if life.told:
            return rest or waited > TOLD_NS
        return (rest and waited > ORPHAN_REST_NS) or waited > ORPHAN_NS

    def _last_words(self) -> None:
        """No permit, brakes, power off."""
        now = now_ns()
        challenge = self._collector.arm.value.challenge
        self._enables.write(
            m.EnableSignal(now, answer(challenge), power=False, brake=True, zero_serial=0)
        )
        if self._out is not None:
            last = replace(self._out.permit, kind=PermitKind.NONE, issued_ns=now, valid_until_ns=0)
            self._permits.write(last)

    def note(self, **content: object) -> None:
        """Tell the recording."""
        text = json.dumps(content).encode()[: channels.LOG_BYTES - 8]
        self._notes.write(now_ns().to_bytes(8, "little", signed=True) + text)

    def _tell_errors(self) -> None:
        error = self._core.error or self._store.error
        if error != self._told:
            self._told = error
            self.note(kind="error", error=error)
