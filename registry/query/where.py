"""One condition from all that a caller says: expressions, data IDs, defaults of the governor dimensions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from registry.dimensions.group import DimensionGroup
from registry.dimensions.universe import DimensionUniverse
from registry.errors import DataIdError, InvalidQueryError
from registry.query.check import check
from registry.query.factory import WrittenCondition
from registry.query.names import Known, unknown_value
from registry.query.tree import (
    TRUE,
    Column,
    Compare,
    Condition,
    Literal,
    Predicate,
    all_of,
    columns,
    conjuncts,
    region_elements,
)

Where: TypeAlias = "Part | Sequence[Part] | None"
Part: TypeAlias = "str | WrittenCondition | Predicate | Mapping[str, Any]"


def interpret(
    where: Where,
    *,
    dimensions: DimensionGroup,
    bind: Mapping[str, Any] | None = None,
    data_id: Mapping[str, Any] | None = None,
    datasets: Iterable[str] = (),
    known: Known | None = None,
) -> Predicate:
    """Return the condition that everything holds.

    Parameters
    ----------
    where : `str`, mapping, condition, or several
        Expressions, data IDs, or conditions that were made earlier.
    dimensions : `DimensionGroup`
        Dimensions of the query.
    bind : `~collections.abc.Mapping`, optional
        Values by name, for expressions.
    data_id : `~collections.abc.Mapping`, optional
        Values of dimensions.
    datasets : iterable of `str`, optional
        Dataset types that the query joins, so that their ``run``, ``ingest_date``, … can be named.
    known : callable, optional
        Returns the values that a governor dimension has; others than these are refused.

    Raises
    ------
    InvalidQueryError
        If an expression is not valid.
    DataIdError, UnknownDimensionError
        If a data ID is not.
    """
    universe = dimensions.universe
    if bind is not None and not isinstance(bind, Mapping):
        raise InvalidQueryError(f"bind maps names to values; {bind!r} is of type {type(bind).__name__}")
    checked: list[Predicate] = []
    for part in _parts(where):
        if isinstance(part, WrittenCondition):
            checked.append(check(part.text, dimensions, bind=part.bind, datasets=datasets, known=known))
        elif isinstance(part, str):
            if not part.strip():
                continue
            checked.append(check(part, dimensions, bind=bind, datasets=datasets, known=known))
        else:
            checked.append(_one(part, universe, known))
    return all_of([*checked, equal(data_id or {}, universe, known)])


def _parts(where: Any) -> Iterator[Any]:
    if isinstance(where, Sequence) and not isinstance(where, str):
        for part in where:
            yield from _parts(part)
    else:
        yield where


def _one(where: Any, universe: DimensionUniverse, known: Known | None) -> Predicate:
    if where is None:
        return TRUE
    if isinstance(where, Condition):
        return cast("Predicate", where)
    if not hasattr(where, "keys"):
        raise InvalidQueryError(
            f"A condition is a text or a data ID; {where!r} is of type {type(where).__name__}"
        )
    return equal(where, universe, known)


def equal(data_id: Mapping[str, Any], universe: DimensionUniverse, known: Known | None = None) -> Predicate:
    """Return the condition that dimensions have the given values."""
    parts: list[Predicate] = []
    for name in data_id.keys():  # noqa: SIM118  # a data ID is no mapping, but has its keys
        key = universe.conform([name]).universe[name].key
        assert key is not None
        column, value = Column(key.name, key.name, key.type), key.coerce(data_id[name])
        if wrong := unknown_value(universe, key.name, value, known):
            raise DataIdError(wrong)
        parts.append(Compare("=", column, Literal(value, key.type)))
    return all_of(parts)


def dimensions_of(predicate: Predicate, universe: DimensionUniverse) -> DimensionGroup:
    """Return the dimensions that a condition depends on."""
    names: set[str] = set()
    for element in (*(column.element for column in columns(predicate)), *region_elements(predicate)):
        if element:
            names.update(universe[element].required if not universe[element].is_dimension else (element,))
    return universe.conform(sorted(names))


def constants(predicate: Predicate) -> dict[str, Any]:
    """Return the values of dimensions that a condition fixes."""
    fixed = {}
    for part in conjuncts(predicate):
        match part:
            case Compare("=", Column() as column, Literal(value)) if column.is_key:
                fixed[column.name] = value
            case Compare("=", Literal(value), Column() as column) if column.is_key:
                fixed[column.name] = value
    return fixed


def missing_governors(predicate: Predicate, dimensions: DimensionGroup) -> tuple[str, ...]:
    """Return the governor dimensions of a query and its condition that the condition does not speak of."""
    universe = dimensions.universe
    spoken_of = set()
    for column in columns(predicate):
        if column.element and (element := universe[column.element]).governor:
            alternates = {key.name for key in element.alternate_keys}
            if column.is_key or column.name in alternates:
                spoken_of.add(element.name)
    governors = (dimensions | dimensions_of(predicate, universe)).governors
    return tuple(name for name in governors if name not in spoken_of)


def constrain(
    predicate: Predicate,
    dimensions: DimensionGroup,
    defaults: Mapping[str, Any],
    given: Collection[str] = (),
) -> Predicate:
    """Return the condition with defaults of the governor dimensions that it does not speak of.

    Parameters
    ----------
    predicate : condition
        From `interpret`.
    dimensions : `DimensionGroup`
        Dimensions of the query.
    defaults : `~collections.abc.Mapping`
        Values of governor dimensions.
    given : collection of `str`, optional
        Governor dimensions whose values come along with given data IDs.

    Raises
    ------
    InvalidQueryError
        If the condition needs a governor dimension that has no default: a visit without an instrument is
        almost always a mistake.
    """
    universe = dimensions.universe
    missing = [name for name in missing_governors(predicate, dimensions) if name not in given]
    needed = dimensions_of(predicate, universe).governors
    for name in missing:
        if name in needed and name not in defaults:
            about = _dependents(predicate, name, universe)
            raise InvalidQueryError(
                f"The query names {', '.join(about)} but no {name}; add: {name} = '…' (or pass {name}=…)"
            )
    return all_of(
        [predicate, equal({name: defaults[name] for name in missing if name in defaults}, universe)]
    )


def independent(predicate: Predicate, universe: DimensionUniverse) -> list[tuple[Predicate, Predicate]]:
    """Return the conditions that must all hold, each also with what it needs to be asked alone.

    A visit means nothing without its instrument, which another condition may name.
    """
    parts = conjuncts(predicate)
    result = []
    for part in parts:
        lacking = set(missing_governors(part, dimensions_of(part, universe)))
        others = [other for other in parts if lacking & _governors_named(other, universe)]
        result.append((part, all_of([part, *others])))
    return result


def _governors_named(predicate: Predicate, universe: DimensionUniverse) -> set[str]:
    governors = dimensions_of(predicate, universe).governors
    return set(governors).difference(missing_governors(predicate, universe.empty))


def _dependents(predicate: Predicate, governor: str, universe: DimensionUniverse) -> list[str]:
    elements: Iterable[str] = [column.element for column in columns(predicate) if column.element]
    elements = [*elements, *region_elements(predicate)]
    return sorted({each for each in elements if governor in universe[each].dimensions})
