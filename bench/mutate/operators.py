"""What a mutant changes: one node of the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

Change = Callable[[], ast.AST]
"""Makes the node that takes the place of the original one."""


@dataclass(frozen=True, slots=True)
class Site:
    """One possible change of one node."""

    node: ast.AST
    label: str
    make: Change


_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Pow: ast.Mult,
}


def _compare(node: ast.Compare) -> Iterator[Site]:
    for at, op in enumerate(node.ops):
        for other in _COMPARE[type(op)]:
            ops = [other() if n == at else one for n, one in enumerate(node.ops)]
            label = f"{type(op).__name__} to {other.__name__}"
            yield Site(node, label, partial(ast.Compare, node.left, ops, node.comparators))


def _boolean(node: ast.BoolOp) -> Iterator[Site]:
    other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    label = f"{type(node.op).__name__} to {type(other).__name__}"
    yield Site(node, label, lambda: ast.BoolOp(other, node.values))
    for at in range(len(node.values)):
        rest = [v for n, v in enumerate(node.values) if n != at]
        yield Site(node, f"without operand {at + 1}", partial(_joined, node.op, rest))


def _joined(op: ast.boolop, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(op, values)


def _binary(node: ast.BinOp) -> Iterator[Site]:
    other = _BINARY.get(type(node.op))
    if other is not None:
        label = f"{type(node.op).__name__} to {other.__name__}"
        yield Site(node, label, lambda: ast.BinOp(node.left, other(), node.right))


def _unary(node: ast.UnaryOp) -> Iterator[Site]:
    if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield Site(node, f"without {type(node.op).__name__}", lambda: node.operand)


def _constant(node: ast.Constant) -> Iterator[Site]:
    value = node.value
    if isinstance(value, bool):
        yield Site(node, f"{value} to {not value}", lambda: ast.Constant(not value))
    elif isinstance(value, int):
        yield Site(node, f"{value} to {value + 1}", lambda: ast.Constant(value + 1))
    elif isinstance(value, float):
        other = value * 1.5 or 1.0
        yield Site(node, f"{value} to {other}", lambda: ast.Constant(other))


def _condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[Site]:
    """Negate tests that no other operator touches."""
    if isinstance(node.test, ast.Name | ast.Attribute | ast.Call | ast.NamedExpr):
        test = node.test
        yield Site(test, "negated", lambda: ast.UnaryOp(ast.Not(), test))


def _augmented(node: ast.AugAssign) -> Iterator[Site]:
    other = _BINARY.get(type(node.op))
    if other is not None:
        label = f"{type(node.op).__name__} to {other.__name__}"
        yield Site(node, label, lambda: ast.AugAssign(node.target, other(), node.value))
    yield Site(node, "deleted", ast.Pass)


def _statement(node: ast.Assign | ast.Expr) -> Iterator[Site]:
    """Delete calls, and assignments to attributes (a local name would only be missing)."""
    if isinstance(node, ast.Expr):
        wanted = isinstance(node.value, ast.Call)
    else:
        targets = [
            t for one in node.targets for t in (one.elts if isinstance(one, ast.Tuple) else [one])
        ]
        wanted = all(isinstance(t, ast.Attribute) for t in targets)
    if wanted:
        yield Site(node, "deleted", ast.Pass)


OPERATORS: tuple[
    tuple[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Iterator[Site]]], ...
]
OPERATORS = (
    (ast.Compare, _compare),
    (ast.BoolOp, _boolean),
    (ast.BinOp, _binary),
    (ast.UnaryOp, _unary),
    (ast.Constant, _constant),
    ((ast.If, ast.IfExp, ast.While), _condition),
    (ast.AugAssign, _augmented),
    ((ast.Assign, ast.Expr), _statement),
)


def sites(tree: ast.AST) -> Iterator[Site]:
    """All changes of `tree`, in the order of the source.

    Annotations are left alone, and `slots` of a data class: it is a matter of memory only.
    """
    if isinstance(tree, ast.keyword) and tree.arg == "slots":
        return
    for kinds, operator in OPERATORS:
        if isinstance(tree, kinds):
            yield from operator(tree)
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from sites(child)
