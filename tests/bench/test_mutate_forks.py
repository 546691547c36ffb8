"""Mutants of functions run in forks: changed code in living functions, tests that reach it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from bench.mutate.patch import codes, patch

ROOT = Path(__file__).parents[2]
CORE = """
from functools import cache

LIMIT = 3

def within(value):
    return value <= LIMIT

def unused_result(value):
    return value + 1

class Part:
    def doubled(self, value):
        return value * 2

def count_down(n):
    while n > 0:
        n -= 1
    return n

TABLE = tuple(within(v) for v in range(3))
"""
TESTS = """
from safety.core import Part, count_down, unused_result, within

def test_within():
    assert within(3)
    assert not within(4)

def test_double():
    assert Part().doubled(3) == 6

def test_nothing():
    unused_result(1)

def test_count():
    assert count_down(2) == 0
"""
SCRIPT = """
import sys
from pathlib import Path
from bench.mutate import forks
from bench.mutate.cover import cover
from bench.mutate.forks import run_forks
from bench.mutate.mutants import of_safety
forks.SPARE_S = 1  # these tests need none
root = Path(sys.argv[1])
known = cover(root, root / "cover.json")
inner = [m for m in of_safety(root) if m.inside and not known.at_import(m.file, *m.lines)]
report = lambda m, o: print(f"{m.source} {m.label}|{o.verdict}|{o.killer}", flush=True)
run_forks(root, known, inner, report, quick=False)
"""


def _run(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root)],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _project(root: Path, tests: str = TESTS) -> Path:
    for name, text in (("safety/__init__.py", ""), ("safety/core.py", CORE),
                       ("tests/safety/test_core.py", tests)):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_each_mutant_gets_its_verdict(tmp_path: Path) -> None:
    done = _run(_project(tmp_path))
    rows = dict(line.split("|", 1) for line in done.stdout.splitlines() if "|" in line)
    assert rows["return value * 2 Mult to Div"] == "killed|test_core.py::test_double"
    assert rows["return value + 1 Add to Sub"] == "survived|"
    assert rows["while n > 0: Gt to GtE"].startswith("killed|")
    assert rows["n -= 1 deleted"] == "looped|signal"
    assert "return value <= LIMIT LtE to Lt" not in rows, "it ran at import: its table is made"
    cover = msgspec.json.decode((tmp_path / "cover.json").read_bytes())
    doubled = CORE.splitlines().index("        return value * 2") + 1
    assert cover["lines"]["safety/core.py"][str(doubled)] == [
        "tests/safety/test_core.py::test_double"
    ]


def test_tests_that_fail_without_a_change_are_no_judges(tmp_path: Path) -> None:
    done = _run(_project(tmp_path, TESTS + "\ndef test_wrong():\n    assert False\n"))
    assert done.returncode != 0
    assert "the tests fail without any change" in done.stderr


def test_functions_closures_and_methods_get_new_code() -> None:
    file = "made/for/this_test.py"
    text = (
        "def plain(): return 1\n"
        "def outer(n):\n    def inner(): return n + 1\n    return inner\n"
        "class C:\n    @property\n    def p(self): return 1\n"
    )
    names: dict[str, object] = {}
    exec(compile(text, file, "exec"), names)
    plain, inner, made = names["plain"], names["outer"](1), names["C"]()  # type: ignore[operator]
    assert patch(compile(text.replace("1", "5"), file, "exec")) >= 3
    assert (plain(), inner(), made.p) == (5, 6, 5)  # type: ignore[operator]
    assert patch(compile(text.replace("1", "5"), file, "exec")) == 0, "nothing is new"
    assert len(list(codes(compile(text, file, "exec")))) == 6
