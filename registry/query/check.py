"""From what was written to what it means: names known, types agreed, negations pushed to the leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.literals import REGIONS, fold, function, integer, literals, string
from registry.query.names import Known, Names, unknown_value
from registry.query.parse import parse
from registry.query.syntax import (
    Bind,
    Call,
    Logic,
    Member,
    Name,
    Negation,
    Operation,
    Pair,
    Range,
    Sign,
    Syntax,
)
from registry.query.tree import (
    FALSE,
    TRUE,
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
    RegionOverlaps,
    RegionsOverlap,
    Span,
    SpansOverlap,
    all_of,
    any_of,
    walk,
)
from registry.suggest import suggest
from registry.timespan import MAX_NS, MIN_NS

Value: TypeAlias = Expression | Span

_NUMBERS = {"int", "float"}
_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
# Each is a parameter of the statement, and databases limit these.
_MOST_VALUES = 30_000
_TYPES = {"time_ns": "time", "string": "text", "hash": "bytes"}


def check(
    text: str,
    dimensions: DimensionGroup,
    *,
    bind: Mapping[str, Any] | None = None,
    datasets: Iterable[str] = (),
    known: Known | None = None,
) -> Predicate:
    """Return what a condition means.

    Parameters
    ----------
    text : `str`
        The expression.
    dimensions : `DimensionGroup`
        Dimensions of the query; the expression may refer to others.
    bind : `~collections.abc.Mapping`, optional
        Values by name.
    datasets : iterable of `str`, optional
        Dataset types that the query joins.
    known : callable, optional
        Returns the values that a governor dimension has.

    Raises
    ------
    InvalidQueryError
        If the text is malformed, names something unknown, or compares what cannot be compared.
    """
    checker = Checker(text, Names(dimensions, datasets, known), bind or {})
    try:
        found = checker.condition(parse(text))
    except RecursionError:
        raise InvalidQueryError(
            f"The expression of {len(text)} characters is nested too deeply; use IN with a list of values"
        ) from None
    if len(text) > _MOST_VALUES and sum(isinstance(node, Literal) for node in walk(found)) > _MOST_VALUES:
        raise InvalidQueryError(
            f"The expression compares with more than {_MOST_VALUES} values; bind a list and write IN"
        )
    return found


def check_order(text: str, names: Names) -> tuple[Expression, bool]:
    """Return what to sort by, and whether in descending order: a leading ``-`` says so."""
    descending = text.startswith("-")
    value = Checker(text, names, {}).value(parse(text.removeprefix("-")), shift=descending)
    if isinstance(value, Span):
        value = value.begin
    if isinstance(value, Literal) or value.type == "region":
        raise InvalidQueryError("Rows are sorted by numbers, texts or times of theirs", text)
    return value, descending


class Checker:
    """Checks one expression.

    Parameters
    ----------
    text : `str`
        For error messages.
    names : `Names`
        What names stand for.
    bind : `~collections.abc.Mapping`
        Values by name.
    """

    def __init__(self, text: str, names: Names, bind: Mapping[str, Any]) -> None:
        self.text = text
        self.names = names
        self.bind = bind

    def condition(self, node: Syntax, *, negated: bool = False) -> Predicate:
        """Return the meaning of what must be true or false, or the opposite of it."""
        match node:
            case Negation(operand):
                return self.condition(operand, negated=not negated)
            case Logic(operator, operands):
                combine = all_of if (operator == "AND") != negated else any_of
                return combine([self.condition(each, negated=negated) for each in operands])
            case Literal(value=bool(truth)):
                return Constant(truth != negated)
            case Operation(operator) if operator in _OPPOSITE:
                return self._compare(node, negated=negated)
            case Operation("OVERLAPS"):
                return self._overlap(node, negated=negated)
            case Member():
                return self._member(node, negated=negated)
            case Call("GLOB"):
                return self._glob(node, negated=negated)
            case _:
                value = self.value(node)
                if isinstance(value, Literal) and value.type == "bool":
                    return Constant(value.value != negated)
                if isinstance(value, Span) or value.type != "bool":
                    raise self._error(f"{_described(value)} is no condition; compare it with something", node)
                return Compare("=", value, Literal(not negated, "bool"))

    def value(self, node: Syntax, *, shift: int = 0) -> Value:
        """Return the meaning of what has a value; ``shift`` is added to positions."""
        with self._at(node, shift):
            match node:
                case Literal(value=int() as value, type="int"):
                    return integer(value)
                case Literal(value=str() as value, type="string"):
                    return string(value)
                case Literal():
                    return node
                case Name(text) | Bind(text) if text in self.bind:
                    found = literals(self.bind[text])
                    if isinstance(found, tuple):
                        raise InvalidQueryError(f"{text!r} is a container; use it with IN")
                    return found
                case Name(text):
                    return self.names.resolve(text)
                case Bind(text):
                    hint = suggest(text, self.bind) or "; pass it with bind"
                    raise InvalidQueryError(f"Nothing is bound to {text!r}{hint}")
                case Sign() | Operation("+" | "-" | "*" | "/" | "%"):
                    return self._arithmetic(node)
                case Pair(begin, end):
                    return Span(self._bound(begin, MIN_NS), self._bound(end, MAX_NS))
                case Call("GLOB"):
                    raise InvalidQueryError("GLOB is a condition, not a value")
                case Call(name, arguments):
                    if name not in REGIONS and name != "UUID":
                        known = [*REGIONS, "UUID", "GLOB"]
                        hint = suggest(name, known) or f"; there are {', '.join(known)}"
                        raise InvalidQueryError(f"No function {name!r}{hint}")
                    return function(name, [self._plain(each, name) for each in arguments])
                case Range():
                    raise InvalidQueryError("a range is for IN only")
                case _:
                    raise InvalidQueryError("a condition has no value to compare or compute with")

    def _arithmetic(self, node: Sign | Operation) -> Expression:
        if isinstance(node, Sign):
            operand = self._number(node.operand)
            if node.operator == "+":
                return operand
            if isinstance(operand, Literal):
                return Literal(-operand.value, operand.type)
            return Arithmetic("neg", operand, None, operand.type)
        left, right = self._number(node.left), self._number(node.right)
        types = {left.type, right.type}
        if node.operator == "%" and types != {"int"}:
            raise InvalidQueryError("'%' is for integers only")
        if isinstance(right, Literal) and right.value == 0 and node.operator in "/%":
            raise InvalidQueryError("division by zero")
        if isinstance(left, Literal) and isinstance(right, Literal):
            return fold(node.operator, left, right)
        kind = "float" if node.operator == "/" or "float" in types else "int"
        return Arithmetic(node.operator, left, right, kind)

    def _number(self, node: Syntax) -> Expression:
        value = self.value(node)
        if isinstance(value, Span) or value.type not in _NUMBERS:
            raise self._error(f"{_described(value)} is no number", node)
        return value

    def _plain(self, node: Syntax, name: str) -> Any:
        value = self.value(node)
        if not isinstance(value, Literal):
            raise self._error(f"{name} takes plain values, not columns", node)
        return value.value

    def _bound(self, node: Syntax, unbounded: int) -> Expression:
        value = self.value(node)
        if isinstance(value, Literal) and value.type == "null":
            return Literal(unbounded, "time_ns")
        if isinstance(value, Span) or value.type != "time_ns":
            hint = " (write T before the quotes)" if getattr(value, "type", "") == "string" else ""
            raise self._error(
                f"A timespan is bounded by times or NULL; {_described(value)} is neither{hint}", node
            )
        return value

    def _compare(self, node: Operation, *, negated: bool) -> Predicate:
        left, right = self.value(node.left), self.value(node.right)
        operator = _OPPOSITE[node.operator] if negated else node.operator
        for a, b in ((left, right), (right, left)):
            if isinstance(b, Literal) and b.type == "null" and node.operator in ("=", "!="):
                operand = a.begin if isinstance(a, Span) else a
                if isinstance(operand, Literal):
                    return Constant((operand.type == "null") == (operator == "="))
                return IsNull(operand, negated=operator == "!=")
        if isinstance(left, Span) or isinstance(right, Span):
            return self._compare_spans(node, left, right, operator)
        self._comparable(node, left, right)
        ordered = node.operator not in ("=", "!=")
        if left.type in ("region", "null") or (ordered and left.type in ("bool", "uuid", "hash")):
            raise self._error(f"{_described(left)} cannot be compared by {node.operator!r}", node)
        if not ordered:
            self._known(left, right, node.right)
            self._known(right, left, node.left)
        return Compare(operator, left, right)

    def _known(self, column: Expression, value: Expression, node: Syntax) -> None:
        """Refuse values that a governor dimension does not have."""
        if isinstance(column, Column) and column.is_key and isinstance(value, Literal):
            names = self.names
            if wrong := unknown_value(names.universe, column.name, value.value, names.known):
                raise self._error(wrong, node)

    def _comparable(self, node: Syntax, left: Expression, right: Expression) -> None:
        if left.type == right.type or {left.type, right.type} <= _NUMBERS:
            return
        times = {left.type, right.type} == {"time_ns", "string"}
        hint = "; write T before the quotes of a time" if times else ""
        raise self._error(f"{_described(left)} cannot be compared with {_described(right)}{hint}", node)

    def _compare_spans(self, node: Operation, left: Value, right: Value, operator: str) -> Predicate:
        a, b = self._span(left, node), self._span(right, node)
        both = isinstance(left, Span) and isinstance(right, Span)
        if node.operator in ("=", "!=") and both:
            combine = all_of if operator == "=" else any_of
            return combine([Compare(operator, a.begin, b.begin), Compare(operator, a.end, b.end)])
        if node.operator == "<":  # all of it is before
            return Compare("<=" if operator == "<" else ">", a.end, b.begin)
        if node.operator == ">":
            return Compare(">=" if operator == ">" else "<", a.begin, b.end)
        raise self._error(f"A timespan cannot be compared by {node.operator!r}; use OVERLAPS, < or >", node)

    def _span(self, value: Value, node: Syntax) -> Span:
        """Return a timespan; of a time, the nanosecond that starts then."""
        if isinstance(value, Span):
            return value
        if value.type != "time_ns":
            hint = "; write T before the quotes of a time" if value.type == "string" else ""
            raise self._error(f"{_described(value)} is neither time nor timespan{hint}", node)
        if isinstance(value, Literal):
            return Span(value, Literal(value.value + 1, "time_ns"))
        return Span(value, Arithmetic("+", value, Literal(1, "time_ns"), "time_ns"))

    def _overlap(self, node: Operation, *, negated: bool) -> Predicate:
        left, right = self.value(node.left), self.value(node.right)
        types = ["timespan" if isinstance(each, Span) else each.type for each in (left, right)]
        if "region" not in types:
            if "timespan" not in types:
                raise self._error("OVERLAPS needs a timespan or a region on one side", node)
            return SpansOverlap(self._span(left, node), self._span(right, node), negated)
        if types != ["region", "region"]:
            other = left if types[1] == "region" else right
            raise self._error(f"A region cannot overlap {_described(other)}", node)
        match left, right:
            case Column(a), Column(b):
                if self.names.universe[a].spatial == self.names.universe[b].spatial:
                    raise self._error(f"No overlaps are kept between {a!r} and {b!r}", node)
                return RegionsOverlap(a, b, negated)
            case (Column(element), Literal(region)) | (Literal(region), Column(element)):
                return RegionOverlaps(element, region, negated)
            case Literal(a), Literal(b):
                return TRUE if (a.overlaps(b) is not False) != negated else FALSE
        raise AssertionError(types)

    def _member(self, node: Member, *, negated: bool) -> Predicate:
        operand = self.value(node.value)
        if isinstance(operand, Span) or operand.type in ("region", "null"):
            raise self._error(f"{_described(operand)} cannot be used with IN", node)
        values: list[Any] = []
        others: list[Predicate] = []
        for item in node.items:
            if isinstance(item, Range):
                if operand.type not in _NUMBERS:
                    raise self._error(f"{_described(operand)} cannot be in a range of integers", item)
                with self._at(item):
                    start, stop, step = (integer(n).value for n in (item.start, item.stop, item.step))
                    if stop < start:
                        raise InvalidQueryError(f"A range goes upwards; write {stop}..{start}")
                others.append(InRange(operand, start, stop, step, negated))
                continue
            for value in self._items(item):
                if isinstance(value, Literal) and value.type == "null":
                    others.append(IsNull(operand, negated))
                    continue
                if isinstance(value, Span):
                    raise self._error(f"{_described(operand)} cannot be equal to a timespan", item)
                self._comparable(item, operand, value)
                if isinstance(value, Literal):
                    self._known(operand, value, item)
                    values.append(value.value)
                else:
                    others.append(Compare("!=" if negated else "=", operand, value))
        if values:
            others.insert(0, OneOf(operand, tuple(dict.fromkeys(values)), operand.type, negated))
        return all_of(others) if negated else any_of(others)

    def _items(self, item: Syntax) -> tuple[Value, ...]:
        if isinstance(item, (Name, Bind)) and item.text in self.bind:
            with self._at(item):
                found = literals(self.bind[item.text])
            return found if isinstance(found, tuple) else (found,)
        return (self.value(item),)

    def _glob(self, node: Call, *, negated: bool) -> Predicate:
        if len(node.arguments) != 2:
            raise self._error("write GLOB(column, 'pattern')", node)
        operand, pattern = (self.value(each) for each in node.arguments)
        if isinstance(operand, Span) or operand.type != "string":
            raise self._error(f"GLOB compares texts; {_described(operand)} is none", node.arguments[0])
        if not isinstance(pattern, Literal) or pattern.type != "string":
            raise self._error("The pattern of GLOB is a text in quotes, or bound", node.arguments[1])
        return Matches(operand, pattern.value, negated)

    def _error(self, message: str, node: Syntax) -> InvalidQueryError:
        return InvalidQueryError(message, self.text, node.position)

    @contextmanager
    def _at(self, node: Syntax, shift: int = 0) -> Iterator[None]:
        """Point errors that have no position at a node."""
        try:
            yield
        except InvalidQueryError as err:
            if err.position is not None:
                raise
            raise InvalidQueryError(str(err), self.text, node.position + shift) from None


def _described(value: Value) -> str:
    match value:
        case Span():
            return "a timespan"
        case Literal(value=None):
            return "NULL"
        case Literal(type="region"):
            return "a region"
        case Literal(type="time_ns"):
            return "a time"
        case Literal(plain, kind):
            return f"{plain!r} ({_TYPES.get(kind, kind)})"
        case Column(element, name, kind):
            shown = name if not element or element == name else f"{element}.{name}"
            return f"{shown!r} ({_TYPES.get(kind, kind)})"
        case Arithmetic(type=kind):
            return f"the result of arithmetic ({kind})"
    raise AssertionError(value)
