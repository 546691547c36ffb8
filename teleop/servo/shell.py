"""The servo loop: read arm and permit, step, write command, report and log. Nothing else.

No thread, no event loop, no socket; after the start no file but shared memory.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safety.limits import Limits
from safety.messages import (
    SERVO_REPORT,
    SERVO_STEP,
    ArmState,
    Permit,
    ServoInputs,
    ServoStep,
)
from safety.states import ArmInterface
from teleop import channels
from teleop.drivers.arm import Arm, brakes
from teleop.servo.core import ServoCore
from teleop.servo.health import NO_ARM, NO_PERMIT
from teleop.servo.law import MotionLaw
from transport.local.clock import now_ns
from transport.local.life import Life
from transport.local.loop import Cycle
from transport.local.realtime import RealTime
from transport.local.timing import TimingTeller

SNAPSHOT_NS = 1_000_000_000
LEAVE_NS = 1_000_000_000
"""Longest wait for standstill when leaving; the box brakes in any case when we are silent."""
REST_M_S = 0.002


class ServoShell:
    """Channels and arm around a `ServoCore`."""

    def __init__(self, run_dir: Path, arm: Arm, limits: Limits, law: MotionLaw) -> None:
        self._run_dir = run_dir
        self._arm = arm
        self._core = ServoCore(limits, incarnation=now_ns(), law=law)
        self._permits = channels.box(run_dir, channels.PERMIT)
        self._reports = channels.raw_box(run_dir, channels.SERVO_REPORT)
        self._log = channels.ring_writer(run_dir, channels.SERVO_LOG)
        self._snapshots = channels.ring_writer(run_dir, channels.SERVO_SNAPSHOT)
        self._notes = channels.ring_writer(run_dir, channels.NOTES["servo"])
        self._snapshot_due_ns = 0
        self._compute_us = 0.0
        self._told: Exception | None = None
        self._heard_arm: tuple[int, ArmState] = (0, NO_ARM)
        self._heard_permit: tuple[int, Permit] = (0, NO_PERMIT)

    def run(self, cycle: Cycle, life: Life, granted: RealTime) -> None:
        """Step until told to leave; then come to rest without a permit, brake, and leave."""
        self.note(kind="started", **asdict(granted))
        timing = TimingTeller(self._run_dir / channels.TIMING["servo"].name, granted)
        while not life.leaving():
            timing.tell(cycle.wait(), cycle)
            self.cycle(cycle, obey=True)
        until_ns = now_ns() + LEAVE_NS
        while not self._at_rest() and now_ns() < until_ns:
            cycle.wait()
            self.cycle(cycle, obey=False)
        self._arm.servo_jv(brakes(now_ns()))
        self.note(kind="left", overruns=cycle.overruns, collections=timing.collected())

    def cycle(self, cycle: Cycle, *, obey: bool) -> None:
        """Run one cycle. `obey` False: as if guard were silent."""
        # A read can fail when the writer laps it; the last value then ages, as any silence does.
        self._heard_arm = arm = self._arm.receive() or self._heard_arm
        self._heard_permit = self._permits.read() or self._heard_permit
        permit = self._heard_permit if obey else (0, NO_PERMIT)
        # Time is taken after reading: preempted in between, a fresh permit must not look as if it
        # came from the future.
        now = now_ns()
        inputs = ServoInputs(
            now_ns=now,
            lateness_us=cycle.lateness_ns / 1e3,
            arm_seq=arm[0],
            arm=arm[1],
            permit_seq=permit[0],
            permit=permit[1],
        )
        outputs = self._core.step(inputs)
        if outputs.command.interface is ArmInterface.TORQUE:
            self._arm.servo_jf(outputs.command)
        else:
            self._arm.servo_jv(outputs.command)
        report = SERVO_REPORT.pack_with(
            outputs.report, compute_us=self._compute_us, overruns=cycle.overruns
        )
        self._reports.write(report)
        self._log.write(SERVO_STEP.pack(ServoStep(inputs, outputs)))
        if now >= self._snapshot_due_ns:
            self._snapshot(now)
        if self._core.error is not self._told:
            self._tell_error()
        self._compute_us = (now_ns() - now) / 1e3

    def note(self, **content: object) -> None:
        """Tell the recording."""
        text = json.dumps(content).encode()[: channels.LOG_BYTES - 8]
        self._notes.write(now_ns().to_bytes(8, "little", signed=True) + text)

    def _snapshot(self, now: int) -> None:
        """State after the step at `now`, so that replay can begin with the next one."""
        self._snapshots.write(now.to_bytes(8, "little", signed=True) + self._core.snapshot())
        self._snapshot_due_ns = now + SNAPSHOT_NS

    def _tell_error(self) -> None:
        self._told = self._core.error
        self.note(kind="error", error=f"{type(self._told).__name__}: {self._told}")

    def _at_rest(self) -> bool:
        """Braked, or slower than standstill; an arm that is not heard counts as at rest (NaN)."""
        arm = self._heard_arm[1]
        return arm.braked or not max(map(abs, arm.base_v_probe_m_s)) > REST_M_S
