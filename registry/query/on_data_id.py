"""Conditions on data IDs alone: whether one holds, told without a database."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from registry.dimensions.coordinate import DataCoordinate
from registry.errors import InvalidQueryError
from registry.query.check import check
from registry.query.tree import (
    All,
    AnyOf,
    Arithmetic,
    Column,
    Compare,
    Constant,
    Expression,
    InRange,
    IsNull,
    Literal,
    Matches,
    OneOf,
    Predicate,
)

_COMPARISONS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if isinstance(a, float) or isinstance(b, float) else int(a / b),
    "%": lambda a, b: a - b * int(a / b),
}


def holds(where: str, data_id: DataCoordinate) -> bool:
    """Tell whether a condition holds for a data ID.

    Parameters
    ----------
    where : `str`
        The expression; it names dimensions of the data ID only.
    data_id : `DataCoordinate`
        The data ID.

    Raises
    ------
    InvalidQueryError
        If the expression is malformed, or names what the data ID doesn't tell, as ``visit.exposure_time``.
    """
    return _holds(check(where, data_id.dimensions), data_id, where)


def _holds(node: Predicate, data_id: DataCoordinate, text: str) -> bool:
    def value(expression: Expression) -> Any:  # a value of a dimension, or what was made of some
        return _value(expression, data_id, text)

    match node:
        case Constant():
            return node.value
        case All():
            told = [_holds(part, data_id, text) for part in node.operands]  # all, since all names are checked
            return all(told)
        case AnyOf():
            told = [_holds(part, data_id, text) for part in node.operands]
            return any(told)
        case Compare():
            return bool(_COMPARISONS[node.operator](value(node.left), value(node.right)))
        case OneOf():
            return (value(node.operand) in node.values) is not node.negated
        case InRange():
            number = value(node.operand)
            inside = node.start <= number <= node.stop and (number - node.start) % node.step == 0
            return inside is not node.negated
        case Matches():
            return fnmatchcase(value(node.operand), node.pattern) is not node.negated
        case IsNull():
            value(node.operand)  # it has one
            return node.negated
    raise _unknown(str(node), data_id, text)


def _value(node: Expression, data_id: DataCoordinate, text: str) -> Any:
    match node:
        case Literal():
            return node.value
        case Column() if node.is_key and not node.dataset and node.name in data_id.mapping:
            return data_id[node.name]
        case Arithmetic(right=None):
            return -_value(node.left, data_id, text)
        case Arithmetic():
            assert node.right is not None
            return _ARITHMETIC[node.operator](
                _value(node.left, data_id, text), _value(node.right, data_id, text)
            )
    raise _unknown(node.name if node.is_key else f"{node.element}.{node.name}", data_id, text)


def _unknown(name: str, data_id: DataCoordinate, text: str) -> InvalidQueryError:
    return InvalidQueryError(f"A data ID of {', '.join(data_id.dimensions.names)} does not tell {name}", text)
