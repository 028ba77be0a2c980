"""Computing the value of a contract's expression over its syntax tree; nothing of it is executed as Python.

An expression may hold constants, f-strings, lists and sets, the names of tasks, their fields by attribute,
index and slice, comparisons, ``and or not``, ``in``, arithmetic, ``x if c else y``, ``... for x in ...``,
functions and methods that change nothing and, as existing pipelines have it,
``label.connections.ConnectionsClass(config=label)``.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

_LONGEST = 10_000  # what an expression may make of texts and lists
_MOST_STEPS = 100_000  # parts evaluated, with repetitions
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        abs,
        all,
        any,
        bool,
        float,
        int,
        len,
        list,
        max,
        min,
        round,
        set,
        sorted,
        str,
        sum,
        tuple,
    )
}
_CONVERSIONS: dict[int, Callable[[Any], str]] = {ord("s"): str, ord("r"): repr, ord("a"): ascii}
_METHODS = {
    *("startswith", "endswith", "lower", "upper", "strip", "split", "count", "index"),
    *("keys", "values", "items", "get"),
    *("issubset", "issuperset", "isdisjoint", "union", "intersection", "difference"),
}


class NotAllowedError(Exception):
    """An expression has a part that is not evaluated."""


def _product(a: Any, b: Any) -> Any:  # numbers, or a sequence and a number
    for sequence, number in ((a, b), (b, a)):
        held = len(sequence) if isinstance(sequence, str | bytes | list | tuple) else 0
        if isinstance(number, int) and held * number > _LONGEST:
            raise NotAllowedError(f"a product of more than {_LONGEST} elements")
    return operator.mul(a, b)


def _remainder(a: Any, b: Any) -> Any:  # numbers, or a text and what is put into it
    if isinstance(a, str | bytes):
        raise NotAllowedError(f"a formatted text, which is not evaluated: {a!r}")
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
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
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


def names_in(tree: ast.AST) -> set[str]:
    """Return the names that an expression takes from outside: no functions, no loop variables."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names if id(node) not in called} - bound


def evaluated(expression: ast.expr, configs: Mapping[str, Any]) -> Any:
    """Return the value of an expression over the configurations of tasks by label.

    Raises
    ------
    NotAllowedError
        If it has a part that is not evaluated; any other exception if it fails.
    """
    return _Evaluator(configs).visit(expression)


class _Evaluator:
    """Computes the value of an expression from the configurations."""

    def __init__(self, configs: Mapping[str, Any]) -> None:
        self._names = dict(configs)
        self._steps = 0

    def visit(self, node: ast.expr) -> Any:
        """Return the value of a node."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise NotAllowedError(f"a loop that is too long: more than {_MOST_STEPS} steps")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise NotAllowedError(f"a part that is not evaluated: {ast.unparse(node)!r}")
        return method(node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        return self._names[node.id]

    def _attribute(self, node: ast.Attribute) -> Any:
        if node.attr.startswith("_"):
            raise NotAllowedError(f"a private name: {node.attr!r}")
        return getattr(self.visit(node.value), node.attr)

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.visit(node.value)[self.visit(node.slice)]

    def _slice(self, node: ast.Slice) -> slice:
        return slice(*(part and self.visit(part) for part in (node.lower, node.upper, node.step)))

    def _joinedstr(self, node: ast.JoinedStr) -> str:
        return "".join(self.visit(part) for part in node.values)

    def _formattedvalue(self, node: ast.FormattedValue) -> str:
        value = self.visit(node.value)
        if node.conversion in _CONVERSIONS:
            value = _CONVERSIONS[node.conversion](value)
        form = self.visit(node.format_spec) if node.format_spec else ""
        if any(int(number) > _LONGEST for number in re.findall(r"\d+", form)):
            raise NotAllowedError(f"a text of more than {_LONGEST} characters: {ast.unparse(node)!r}")
        return format(value, form)

    def _list(self, node: ast.List | ast.Tuple) -> list[Any]:
        return [self.visit(item) for item in node.elts]

    _tuple = _list

    def _set(self, node: ast.Set) -> set[Any]:
        return {self.visit(item) for item in node.elts}

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> list[Any]:
        return [self.visit(node.elt) for _ in self._loop(node.generators)]

    _generatorexp = _listcomp

    def _setcomp(self, node: ast.SetComp) -> set[Any]:
        return {self.visit(node.elt) for _ in self._loop(node.generators)}

    def _loop(self, generators: Sequence[ast.comprehension]) -> Iterator[None]:
        """Bind the variables of ``for x in ... if ...`` to one value after the other."""
        if not generators:
            yield
            return
        first, *others = generators
        outer = self._names
        for value in self.visit(first.iter):
            self._names = {**outer, **_bound(first.target, value)}
            if all(self.visit(condition) for condition in first.ifs):
                yield from self._loop(others)
        self._names = outer

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
        if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not node.keywords:
            return _FUNCTIONS[node.func.id](*map(self.visit, node.args))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "ConnectionsClass" and not node.args:
            (keyword,) = node.keywords
            if keyword.arg == "config":
                return self.visit(node.func)(config=self.visit(keyword.value))
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS and not node.keywords:
            owner = self.visit(node.func.value)
            if isinstance(owner, str | Mapping | Sequence | AbstractSet):
                return getattr(owner, node.func.attr)(*map(self.visit, node.args))
        raise NotAllowedError(f"a call that is not evaluated: {ast.unparse(node)!r}")


def _bound(target: ast.expr, value: Any) -> dict[str, Any]:
    """Return what a loop variable, or each of several, stands for."""
    if isinstance(target, ast.Name):
        return {target.id: value}
    if not isinstance(target, ast.Tuple):
        raise NotAllowedError(f"a loop variable that is no plain name: {ast.unparse(target)!r}")
    pairs = zip(target.elts, value, strict=True)
    return {name: held for part, each in pairs for name, held in _bound(part, each).items()}


def _operator(node: ast.expr, op: ast.AST) -> Callable[..., Any]:
    try:
        return _OPERATORS[type(op)]
    except KeyError:
        raise NotAllowedError(f"an operator that is not evaluated: {ast.unparse(node)!r}") from None
