"""The house rules that imports can show: folder arrows, pure modules, one clock, one aiortc."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("bench", "teleop", "robot_sim", "haptics", "transport", "safety")
"""A folder may import itself and those to its right (docs/architecture.md)."""

IMPURE = {
    "asyncio", "socket", "threading", "multiprocessing", "subprocess", "select", "selectors",
    "time", "datetime", "random", "secrets", "aiortc", "aioice", "pybullet", "serial", "aiohttp",
    "uvloop", "av", "signal",
}  # fmt: skip

SHELLS = {
    "robot_sim/arm_body.py": "PyBullet itself: the only module that holds the physics engine",
    "robot_sim/box.py": "process of the arm box",
    "transport/local": "mailboxes, rings, datagrams and the clock: the shell all processes share",
    "transport/webrtc": "the only place of aiortc",
}
"""Modules of pure folders that may touch the world, with the reason."""

PURE_FOLDERS = ("safety", "haptics", "transport", "robot_sim")
PURE_MODULES = (
    "teleop/servo/core.py", "teleop/supervisor/restart.py", "teleop/supervisor/arm_rest.py",
    "teleop/record/describe.py", "teleop/record/decode.py", "teleop/record/replay.py",
    "teleop/audit/merkle.py", "teleop/audit/lines.py", "teleop/audit/log.py",
    "teleop/audit/read.py", "teleop/audit/verify.py", "teleop/audit/witness.py",
    "teleop/audit/follow.py", "teleop/record/info.py", "teleop/channels.py", "teleop/config.py",
    "teleop/processes.py", "teleop/whatif/model.py", "teleop/whatif/recall.py",
)  # fmt: skip

CLOCK = "transport/local/clock.py"
CLOCK_CALLS = {
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns",
    "clock_gettime", "clock_gettime_ns", "gmtime", "localtime", "strftime",
}  # fmt: skip
NO_WALL_CLOCK = ("safety", "haptics", "teleop/guard", "teleop/servo", "robot_sim")
GUARD_MAY = ("safety", "transport.local", "teleop.channels", "teleop.processes", "teleop.guard")
"""What guard may import beside the standard library: all of it standard library alone itself."""


@dataclass(frozen=True)
class Import:
    """One import statement."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.split(".", maxsplit=1)[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text("utf-8"), file)


@cache
def files(*folders: str) -> list[str]:
    paths = [p for f in folders for p in sorted((ROOT / f).rglob("*.py"))]
    return [str(p.relative_to(ROOT)) for p in paths]


def _checking_block(node: ast.AST) -> bool:
    """`if TYPE_CHECKING:` is not executed."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and (
        node.test.id == "TYPE_CHECKING"
    )  # fmt: skip


def walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not _checking_block(child):
            yield child
            yield from walk(child)


@cache
def imports(file: str) -> list[Import]:
    out = []
    for node in walk(tree(file)):
        if isinstance(node, ast.Import):
            out += [Import(file, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            module = node.module or ""
            out.append(Import(file, node.lineno, module))
            out += [Import(file, node.lineno, f"{module}.{a.name}") for a in node.names
                    if module in LAYERS or f"{module}.".startswith("teleop.")]  # fmt: skip
    return out


def is_shell(file: str) -> bool:
    return any(file == shell or file.startswith(f"{shell}/") for shell in SHELLS)


@pytest.mark.parametrize("folder", LAYERS)
def test_imports_only_point_down(folder: str) -> None:
    allowed = set(LAYERS[LAYERS.index(folder) :])
    wrong = [
        i for f in files(folder) for i in imports(f) if i.top in LAYERS and i.top not in allowed
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_haptics_takes_only_types_from_transport_and_safety() -> None:
    wrong = [
        i
        for f in files("haptics")
        for i in imports(f)
        if i.module.startswith(("transport.local", "transport.webrtc"))
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_pure_modules_import_nothing_impure() -> None:
    pure = [f for f in files(*PURE_FOLDERS) if not is_shell(f)]
    pure += [f for f in PURE_MODULES if (ROOT / f).exists()]
    wrong = [i for f in pure for i in imports(f) if i.top in IMPURE]
    assert not wrong, "\n".join(map(str, wrong))


def test_every_named_exception_still_exists() -> None:
    """An exception for a file that is gone would hide the next one."""
    assert not [name for name in (*SHELLS, *PURE_MODULES) if not (ROOT / name).exists()]


def test_safety_and_guard_use_the_standard_library_alone() -> None:
    wrong = [i for f in files("safety") for i in imports(f)
             if i.top not in sys.stdlib_module_names and i.top != "safety"]  # fmt: skip
    for file in files("teleop/guard"):
        wrong += [i for i in imports(file) if i.top not in sys.stdlib_module_names
                  and i.module != "teleop" and not i.module.startswith(GUARD_MAY)]  # fmt: skip
    wrong += [
        i
        for f in (*files("transport/local"), "teleop/channels.py", "teleop/processes.py")
        for i in imports(f)
        if i.top not in sys.stdlib_module_names
        and not i.module.startswith(("safety", "transport.local"))
        and i.module not in ("transport",)
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_aiortc_stays_in_its_place() -> None:
    wrong = [
        i
        for f in files(*LAYERS)
        for i in imports(f)
        if i.top in ("aiortc", "aioice") and not f.startswith("transport/webrtc/")
    ]
    assert not wrong, "\n".join(map(str, wrong))


def clock_uses(file: str) -> list[str]:
    """Reads of any clock: `time.x()`, `from time import x`, `datetime.now()`, `utcnow`, `today`."""
    out = []
    for node in walk(tree(file)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            reads_time = node.value.id == "time" and node.attr in CLOCK_CALLS
            reads_date = node.value.id in ("datetime", "date") and node.attr in (
                "now", "utcnow", "today",
            )  # fmt: skip
            if reads_time or reads_date:
                out.append(f"{file}:{node.lineno} {node.value.id}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            names = [a.name for a in node.names if a.name in CLOCK_CALLS]
            out += [f"{file}:{node.lineno} from time import {name}" for name in names]
    return out


def test_one_module_reads_the_clock() -> None:
    wrong = [use for f in files(*LAYERS) if f != CLOCK for use in clock_uses(f)]
    assert not wrong, "\n".join(wrong)


def test_no_wall_clock_in_safety_code() -> None:
    wrong = []
    for file in files(*NO_WALL_CLOCK):
        text = (ROOT / file).read_text("utf-8")
        wrong += [f"{file}: {name}" for name in ("utc_text", "datetime") if name in text]
    assert not wrong, "\n".join(wrong)


def test_no_error_is_swallowed() -> None:
    """`except: pass` and bare `except:` hide errors; an expected error is named and explained."""
    wrong = []
    for file in files(*LAYERS):
        source = (ROOT / file).read_text("utf-8").splitlines()
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ExceptHandler):
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                explained = "#" in source[node.lineno - 1] or "#" in source[node.body[0].lineno - 1]
                if node.type is None or (silent and not explained):
                    wrong.append(f"{file}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def test_functions_stay_small() -> None:
    """House style: nothing over 60 lines."""
    wrong = []
    for file in files(*LAYERS):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > 60 and file not in LONG_FUNCTIONS:
                    wrong.append(f"{file}:{node.lineno} {node.name}: {lines} lines")
    assert not wrong, "\n".join(wrong)


LONG_FUNCTIONS = {
    "teleop/gateway/view.py": "one line per field of an empty report",
}
