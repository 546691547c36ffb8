"""Every number that the safety core begins with, as it was last agreed on.

Constants, tables, numbered verdicts, limits with their bounds, and what each part holds before it
has heard anything are compared with `golden/figures.txt`. A change of one of them is a decision
about safety: make it, read docs/limits.md, then write the file anew with
`python tests/safety/test_figures.py`. The numbers of `states.py` are left out: they are the wire's.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Annotated, get_args, get_origin

import safety

GOLDEN = Path(__file__).parent / "golden" / "figures.txt"
PLAIN = (int, float, str, bytes, type(None))


def shown(value: object) -> str | None:
    """A value as one line; None: it is no figure (a function, a class, a layout)."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if get_origin(value) is Annotated:
        base, length = get_args(value)
        return f"{length!r} of {base}"
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_named(k)}: {_named(v)}" for k, v in value.items()) + "}"
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(str(shown(one)) for one in value)) + "}"
    if isinstance(value, tuple | list):
        return "(" + ", ".join(str(shown(one)) for one in value) + ")"
    if isinstance(value, deque):
        room = "any number" if value.maxlen is None else f"up to {value.maxlen}"
        return f"{list(value)} ({room})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = ((f.name, shown(getattr(value, f.name, None))) for f in dataclasses.fields(value))
        return f"{type(value).__name__}({', '.join(f'{name}={text}' for name, text in held)})"
    return None


def _named(value: object) -> str:
    return shown(value) or str(getattr(value, "__name__", ""))


def modules() -> Iterator[ModuleType]:
    names = {info.name for info in pkgutil.iter_modules(safety.__path__)} - {"diagram"}
    for found in sorted(names):
        yield importlib.import_module(f"safety.{found}")


def assigned(module: ModuleType) -> set[str]:
    """Names that a module itself gives a value (not what it imports)."""
    found: set[str] = set()
    file = Path(safety.__path__[0]) / f"{module.__name__.rpartition('.')[2]}.py"
    # Not by `inspect`: a module that a mutation run has changed has no source of its own.
    for node in ast.parse(file.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        parts = [part for one in targets for part in (getattr(one, "elts", None) or [one])]
        found |= {part.id for part in parts if isinstance(part, ast.Name)}
    return found


def numbered(kind: type[Enum]) -> Iterator[str]:
    """Each name with its number; a name that shares its number with another one, too."""
    yield from (f"{name} = {one.value!r}" for name, one in kind.__members__.items())


def begun(kind: type) -> Iterator[tuple[str, str | None]]:
    """Fields of a dataclass and what they are at the beginning."""
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            yield field.name, shown(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            yield field.name, shown(field.default_factory())


def is_figure(name: str, value: object) -> bool:
    """Named like a constant, or a vector with its length."""
    return name.strip("_").isupper() or get_origin(value) is Annotated


def lines() -> Iterator[str]:
    for module in modules():
        name, own = module.__name__, assigned(module)
        for key, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == name:
                if issubclass(value, Enum) and name != "safety.states":
                    yield from (f"{name}.{key}.{text}" for text in numbered(value))
                if dataclasses.is_dataclass(value):
                    frozen = value.__dataclass_params__.frozen  # type: ignore[attr-defined]
                    yield f"{name}.{key}: {'frozen' if frozen else 'may change'}"
                    yield from (f"{name}.{key}.{at} = {text}" for at, text in begun(value))
            elif key in own and is_figure(key, value) and (text := shown(value)) is not None:
                yield f"{name}.{key} = {text}"


def test_the_figures_are_those_that_were_agreed_on() -> None:
    assert list(lines()) == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(lines()) + "\n", "utf-8")
