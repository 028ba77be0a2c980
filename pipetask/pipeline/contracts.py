"""Contracts: conditions on the configurations of several tasks, evaluated over their syntax tree.

An expression may hold constants, lists, the names of tasks, their fields by attribute and index, comparisons,
``and or not``, ``in``, arithmetic, ``x if c else y``, ``len(...)`` and, as existing pipelines have it,
``label.connections.ConnectionsClass(config=label)``. Nothing else is evaluated.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pipetask.butler import suggest
from pipetask.errors import ContractError
from pipetask.pipeline.document import Contract

_SHOWN = 200  # characters of an expression in a message
_LONGEST = 10_000  # what an expression may make of texts and lists


class _NotAllowedError(Exception):
    """An expression has a part that is not evaluated."""


def _product(a: Any, b: Any) -> Any:  # numbers, or a sequence and a number
    for sequence, number in ((a, b), (b, a)):
        held = len(sequence) if isinstance(sequence, str | bytes | list | tuple) else 0
        if isinstance(number, int) and held * number > _LONGEST:
            raise _NotAllowedError(f"a product of more than {_LONGEST} elements")
    return operator.mul(a, b)


def _remainder(a: Any, b: Any) -> Any:  # numbers, or a text and what is put into it
    if isinstance(a, str | bytes):
        raise _NotAllowedError(f"a formatted text, which is not evaluated: {a!r}")
    return operator.mod(a, b)


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def labels_of(contract: Contract) -> set[str]:
    """Return the task labels that a contract speaks of."""
    tree = _tree(contract)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def with_labels(contract: Contract, names: Mapping[str, str]) -> Contract:
    """Return a contract with other labels for some tasks."""
    if labels_of(contract).isdisjoint(names):
        return contract
    tree = _tree(contract)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return replace(contract, expression=ast.unparse(tree))


def check_contracts(contracts: Iterable[Contract], configs: Mapping[str, Any]) -> None:
    """Evaluate contracts on the configurations of tasks by label.

    Raises
    ------
    ContractError
        If one is broken (the message has its ``msg``), or cannot be evaluated.
    """
    for contract in contracts:
        tree = _tree(contract)
        for label in sorted(labels_of(contract)):
            if label not in configs:
                raise ContractError(
                    f"{_named(contract)} speaks of {label!r}, "
                    f"which is no task of the pipeline{suggest(label, configs)}"
                )
        try:
            kept = _Evaluator(configs).visit(tree.body)
        except _NotAllowedError as err:
            raise ContractError(f"{_named(contract)} has {err}") from None
        except Exception as err:
            raise ContractError(f"{_named(contract)} cannot be evaluated: {err}") from err
        if not kept:
            why = f": {contract.msg}" if contract.msg else ""
            raise ContractError(f"{_named(contract)} is broken{why}")


def _tree(contract: Contract) -> ast.Expression:
    try:
        return ast.parse(contract.expression.strip(), mode="eval")
    except SyntaxError as err:
        column = f" (column {err.offset})" if err.offset else ""
        raise ContractError(f"{_named(contract)} is no expression: {err.msg}{column}") from err
    except (MemoryError, RecursionError) as err:
        raise ContractError(f"{_named(contract)} is nested too deeply") from err


def _named(contract: Contract) -> str:
    """Return where a contract is and what it says, as the beginning of a message."""
    text = contract.expression
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"{contract.place}: the contract {shown!r}"


class _Evaluator:
    """Computes the value of an expression from the configurations."""

    def __init__(self, configs: Mapping[str, Any]) -> None:
        self._configs = configs

    def visit(self, node: ast.expr) -> Any:
        """Return the value of a node."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise _NotAllowedError(f"a part that is not evaluated: {ast.unparse(node)!r}")
        return method(node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        return self._configs[node.id]

    def _attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("_"):
            raise _NotAllowedError(f"a private name: {node.attr!r}")
        return getattr(self.visit(node.value), node.attr)

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.visit(node.value)[self.visit(node.slice)]

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> list[Any]:
        return [self.visit(item) for item in node.elts]

    _tuple = _set = _list

    def _boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for item in node.values:
            value = self.visit(item)
            if bool(value) is isinstance(node.op, ast.Or):
                return value
        return value

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        return _operator(node, node.op)(self.visit(node.operand))

    def _binop(self, node: ast.BinOp) -> Any:
        return _operator(node, node.op)(self.visit(node.left), self.visit(node.right))

    def _compare(self, node: ast.Compare) -> bool:
        left = self.visit(node.left)
        for op, item in zip(node.ops, node.comparators, strict=True):
            right = self.visit(item)
            if not _operator(node, op)(left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp) -> Any:
        return self.visit(node.body if self.visit(node.test) else node.orelse)

    def _call(self, node: ast.Call) -> Any:
        if (
            isinstance(node.func, ast.Name)
            and node.func.id == "len"
            and len(node.args) == 1
            and not node.keywords
        ):
            return len(self.visit(node.args[0]))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "ConnectionsClass" and not node.args:
            (keyword,) = node.keywords
            if keyword.arg == "config":
                return self.visit(node.func)(config=self.visit(keyword.value))
        raise _NotAllowedError(f"a call that is not evaluated: {ast.unparse(node)!r}")


def _operator(node: ast.expr, op: ast.AST) -> Callable[..., Any]:
    try:
        return _OPERATORS[type(op)]
    except KeyError:
        raise _NotAllowedError(f"an operator that is not evaluated: {ast.unparse(node)!r}") from None
