"""The scripted expert and nurse of `teleop demo --auto`, run as one more child."""

from __future__ import annotations

import signal
from pathlib import Path

from teleop.processes import ProcessSpec
from teleop.supervisor.child import Child, exit_text
from teleop.supervisor.errors import ProcessError
from teleop.supervisor.watch import Supervisor
from transport.local.clock import now_ns

SPEC = ProcessSpec("scripted", "teleop.scripted", 0, 0, False, False)
BEDSIDE_SOCKET = "bedside.sock"
RESULT = "auto.json"
SETTLE_NS = 180_000_000_000
"""Longest time beside the scan itself: joining, qualification, stops that people must leave."""
EXIT_USAGE = 2
LEAVE_NS = 2_000_000_000


class Script:
    """The running script."""

    def __init__(
        self,
        run_dir: Path,
        supervisor: Supervisor,
        seconds: float,
        trajectory: Path | None,
        log_folder: Path,
    ) -> None:
        """`log_folder`: where the expert's site keeps its audit log."""
        extra = ["--audit", str(log_folder)]
        extra += ["--seconds", f"{seconds:g}", "--result", str(run_dir / RESULT)]
        if trajectory is not None:
            extra += ["--trajectory", str(trajectory.absolute())]
        self._supervisor = supervisor
        self._child = Child(SPEC, run_dir, supervisor.life_fd, tuple(extra))
        self._end_ns = now_ns() + round(seconds * 1e9) + SETTLE_NS

    def running(self) -> bool:
        """Still at work; ProcessError when it takes far too long."""
        if self._child.alive and now_ns() > self._end_ns:
            tail = self._child.tail()
            self.end()
            raise ProcessError(f"The scripted session does not come to an end:\n{tail}")
        return self._child.alive

    @property
    def refused(self) -> bool:
        """It ended because of what it was asked to do (a bad trajectory), not by a failure."""
        return self._child.poll() == EXIT_USAGE

    def end(self) -> tuple[str, str]:
        """Make it leave; return how it ended and its last lines."""
        if self._child.alive:
            self._child.send(signal.SIGTERM)
        limit_ns = now_ns() + LEAVE_NS
        while self._child.alive and now_ns() < limit_ns:
            self._supervisor.wait((), 0.02)
        if self._child.alive:
            self._child.send(signal.SIGKILL)
        while self._child.alive:
            self._supervisor.wait((), 0.02)
        code = self._child.poll()
        return exit_text(code if code is not None else 0), self._child.tail()
