"""The selects behind every query: rows of data IDs with columns of records and datasets, and records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_

from registry.arguments import all_checked
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.check import check_order
from registry.query.join import Join, Relation
from registry.query.names import Names
from registry.query.searches import DatasetProperties, Search, search_relation
from registry.query.to_sql import Renderer
from registry.query.tree import TRUE, Column, Expression, Predicate, columns, walk
from registry.query.where import dimensions_of
from registry.records.shared import own_columns

if TYPE_CHECKING:
    from registry.schema.schema import Schema

Order = Sequence[tuple[Expression, bool]]

# What a data ID without dimensions is selected as.
_NOTHING = literal(1).label("no_dimensions")


def sort_terms(order_by: Sequence[str], names: Names) -> Order:
    """Return what to sort by; a leading ``-`` means in descending order.

    Raises
    ------
    InvalidQueryError
        If a name is unknown, or is of something that a data ID of the query has several of.
    """
    all_checked(order_by, str, "column name")
    order = [check_order(text, names) for text in order_by]
    universe = names.universe
    for text, column in (
        (text, each) for text, term in zip(order_by, order, strict=True) for each in _columns([term])
    ):
        if column.element and not universe.conform(universe[column.element].required) <= names.dimensions:
            raise InvalidQueryError(
                f"Rows of {names.dimensions} cannot be sorted by {text!r}: each has several of these"
            )
    return order


def data_id_select(
    schema: Schema,
    dimensions: DimensionGroup,
    predicate: Predicate,
    *,
    relations: Sequence[Relation] = (),
    searches: Sequence[Search] = (),
    fields: Sequence[Column] = (),
    records: Sequence[DimensionElement] = (),
    implied: bool = True,
    nulls: bool = False,
    order: Order = (),
    limit: int | None = None,
) -> Select[Any]:
    """Return the select of the distinct data IDs of some dimensions, with columns of records and datasets.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    dimensions : `DimensionGroup`
        Dimensions of the data IDs; joined by what relates them, and by overlaps on the sky.
    predicate : condition
        Resolved (`registry.query.regions.resolve`).
    relations : sequence of `Relation`, optional
        Rows to join.
    searches : sequence of `Search`, optional
        Datasets to join.
    fields : sequence of `Column`, optional
        What to select besides.
    records : sequence of `DimensionElement`, optional
        Elements whose `own_columns` to select as well.
    implied : `bool`, optional
        Whether to select implied dimensions.
    nulls : `bool`, optional
        Whether there may be data IDs of which an implied dimension is not known.
    order : sequence of (expression, `bool`), optional
        From `sort_terms`.
    limit : `int`, optional
        Maximum number of rows.

    Returns
    -------
    select : `~sqlalchemy.Select`
        Columns ``dimensions.keys`` (or ``required``), then the fields, then those of the records.
    """
    needed = [*fields, *_columns(order)]
    asked = [*needed, *columns(predicate)]
    relations = list(relations)
    properties: dict[str, DatasetProperties] = {}
    for number, search in enumerate(searches):
        names = {column.name for column in asked if column.dataset == search.name}
        listed = any(column.dataset == search.name for column in fields)
        relation = search_relation(schema, search, names, predicate, number=number, listed=listed)
        relations.append(relation)
        properties[search.name] = DatasetProperties(schema, search, relation.rows, number)
    join = Join(
        schema, dimensions, predicate, columns=needed, relations=relations, implied=implied, maybe=records
    )
    for name, each in properties.items():
        each.join(join, {column.name for column in asked if column.dataset == name})

    def lookup(column: Column) -> ColumnElement[Any]:
        return properties[column.dataset].lookup(column) if column.dataset else join.lookup(column)

    render = Renderer(schema, lookup)
    if join.from_clause is None:  # the data ID without dimensions always exists
        return select(_NOTHING).where(render.condition(predicate)).limit(limit)
    keys = dimensions.keys if implied else dimensions.required
    result: list[ColumnElement[Any]] = [join.keys[name].label(name) for name in keys]
    result += [lookup(column).label(f"field_{i}") for i, column in enumerate(fields)]
    for element in records:
        columns_of = join.tables[element.name].c
        result += [columns_of[name].label(f"{element.name}_{name}") for name in own_columns(element)]
    known = [column.is_not(None) for name, column in join.nullable.items() if name in dimensions.index]
    conditions = [] if nulls else known
    # Several datasets may have the same data ID.
    ids = [f"field_{i}" for i, field in enumerate(fields) if field.name == "dataset_id"]
    unique = [*dimensions.required, *ids]
    return _finish(join, render, result or [_NOTHING], dimensions, order, limit, conditions, unique)


def record_select(
    schema: Schema,
    element: DimensionElement,
    predicate: Predicate,
    *,
    relations: Sequence[Relation] = (),
    searches: Sequence[Search] = (),
    order: Order = (),
    limit: int | None = None,
) -> Select[Any]:
    """Return the select of the records of an element: columns ``element.column_names``.

    Other parameters as in `data_id_select`.
    """
    dimensions = element.minimal_group
    conditions: list[ColumnElement[bool]] = []
    if relations or searches or not dimensions_of(predicate, element.universe) <= dimensions:
        # Others are asked for keys only, so that no row with a region has to be made distinct.
        among = data_id_select(
            schema, dimensions, predicate, relations=relations, searches=searches, implied=False
        )
        own = [schema.element_table(element.name).c[name] for name in element.required]
        conditions.append((tuple_(*own) if len(own) > 1 else own[0]).in_(among.correlate(None)))
        predicate = TRUE
    join = Join(
        schema, dimensions, predicate, columns=_columns(order), elements=[element.name], implied=False
    )
    table = join.tables[element.name]
    result = [table.c[name] for name in element.column_names]
    render = Renderer(schema, join.lookup)
    return _finish(join, render, result, join.dimensions, order, limit, conditions, element.required)


def count_select(statement: Select[Any]) -> Select[Any]:
    """Return the select of the number of rows of another select."""
    if statement._limit_clause is None:
        statement = statement.order_by(None)
    return select(func.count()).select_from(statement.subquery("rows"))


def _finish(
    join: Join,
    render: Renderer,
    result: Sequence[ColumnElement[Any]],
    dimensions: DimensionGroup,
    order: Order,
    limit: int | None,
    conditions: Sequence[ColumnElement[bool]],
    unique: Sequence[str],
) -> Select[Any]:
    """Return the select of a join: its condition, made distinct where rows repeat, sorted and cut off.

    The columns ``unique`` of the result tell its rows apart.
    """
    assert join.from_clause is not None
    statement = select(*result).select_from(join.from_clause)
    found = (condition for relation in join.relations for condition in relation.conditions)
    statement = statement.where(*found, *conditions, render.condition(join.predicate))
    sorting = [(render.value(expression), descending) for expression, descending in order]
    repeats = any(relation.repeats for relation in join.relations)
    if repeats or not set(join.dimensions.required) <= set(dimensions.names):
        # What a distinct select is sorted by must be among its columns, hence the select around it.
        extra = [value.label(f"order_{i}") for i, (value, _) in enumerate(sorting)]
        rows = statement.add_columns(*extra).distinct().subquery("distinct_rows")
        result = [rows.c[column.name] for column in statement.selected_columns]
        sorting = [(rows.c[f"order_{i}"], descending) for i, (_, descending) in enumerate(sorting)]
        statement = select(*result)
    for value, descending in sorting:
        statement = statement.order_by(value.desc().nulls_last() if descending else value.asc().nulls_first())
    if limit is not None:  # so that it is the same rows each time
        keys = [column for column in statement.selected_columns if column.name in unique]
        statement = statement.order_by(*keys).limit(limit)
    return statement


def _columns(order: Order) -> list[Column]:
    return [node for expression, _ in order for node in walk(expression) if isinstance(node, Column)]
