"""Runs the safety tests on one mutant, in a forked child of a process that has pytest loaded."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import CodeType, ModuleType

import pytest

STAGES: tuple[tuple[str, ...], ...] = (
    ("test_figures.py", "test_machine_borders.py", "test_layout.py", "test_core_borders.py"),
    ("test_transitions.py", "test_parts.py", "test_gate.py", "test_frame.py", "test_watchdog.py",
     "test_limits.py", "test_worst.py", "test_edges.py", "test_follow.py", "test_resume_borders.py",
     "test_causes.py", "test_borders.py", "test_intake.py", "test_people.py", "test_diagram.py",
     "test_frames.py", "test_report.py", "test_mark_needle_borders.py", "test_motion_borders.py",
     "test_watch_borders.py", "test_rest_borders.py"),
    ("test_load.py", "test_zero.py", "test_arm_truth.py", "test_authentic.py", "test_links.py",
     "test_policy.py", "test_needle.py"),
    ("test_snapshot.py", "test_oracle.py", "test_invariants.py"),
)  # fmt: skip
"""For what runs at import. Quick tests first: most mutants die there."""
BROKEN = 3
"""Exit status: pytest did not work, whatever the mutant."""
CPU_S = 600
"""A mutant that needs so much processor time loops (all tests together need about 60 s)."""


class HarnessError(RuntimeError):
    """The tests cannot be run, or fail without any change: no verdict would be worth anything."""


class Verdict(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    OPEN = "open"
    """Survived the stages that were run; the slower ones have not been."""
    LOOPED = "looped"
    """Killed by the limit of processor time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Verdict and the first test that failed."""

    verdict: Verdict
    killer: str
    cpu_s: float


class _Loader(importlib.abc.InspectLoader):
    def __init__(self, code: CodeType) -> None:
        self._code = code

    def get_source(self, fullname: str) -> None:
        """No source text: the code was changed as a tree."""
        return

    def get_code(self, fullname: str) -> CodeType:
        """The changed code."""
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        """Run it in the fresh module."""
        exec(self._code, module.__dict__)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, code: CodeType, file: Path) -> None:
        self._name, self._code, self._file = name, code, file

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Claim the mutated module only."""
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, _Loader(self._code), origin=str(self._file), is_package=False
        )


class _Reporter:
    """A pytest plugin that remembers the first failure."""

    def __init__(self) -> None:
        self.killer = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first failed test."""
        if report.failed and not self.killer:
            self.killer = report.nodeid.rsplit("/", 1)[-1]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A mutant that cannot even be imported is dead, too."""
        if report.failed and not self.killer:
            self.killer = f"import of {report.nodeid.rsplit('/', 1)[-1]}"


def run(root: Path, module: str, file: str, code: CodeType, stages: int = len(STAGES)) -> Outcome:
    """Fork, run the first `stages` stages of tests, and tell what became of the mutant."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tests(root, _Finder(module, code, root / file), writing, STAGES[:stages])
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status, usage = os.wait4(child, 0)
    cpu_s = round(usage.ru_utime + usage.ru_stime, 2)
    if os.WIFSIGNALED(status):
        looped = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        return Outcome(Verdict.LOOPED if looped else Verdict.KILLED, "signal", cpu_s)
    if os.WEXITSTATUS(status) == 0:
        alive = Verdict.SURVIVED if stages >= len(STAGES) else Verdict.OPEN
        return Outcome(alive, "", cpu_s)
    if os.WEXITSTATUS(status) == BROKEN:
        raise HarnessError(said)
    return Outcome(Verdict.KILLED, said, cpu_s)


def _tests(root: Path, finder: _Finder, said: int, stages: Sequence[Sequence[str]]) -> None:
    """Child: never returns."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os.chdir(root)
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        sys.meta_path.insert(0, finder)
        status = _stages(root, said, stages)
    finally:
        os._exit(status)


def _stages(root: Path, said: int, stages: Sequence[Sequence[str]]) -> int:
    for names in stages:
        files = [str(p) for n in names if (p := root / "tests" / "safety" / n).exists()]
        reporter = _Reporter()
        # No limit of wall time: a busy machine would kill mutants that no test has noticed.
        options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "-o", "timeout=0"]
        if ended := pytest.main([*options, *files], plugins=[reporter]):
            os.write(said, (reporter.killer or f"pytest ended: {ended!r}").encode()[:4000])
            return 1 if reporter.killer else BROKEN
    return 0
