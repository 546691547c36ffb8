"""Runs cases in processes, some side by side, and stores each result at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.kit.bench import Bench
from bench.kit.model import Case, CaseResult
from bench.kit.store import RunFolder
from transport.local.clock import now_ns, sleep_until

POLL_NS = 50_000_000
PATIENCE = 6.0
"""A case may take this many times its expected duration, and PATIENCE_S more."""
PATIENCE_S = 120.0
LEAVE_S = {signal.SIGTERM: 30.0, signal.SIGKILL: 3.0}
"""A case that is told to leave ends what it has started first (`bench/kit/child.py`)."""


@dataclass(slots=True)
class _Job:
    """A case at work."""

    case: Case
    process: subprocess.Popen[bytes]
    until_ns: int


class Runner:
    """Works through cases. `on_done` hears each result, `on_tick` is called while waiting."""

    def __init__(
        self,
        bench: Bench,
        folder: RunFolder,
        jobs: int,
        on_start: Callable[[Case], None],
        on_done: Callable[[CaseResult], None],
        on_tick: Callable[[], None],
    ) -> None:
        self._bench, self._folder, self._most = bench, folder, max(1, jobs)
        self._on_start, self._on_done, self._on_tick = on_start, on_done, on_tick
        self._running: list[_Job] = []
        self._work = Path(tempfile.mkdtemp(prefix="teleop-bench-"))

    def run(self, cases: Iterable[Case]) -> None:
        """Measure all cases; on Ctrl-C those at work are ended and the rest is left."""
        todo = deque(cases)
        try:
            while todo or self._running:
                while todo and self._may_start(todo[0]):
                    self._start(todo.popleft())
                sleep_until(now_ns() + POLL_NS)
                self._collect()
                self._on_tick()
        finally:
            for job in self._running:
                _end(job.process)
            for file in self._work.iterdir():
                file.unlink()
            self._work.rmdir()

    def _may_start(self, case: Case) -> bool:
        """A case of real time runs alone."""
        if not self._running:
            return True
        alone = case.exclusive or any(job.case.exclusive for job in self._running)
        return not alone and len(self._running) < self._most

    def _start(self, case: Case) -> None:
        self._on_start(case)
        request = self._work / f"{self._folder.case_file(case.key).stem}.case"
        request.write_bytes(msgspec.json.encode(case))
        result = self._folder.case_file(case.key)
        result.unlink(missing_ok=True)
        command = [sys.executable, "-m", "bench.kit.child", self._bench.module]
        log = (self._work / f"{result.stem}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [*command, str(request), str(result)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        patience_s = PATIENCE * case.expected_s + PATIENCE_S
        self._running.append(_Job(case, process, now_ns() + round(patience_s * 1e9)))

    def _collect(self) -> None:
        for job in list(self._running):
            late = now_ns() > job.until_ns
            if job.process.poll() is None and not late:
                continue
            self._running.remove(job)
            _end(job.process)
            result = self._folder.get_case(job.case.key)
            if result is None:
                result = CaseResult(job.case, error=self._why(job, late))
            if result.error:
                error = f"{self._tail(job.case)}\n{result.error}".strip()
                result = msgspec.structs.replace(result, error=error)
            self._folder.put_case(result)
            self._on_done(result)

    def _why(self, job: _Job, late: bool) -> str:
        how = "took too long" if late else f"ended with {job.process.returncode}"
        return f"the process of this case {how}"

    def _tail(self, case: Case) -> str:
        """Last words of the processes of a case."""
        stem = self._folder.case_file(case.key).stem
        return (self._work / f"{stem}.log").read_text("utf-8", "replace")[-2000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a case's process and everything it started (its own session)."""
    for number, patience_s in LEAVE_S.items():
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:  # all of them have left
            break
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:  # the next signal cannot be refused
            continue
    process.wait()
