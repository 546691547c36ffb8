"""Runs mutants of functions: a fork of a process that has collected all tests, for each of them."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.mutate.child import CPU_S, HarnessError, Outcome, Verdict
from bench.mutate.cover import Cover, safety_tests
from bench.mutate.mutants import Mutant, code
from bench.mutate.patch import patch

SPARE_S, TIMES = 20, 20.0
"""A test under a mutant may need so much more processor time than without."""
ALIVE, DEAD, BLIND = 0, 1, 2
"""How a fork ends; blind: no function got new code."""
SILENT = ("-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "timeout=0")
Report = Callable[[Mutant, Outcome], None]


class Failed(BaseException):
    """A test failed; not an `Exception`, so that no hook swallows it."""


@dataclass(slots=True)
class Forks:
    """A pytest plugin that runs mutants instead of the tests."""

    root: Path
    cover: Cover
    mutants: Sequence[Mutant]
    report: Report
    quick: bool
    killer: str = ""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """One fork for each mutant."""
        items = {item.nodeid: item for item in session.items}
        for mutant in self.mutants:
            names = self.cover.tests(mutant.file, *mutant.lines, quick=self.quick)
            self.report(mutant, self._run(mutant, [items[name] for name in names]))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first failed test."""
        if report.failed and not self.killer:
            self.killer = report.nodeid.rsplit("/", 1)[-1]

    def _run(self, mutant: Mutant, items: list[pytest.Item]) -> Outcome:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._child(mutant, items, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode()
        _, status, usage = os.wait4(child, 0)
        return _outcome(status, said, round(usage.ru_utime + usage.ru_stime, 2), self.quick)

    def _child(self, mutant: Mutant, items: list[pytest.Item], said: int) -> None:
        """Never returns."""
        end = DEAD
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            end = self._tests(items) if patch(code(self.root, mutant)) else BLIND
            os.write(said, self.killer.encode()[:4000])
        except BaseException as error:
            os.write(said, f"{type(error).__name__} outside of a test".encode())
        finally:
            os._exit(end)

    def _tests(self, items: list[pytest.Item]) -> int:
        following: list[pytest.Item | None] = [*items[1:], None]
        for item, after in zip(items, following, strict=True):
            self._allow(item)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.killer:
                return DEAD
        return ALIVE

    def _allow(self, item: pytest.Item) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime + TIMES * self.cover.seconds[item.nodeid]
        limit = min(CPU_S, round(seconds) + SPARE_S)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, CPU_S + 5))


def _outcome(status: int, said: str, cpu_s: float, quick: bool) -> Outcome:
    if os.WIFSIGNALED(status):
        looped = os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        return Outcome(Verdict.LOOPED if looped else Verdict.KILLED, "signal", cpu_s)
    match os.WEXITSTATUS(status):
        case 0:
            return Outcome(Verdict.OPEN if quick else Verdict.SURVIVED, "", cpu_s)
        case 2:
            return Outcome(Verdict.OPEN, "no function has this code", cpu_s)
        case _:
            return Outcome(Verdict.KILLED, said, cpu_s)


def run_forks(
    root: Path, cover: Cover, mutants: Sequence[Mutant], report: Report, *, quick: bool
) -> None:
    """Collect the tests in this process, then run each mutant in a fork of it."""
    forks = Forks(root, cover, mutants, report, quick)
    if ended := pytest.main([*SILENT, *safety_tests(root)], plugins=[forks]):
        raise HarnessError(f"pytest ended: {ended!r}")
