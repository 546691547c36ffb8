"""All mutants of the safety core, and the code of one of them."""

from __future__ import annotations

import ast
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from bench.mutate.operators import sites

EXCLUDED = ("__init__.py", "states.py", "messages.py", "diagram.py")
"""Names and numbers of the wire, and the page generator: no decisions. They are compared with
generated files (`transport/describe`, `docs/state-machine.md`)."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file."""

    file: str
    """Below the root, as `safety/machine.py`."""
    number: int
    """Its place among the changes of the file."""
    line: int
    label: str
    source: str
    """The changed line, as it was."""
    sha: str
    """Of the whole file: results of an older version do not count."""
    lines: tuple[int, int] = (0, 0)
    """First and last line of the statement that is changed."""
    inside: bool = False
    """In the body of a function: it runs when the function does, not at import."""

    @property
    def name(self) -> str:
        """Identifies the mutant in results and in `docs/mutation.md`, whatever moves around it."""
        return f"{self.file}: `{self.source}` {self.label}"

    @property
    def module(self) -> str:
        """Import name of the file."""
        return self.file.removesuffix(".py").replace("/", ".")


def of_file(root: Path, file: str) -> list[Mutant]:
    """All mutants of one file."""
    text = (root / file).read_text("utf-8")
    lines = text.splitlines()
    sha = hashlib.sha256(text.encode()).hexdigest()[:16]
    out, seen = [], {"": 0}
    tree = ast.parse(text, file)
    spans, inside = _statements(tree)
    for number, site in enumerate(sites(tree)):
        line = getattr(site.node, "lineno", 1)
        source = lines[line - 1].strip()
        times = seen[source + site.label] = seen.get(source + site.label, 0) + 1
        label = site.label if times == 1 else f"{site.label} ({times})"
        where = spans.get(site.node, (line, line)), site.node in inside
        out.append(Mutant(file, number, line, label, source, sha, *where))
    return out


def _statements(tree: ast.AST) -> tuple[dict[ast.AST, tuple[int, int]], set[ast.AST]]:
    """Lines of the innermost statement around each node, and the nodes in bodies of functions."""
    spans: dict[ast.AST, tuple[int, int]] = {}
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):  # breadth first: inner statements come later and win
        if isinstance(node, ast.stmt):
            last = _head(node)
            spans.update((part, (node.lineno, last)) for part in ast.walk(node))
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            inside.update(part for one in body for part in ast.walk(one))
    return spans, inside


def _head(node: ast.stmt) -> int:
    """Last line of a statement, of its head where it has a body."""
    body = getattr(node, "body", None)
    return body[0].lineno - 1 if body else node.end_lineno or node.lineno


def of_safety(root: Path) -> list[Mutant]:
    """All mutants of `safety/`."""
    files = sorted(p.name for p in (root / "safety").glob("*.py") if p.name not in EXCLUDED)
    return [m for name in files for m in of_file(root, f"safety/{name}")]


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` of them at random, the same ones for the same seed; 0: all."""
    if not count or count >= len(mutants):
        return list(mutants)
    return random.Random(seed).sample(list(mutants), count)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Put the new node where the old one was."""
        if node is self._old:
            return ast.copy_location(self._new, node)
        return self.generic_visit(node)


def code(root: Path, mutant: Mutant) -> CodeType:
    """Compiled module with the change."""
    tree = ast.parse((root / mutant.file).read_text("utf-8"), mutant.file)
    site = list(sites(tree))[mutant.number]
    changed = ast.fix_missing_locations(_Replace(site.node, site.make()).visit(tree))
    assert isinstance(changed, ast.Module)
    return compile(changed, str(root / mutant.file), "exec")
