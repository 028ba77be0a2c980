"""From a checked condition to an SQL expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, not_, or_, select, true, tuple_
from sqlalchemy.types import LargeBinary

from registry.dimensions.element import DimensionElement
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
    KeysAmong,
    Literal,
    Matches,
    OneOf,
    Predicate,
    RegionOverlaps,
    RegionsOverlap,
    SpansOverlap,
)
from registry.query.value_rows import SQL_TYPES, Glob, InParentheses, value_rows

if TYPE_CHECKING:
    from registry.schema.schema import Schema

# More values than this go into one parameter, since databases limit the number of parameters.
_MAX_PARAMETERS = 200
_WIDTH = 100  # conditions side by side: a database parses a OR b OR c as (a OR b) OR c

Lookup = Callable[[Column], ColumnElement[Any]]


class Renderer:
    """Renders conditions over some tables.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    lookup : callable
        Returns the SQL column of a column of the tree.
    """

    def __init__(self, schema: Schema, lookup: Lookup) -> None:
        self.schema = schema
        self.lookup = lookup

    def condition(self, predicate: Predicate) -> ColumnElement[bool]:
        """Return a condition as SQL; unknown values make it neither true nor false."""
        match predicate:
            case Constant(truth):
                return true() if truth else false()
            case All(operands):
                return _balanced(and_, [self.condition(each) for each in operands])
            case AnyOf(operands):
                return _balanced(or_, [self.condition(each) for each in operands])
            case Compare():
                return self._compare(predicate)
            case IsNull(operand, negated):
                value = self.value(operand)
                return value.is_not(None) if negated else value.is_(None)
            case OneOf():
                return self._one_of(predicate)
            case InRange():
                return self._in_range(predicate)
            case Matches(operand, pattern, negated):
                match_ = Glob(self.value(operand), pattern)
                return not_(match_) if negated else match_
            case SpansOverlap(left, right, negated):
                a, b, c, d = map(self.value, (left.begin, right.end, right.begin, left.end))
                return or_(a >= b, c >= d) if negated else and_(a < b, c < d)
            case RegionsOverlap():
                return self._regions_overlap(predicate)
            case KeysAmong():
                return self._keys_among(predicate)
            case RegionOverlaps(element):
                raise AssertionError(f"Regions of {element} were not resolved before SQL.")

    def value(self, expression: Expression) -> ColumnElement[Any]:
        """Return a value as SQL."""
        match expression:
            case Column():
                return self.lookup(expression)
            case Literal(value, "uuid"):
                return literal(value.bytes, self.schema.dialect.id_type)
            case Literal(value, kind):
                return literal(value, SQL_TYPES.get(kind, LargeBinary)())
            case Arithmetic("neg", left):
                return -self.value(left)
            case Arithmetic(operator, left, right) if right is not None:
                a, b = self.value(left), self.value(right)
                # Databases disagree about division by zero: here it gives no value.
                operations: dict[str, Callable[[], ColumnElement[Any]]] = {
                    "+": lambda: a + b,
                    "-": lambda: a - b,
                    "*": lambda: a * b,
                    "/": lambda: a / func.nullif(b, 0),
                    "%": lambda: a % func.nullif(b, 0),
                }
                return operations[operator]()
        raise AssertionError(expression)

    def _compare(self, node: Compare) -> ColumnElement[bool]:
        left, right = self.value(node.left), self.value(node.right)
        operations: dict[str, Callable[[], ColumnElement[bool]]] = {
            "=": lambda: left == right,
            "!=": lambda: left != right,
            "<": lambda: left < right,
            "<=": lambda: left <= right,
            ">": lambda: left > right,
            ">=": lambda: left >= right,
        }
        return operations[node.operator]()

    def _one_of(self, node: OneOf) -> ColumnElement[bool]:
        operand = self.value(node.operand)
        if len(node.values) > _MAX_PARAMETERS and node.type in SQL_TYPES:
            rows = value_rows([(value,) for value in node.values], [node.type])
            return operand.not_in(rows) if node.negated else operand.in_(rows)
        values = [self.value(Literal(value, node.type)) for value in node.values]
        return operand.not_in(values) if node.negated else operand.in_(values)

    def _in_range(self, node: InRange) -> ColumnElement[bool]:
        operand = self.value(node.operand)
        inside: ColumnElement[bool] = operand.between(node.start, node.stop)
        if node.step > 1:
            inside = and_(inside, (operand - node.start) % node.step == 0)
        return not_(inside) if node.negated else inside

    def _regions_overlap(self, node: RegionsOverlap) -> ColumnElement[bool]:
        table = self.schema.overlap_table(node.left, node.right)
        names = {*self._element(node.left).required, *self._element(node.right).required}
        pair = exists(select(1).where(*(table.c[name] == self._key(name) for name in sorted(names))))
        if not node.negated:
            return pair
        return and_(self._region(node.left).is_not(None), self._region(node.right).is_not(None), not_(pair))

    def _keys_among(self, node: KeysAmong) -> ColumnElement[bool]:
        element = self._element(node.element)
        keys = [self._key(name) for name in element.required]
        kinds = [column.type for column in element.columns[: len(keys)]]
        rows = value_rows(node.keys, kinds)
        left = tuple_(*keys) if len(keys) > 1 else keys[0]
        if not node.negated:
            return left.in_(rows)
        return and_(self._region(node.element).is_not(None), left.not_in(rows))

    def _element(self, name: str) -> DimensionElement:
        return self.schema.universe[name]

    def _key(self, name: str) -> ColumnElement[Any]:
        return self.lookup(Column(name, name, ""))

    def _region(self, element: str) -> ColumnElement[Any]:
        return self.lookup(Column(element, "region", "region"))


def _balanced(
    combine: Callable[..., ColumnElement[bool]], conditions: list[ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Combine many conditions as a tree of little depth, which databases limit."""
    while len(conditions) > _WIDTH:
        groups = [conditions[i : i + _WIDTH] for i in range(0, len(conditions), _WIDTH)]
        conditions = [InParentheses(combine(*group)) for group in groups]
    return combine(*conditions)
