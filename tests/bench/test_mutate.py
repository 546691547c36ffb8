"""The mutator changes what it says, and every safety test takes part."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bench.mutate import child
from bench.mutate.child import STAGES, Verdict
from bench.mutate.mutants import code, of_file, of_safety, sample
from bench.mutate.operators import sites
from bench.mutate.results import Result, append, known, load, reasons, summary

ROOT = Path(__file__).parents[2]
LEFT_OUT = {"test_explore.py"}
"""Half a minute each; `make explore` runs it."""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a in b", {"a not in b"}),
        ("a and b", {"a or b", "a", "b"}),
        ("not a", {"a"}),
        ("-a", {"a"}),
        ("a | b", {"a & b"}),
        ("a + 1", {"a - 1", "a + 2"}),
        ("2.0", {"3.0"}),
        ("0.0", {"1.0"}),
        ("True", {"False"}),
        ("'words'", set()),
        ("f(True, slots=True)", {"f(False, slots=True)"}),
        ("a < b <= c", {"a <= b <= c", "a >= b <= c", "a < b < c", "a < b > c"}),
    ],
)
def test_expressions(source: str, expected: set[str]) -> None:
    tree = ast.parse(source, mode="eval")
    made = set()
    for site in sites(tree):
        changed = ast.parse(source, mode="eval")
        mine = next(s for s in sites(changed) if s.label == site.label)
        made.add(ast.unparse(_put(changed, mine.node, mine.make())))
    assert made == expected


def _put(tree: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    return Put().visit(tree)


def test_statements_are_deleted_but_annotations_stay() -> None:
    text = "def f(a: int = 1) -> int:\n    a.b = 2\n    a.c(3)\n    d = a\n    return d\n"
    labels = [site.label for site in sites(ast.parse(text))]
    assert labels.count("deleted") == 2
    assert "1 to 2" in labels


def test_every_mutant_has_its_own_name_and_compiles() -> None:
    mutants = of_safety(ROOT)
    assert len({m.name for m in mutants}) == len(mutants)
    for mutant in sample(mutants, 40, seed=3):
        code(ROOT, mutant)
    assert not [m for m in mutants if m.file == "safety/states.py"]


def test_every_safety_test_is_in_a_stage() -> None:
    files = {p.name for p in (ROOT / "tests" / "safety").glob("test_*.py")}
    staged = {name for names in STAGES for name in names}
    assert files - staged == LEFT_OUT


def test_results_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    mutant, other = of_file(ROOT, "safety/enable.py")[:2]
    file = tmp_path / "results.jsonl"
    for verdict in (Verdict.OPEN, Verdict.SURVIVED):
        append(file, Result(mutant.name, mutant.sha, 1, verdict, "", 1.0))
    append(file, Result(other.name, "older", 1, Verdict.KILLED, "t", 1.0))
    stored = load(file)
    found = known(stored, mutant)
    assert found is not None
    assert found.verdict == Verdict.SURVIVED
    assert known(stored, other) is None
    page = tmp_path / "mutation.md"
    page.write_text(f"| {mutant.name.replace('|', chr(92) + '|')} | harmless |\n")
    assert mutant.name in reasons(page)
    assert "without a reason" not in "\n".join(summary([found], reasons(page)))
    assert "without a reason" in "\n".join(summary([found], set()))


def test_tests_that_cannot_be_run_kill_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests" / "safety").mkdir(parents=True)
    (tmp_path / "tests" / "safety" / "test_one.py").write_text("def test_one(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.setattr(child, "STAGES", (("test_one.py",),))
    code_of = compile("", "safety/x.py", "exec")
    with pytest.raises(child.HarnessError, match="pytest ended"):
        child.run(tmp_path, "safety.x", "safety/x.py", code_of, 1)
