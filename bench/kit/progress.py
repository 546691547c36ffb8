"""Progress with the time that is left: one bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from bench.kit.model import Case, CaseResult
from transport.local.clock import now_ns


def minutes(seconds: float) -> str:
    """`m:ss`."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class Remaining:
    """Estimates the time that is left from expected durations, corrected by those seen."""

    def __init__(self, cases: list[Case], jobs: int = 1) -> None:
        self._jobs = max(1, jobs)
        self._left = {case.key: case for case in cases}
        self._expected_s = self._taken_s = 0.0

    def done(self, result: CaseResult) -> None:
        """Take a finished case in."""
        case = self._left.pop(result.case.key, None)
        if case is not None and not result.skipped:
            self._expected_s += case.expected_s
            self._taken_s += result.wall_s

    def seconds(self) -> float:
        """Time that is left, s."""
        factor = self._taken_s / self._expected_s if self._expected_s > 0 else 1.0
        alone = sum(case.expected_s for case in self._left.values() if case.exclusive)
        shared = sum(case.expected_s for case in self._left.values() if not case.exclusive)
        return factor * (alone + shared / self._jobs)


def outcome(result: CaseResult) -> str:
    """One word and its reason."""
    if result.error:
        return f"✗ failed: {result.error.strip().splitlines()[-1]}"
    if result.skipped:
        return f"- left out: {result.skipped}"
    return "✓"


class View:
    """Tells people how far a run is (on the error output, so that --json stays clean)."""

    def __init__(self, cases: list[Case], jobs: int) -> None:
        self._remaining = Remaining(cases, jobs)
        self._total, self._count = len(cases), 0
        self.console = Console(
            stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._bar: Progress | None = None
        self._started_ns = now_ns()
        if sys.stderr.isatty():
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()

    def start(self, case: Case) -> None:
        """A case begins."""
        self._shown = case.title
        if self._bar is None:
            left = minutes(self._remaining.seconds())
            self.console.print(f"[{self._count + 1}/{self._total}] {case.title}, "
                               f"{left} left", markup=False)  # fmt: skip
        else:
            self.tick()

    def done(self, result: CaseResult) -> None:
        """A case ended."""
        self._count += 1
        self._remaining.done(result)
        text = f"{outcome(result)} {result.case.title} ({result.wall_s:.1f} s)"
        self.console.print(text, markup=False)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)

    def tick(self) -> None:
        """Time passes."""
        if self._bar is not None:
            text = f"{self._shown}  {minutes(self._remaining.seconds())} left"
            self._bar.update(self._task, description=text)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
        self.console.print(f"{minutes((now_ns() - self._started_ns) / 1e9)} in all")
