"""From a checked tree back to text, for messages: as a user would write it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    Span,
    SpansOverlap,
)
from registry.timespan import MAX_NS, MIN_NS

# Longer lists are cut short.
_MAX_ITEMS = 10


def text_of(predicate: Predicate) -> str:
    """Return a condition as an expression; long lists are cut short."""
    match predicate:
        case Constant(value):
            return "TRUE" if value else "FALSE"
        case All(operands):
            return " AND ".join(
                f"({each})" if isinstance(each, AnyOf) else text_of(each) for each in operands
            )
        case AnyOf(operands):
            return " OR ".join(map(text_of, operands))
        case Compare("=", left, Literal(value, "bool")):
            return _value(left) if value else f"NOT {_value(left)}"
        case Compare(operator, left, right):
            return f"{_value(left)} {operator} {_value(right)}"
        case IsNull(operand, negated):
            return f"{_value(operand)} IS {_not(negated)}NULL"
        case OneOf(operand, values, kind, negated):
            items = [_value(Literal(value, kind)) for value in values]
            return f"{_value(operand)} {_not(negated)}IN ({_short(items)})"
        case InRange(operand, start, stop, step, negated):
            steps = f":{step}" if step > 1 else ""
            return f"{_value(operand)} {_not(negated)}IN ({start}..{stop}{steps})"
        case Matches(operand, pattern, negated):
            return f"{_not(negated)}GLOB({_value(operand)}, {_quoted(pattern)})"
        case SpansOverlap(left, right, negated):
            return f"{_not(negated)}{_span(left)} OVERLAPS {_span(right)}"
        case RegionOverlaps(element, region, negated):
            return f"{_not(negated)}{element}.region OVERLAPS {_region(region)}"
        case RegionsOverlap(left, right, negated):
            return f"{_not(negated)}{left}.region OVERLAPS {right}.region"
        case KeysAmong(element, keys, negated):
            return f"{element} {_not(negated)}IN ({len(keys)} records)"
    raise AssertionError(predicate)


def _value(expression: Expression) -> str:
    match expression:
        case Column():
            return _column(expression)
        case Arithmetic("neg", left):
            return f"-{_operand(left)}"
        case Arithmetic(operator, left, right) if right is not None:
            return f"{_operand(left)} {operator} {_operand(right)}"
        case Literal(value, "time_ns"):
            return _time(value)
        case Literal(value, "uuid"):
            return f"UUID('{value}')"
        case Literal(value, "string"):
            return _quoted(value)
        case Literal(value, "hash"):
            return f"({len(value)} bytes)"
        case Literal(value):
            return str(value)
    raise AssertionError(expression)


def _operand(expression: Expression) -> str:
    text = _value(expression)
    return f"({text})" if isinstance(expression, Arithmetic) else text


def _column(column: Column) -> str:
    if column.is_key or not column.element:
        return column.name
    return f"{column.element}.{column.name.replace('timespan_', 'timespan.')}"


def _span(span: Span) -> str:
    match span:
        case Span(Column(element), Column()):
            return f"{element}.timespan"
        case Span(Literal(begin), Literal(end)) if end == begin + 1:
            return _time(begin)
        case Span(begin, Arithmetic()):
            return _value(begin)
    bounds = (
        "NULL" if isinstance(each, Literal) and each.value in (MIN_NS, MAX_NS) else _value(each)
        for each in (span.begin, span.end)
    )
    return f"({', '.join(bounds)})"


def _time(ns: int) -> str:
    import numpy as np

    return f"T'{str(np.datetime64(ns, 'ns')).rstrip('0').rstrip('.')}/tai'"


def _region(region: Any) -> str:
    try:
        return f"REGION('{' '.join(map(_rounded, region.to_ivoa_pos().split()))}')"
    except ValueError:
        return str(region)


def _rounded(word: str) -> str:
    """Return an angle [deg] as it was written: through unit vectors and radians its last digits change."""
    return word if word.isalpha() else f"{float(word):.13g}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _short(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_MAX_ITEMS])
    return shown if len(items) <= _MAX_ITEMS else f"{shown}, … {len(items) - _MAX_ITEMS} more"


def _not(negated: bool) -> str:
    return "NOT " if negated else ""
