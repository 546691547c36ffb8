"""Which tests run which lines of `safety/`: only they can notice a change there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import msgspec
import pytest

from bench.mutate.child import HarnessError

LEFT_OUT = "test_explore.py"
"""Half a minute each; `make explore` runs it."""
QUICK_S = 0.5
"""Tests that take less belong to the first stage."""
OPTIONS = ("-q", "-p", "no:cacheprovider", "--no-header", "-o", "timeout=0")
"""No limit of wall time: a busy machine would kill mutants that no test has noticed."""


class Cover(msgspec.Struct, frozen=True):
    """What one run of the unchanged code showed."""

    sha: str
    seconds: dict[str, float]
    """Duration of each test."""
    lines: dict[str, dict[int, list[str]]]
    """File below the root, line, tests that ran it."""
    imported: dict[str, list[int]]
    """Lines that also ran while modules were imported: their results are in tables by now."""

    def tests(self, file: str, first: int, last: int, *, quick: bool) -> list[str]:
        """Tests that run one of the lines, quick ones first."""
        at = self.lines.get(file, {})
        names = {name for line in range(first, last + 1) for name in at.get(line, ())}
        chosen = [n for n in names if not quick or self.seconds[n] < QUICK_S]
        return sorted(chosen, key=lambda name: (self.seconds[name], name))

    def at_import(self, file: str, first: int, last: int) -> bool:
        """One of the lines ran at import, too."""
        return any(first <= line <= last for line in self.imported.get(file, ()))


@dataclass(slots=True)
class _Recorder:
    """A pytest plugin: one context of coverage per test."""

    root: Path
    measure: coverage.Coverage
    out: Path
    sha: str
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note who runs."""
        self.measure.switch_context(item.nodeid)
        start = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(time.process_time() - start, 4)
            self.measure.switch_context("between")

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        self.measure.stop()
        found = self.measure.get_data()
        lines: dict[str, dict[int, list[str]]] = {}
        imported: dict[str, list[int]] = {}
        for name in found.measured_files():
            file = str(Path(name).relative_to(self.root))
            by_line = found.contexts_by_lineno(name)
            lines[file] = {at: [c for c in by if "::" in c] for at, by in by_line.items()}
            imported[file] = [at for at, by in by_line.items() if "" in by]
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_bytes(msgspec.json.encode(Cover(self.sha, self.seconds, lines, imported)))


def fingerprint(root: Path) -> str:
    """Of everything that decides which test runs which line."""
    sha = hashlib.sha256()
    for file in sorted([*(root / "safety").glob("*.py"), *(root / "tests/safety").glob("*.py")]):
        sha.update(file.read_bytes())
    return sha.hexdigest()[:16]


def cover(root: Path, out: Path) -> Cover:
    """Of this version of code and tests; recorded anew (in its own process) when they changed.

    Raises `HarnessError` when the tests fail without any change: no verdict would be worth
    anything then.
    """
    sha = fingerprint(root)
    if not out.exists() or (found := msgspec.json.decode(out.read_bytes(), type=Cover)).sha != sha:
        command = [sys.executable, "-m", "bench.mutate.cover", str(root), str(out), sha]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        done = subprocess.run(
            command, check=False, cwd=root, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise HarnessError(
                f"the tests fail without any change:\n{(done.stdout + done.stderr)[-2000:]}"
            )
        found = msgspec.json.decode(out.read_bytes(), type=Cover)
    return found


def safety_tests(root: Path) -> list[str]:
    """Safety tests that take part."""
    files = sorted((root / "tests" / "safety").glob("test_*.py"))
    return [str(file) for file in files if file.name != LEFT_OUT]


def main() -> int:
    """Record: root, output, fingerprint."""
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    measure = coverage.Coverage(data_file=None, source=[str(root / "safety")], config_file=False)
    measure.start()
    recorder = _Recorder(root, measure, out, sys.argv[3])
    return int(pytest.main([*OPTIONS, *safety_tests(root)], plugins=[recorder]))


if __name__ == "__main__":
    sys.exit(main())
