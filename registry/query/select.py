"""The selects behind every query: data IDs, dimension records, datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Subquery, Table, case, func, literal, select, tuple_

from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.query.check import check_order
from registry.query.join import Join
from registry.query.names import Names
from registry.query.to_sql import Renderer
from registry.query.tree import (
    TRUE,
    Column,
    Expression,
    Predicate,
    all_of,
    columns,
    conjuncts,
    region_elements,
    walk,
)
from registry.query.where import dimensions_of

if TYPE_CHECKING:
    from registry.schema.schema import Schema

Order = Sequence[tuple[Expression, bool]]

# What a data ID without dimensions is selected as.
_NOTHING = literal(1).label("no_dimensions")


def data_id_select(
    schema: Schema,
    dimensions: DimensionGroup,
    predicate: Predicate,
    *,
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> Select[Any]:
    """Return the select of the distinct data IDs of some dimensions.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    dimensions : `DimensionGroup`
        Dimensions of the data IDs; joined by what relates them, and by overlaps on the sky.
    predicate : condition
        Resolved (`registry.query.regions.resolve`).
    order_by : sequence of `str`, optional
        Names, ``-`` before those to sort by in descending order.
    limit : `int`, optional
        Maximum number of rows.

    Returns
    -------
    select : `~sqlalchemy.Select`
        Columns ``dimensions.keys``.
    """
    order = _order(order_by, Names(dimensions))
    join = Join(schema, dimensions, predicate, order=_columns(order))
    if join.from_clause is None:  # the data ID without dimensions always exists
        return select(_NOTHING).where(Renderer(schema, join.lookup).condition(predicate))
    result: list[ColumnElement[Any]] = [join.keys[name].label(name) for name in dimensions.keys]
    result = result or [_NOTHING]
    known = [column.is_not(None) for name, column in join.nullable.items() if name in dimensions.index]
    return _finish(join, Renderer(schema, join.lookup), result, dimensions, order, limit, known)


def record_select(
    schema: Schema,
    element: DimensionElement,
    predicate: Predicate,
    *,
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> Select[Any]:
    """Return the select of the records of an element: columns ``element.column_names``.

    Other parameters as in `data_id_select`.
    """
    dimensions = element.minimal_group
    order = _order(order_by, Names(element.dimensions))
    conditions: list[ColumnElement[bool]] = []
    if not dimensions_of(predicate, element.universe) <= dimensions:
        # Records of others are asked for keys only, so that no row with a region has to be made distinct.
        conditions.append(_among(schema, element, predicate))
        predicate = TRUE
    join = Join(schema, dimensions, predicate, order=_columns(order), elements=[element.name], implied=False)
    table = join.tables[element.name]
    result = [table.c[name] for name in element.column_names]
    return _finish(join, Renderer(schema, join.lookup), result, join.dimensions, order, limit, conditions)


def _among(schema: Schema, element: DimensionElement, predicate: Predicate) -> ColumnElement[bool]:
    """Return the condition that an element's record is related to others that fulfil a condition."""
    join = Join(schema, element.minimal_group, predicate, implied=False)
    assert join.from_clause is not None
    matching = select(*(join.keys[name] for name in element.required)).select_from(join.from_clause)
    matching = matching.where(Renderer(schema, join.lookup).condition(join.predicate)).correlate(None)
    own = [schema.element_table(element.name).c[name] for name in element.required]
    return (tuple_(*own) if len(own) > 1 else own[0]).in_(matching)


def dataset_select(
    schema: Schema,
    dimensions: DimensionGroup,
    dataset_type_id: int,
    group_id: int,
    collections: Sequence[int],
    predicate: Predicate,
    *,
    find_first: bool = True,
    order_by: Sequence[str] = (),
    limit: int | None = None,
    runs_only: bool = False,
) -> Select[Any]:
    """Return the select of the datasets of one type in some collections.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    dimensions : `DimensionGroup`
        Dimensions of the dataset type.
    dataset_type_id, group_id : `int`
        Numbers of the dataset type and of its dimension group.
    collections : sequence of `int`
        Numbers of RUN and TAGGED collections, in search order.
    predicate : condition
        Resolved; made with ``dataset_type=`` if it names ``run``, ``collection``, …
    find_first : `bool`, optional
        Whether only the first collection that has a data ID gives its dataset.
    order_by, limit
        As in `data_id_select`.
    runs_only : `bool`, optional
        Whether all ``collections`` are of type RUN; saves a join.

    Returns
    -------
    select : `~sqlalchemy.Select`
        Columns ``dimensions.required``, ``dataset_id``, ``run_id``, and unless ``find_first``, ``rank``: the
        position in ``collections``.
    """
    order = _order(order_by, Names(dimensions, ""))
    table = schema.dataset_table(group_id)
    datasets: Table | Subquery = table
    found = [_in(table.c.collection_id, collections), table.c.dataset_type_id == dataset_type_id]
    if find_first and len(collections) > 1:
        inside, predicate = _split(predicate, dimensions)
        found.append(Renderer(schema, lambda column: table.c[column.name]).condition(inside))
        datasets = _ranked(table, dimensions, collections, found)
        found = [datasets.c.position == 1]
    join = Join(
        schema,
        dimensions,
        predicate,
        order=_columns(order),
        datasets=datasets,
        dataset_dimensions=dimensions,
        implied=False,
    )
    fields = _DatasetFields(schema, join, datasets, runs_only=runs_only)
    fields.join_needed([*columns(predicate), *_columns(order)])
    result: list[ColumnElement[Any]] = [join.keys[name].label(name) for name in dimensions.required]
    result += [datasets.c.dataset_id, fields.run_id.label("run_id")]
    if not find_first:
        result.append(_rank(datasets.c.collection_id, collections).label("rank"))
    return _finish(join, Renderer(schema, fields.lookup), result, dimensions, order, limit, found)


def _in(column: ColumnElement[int], numbers: Sequence[int]) -> ColumnElement[bool]:
    return column == numbers[0] if len(numbers) == 1 else column.in_(numbers)


def _split(predicate: Predicate, dimensions: DimensionGroup) -> tuple[Predicate, Predicate]:
    """Return the part of a condition that a row of the dataset table decides by its data ID, and the rest."""
    inside: list[Predicate] = []
    outside: list[Predicate] = []
    for part in conjuncts(predicate):
        own = all(column.is_key and column.name in dimensions.required for column in columns(part))
        (inside if own and not any(region_elements(part)) else outside).append(part)
    return all_of(inside), all_of(outside)


def _ranked(
    table: Table, dimensions: DimensionGroup, collections: Sequence[int], found: list[ColumnElement[bool]]
) -> Subquery:
    """Return the datasets with their ``position`` among those of the same data ID, in search order."""
    keys = [table.c[name] for name in dimensions.required]
    position = func.row_number().over(
        partition_by=keys or None, order_by=_rank(table.c.collection_id, collections)
    )
    columns = (*keys, table.c.dataset_id, table.c.collection_id, position.label("position"))
    return select(*columns).where(*found).subquery("datasets")


def _rank(column: ColumnElement[int], collections: Sequence[int]) -> ColumnElement[int]:
    if len(collections) <= 1:
        return literal(0)
    return case({number: rank for rank, number in enumerate(collections)}, value=column)


class _DatasetFields:
    """Properties of the datasets that a query finds, joined when one is needed."""

    def __init__(self, schema: Schema, join: Join, datasets: Table | Subquery, *, runs_only: bool) -> None:
        self.schema = schema
        self.join = join
        self.datasets = datasets
        # Named, since SQLAlchemy's own numbered names could be those of tables (dataset_1).
        self.dataset = schema.dataset.alias("stored_dataset")
        self.run = schema.collection.alias("run_of_dataset")
        self.collection = schema.collection.alias("collection_of_dataset")
        self._joined: set[str] = set()
        self.run_id: ColumnElement[int] = datasets.c.collection_id
        if not runs_only:
            self._need("dataset")
            self.run_id = self.dataset.c.run_id

    def join_needed(self, needed: Sequence[Column]) -> None:
        """Join what holds the properties among some columns."""
        for column in needed:
            if not column.element and column.name != "dataset_id":
                self._need({"ingest_date": "dataset"}.get(column.name, column.name))

    def lookup(self, column: Column) -> ColumnElement[Any]:
        """Return the SQL column of any column of the tree."""
        if column.element:
            return self.join.lookup(column)
        return {
            "dataset_id": self.datasets.c.dataset_id,
            "ingest_date": self.dataset.c.ingest_ns,
            "run": self.run.c.name,
            "collection": self.collection.c.name,
        }[column.name]

    def _need(self, what: str) -> None:
        if what in self._joined:
            return
        self._joined.add(what)
        table, condition = {
            "dataset": lambda: (self.dataset, self.dataset.c.id == self.datasets.c.dataset_id),
            "run": lambda: (self.run, self.run.c.id == self.run_id),
            "collection": lambda: (self.collection, self.collection.c.id == self.datasets.c.collection_id),
        }[what]()
        assert self.join.from_clause is not None
        self.join.from_clause = self.join.from_clause.join(table, condition)


def _finish(
    join: Join,
    render: Renderer,
    result: Sequence[ColumnElement[Any]],
    dimensions: DimensionGroup,
    order: Order,
    limit: int | None,
    conditions: Sequence[ColumnElement[bool]],
) -> Select[Any]:
    """Return the select of a join: its condition, made distinct where rows repeat, sorted and cut off."""
    assert join.from_clause is not None
    statement = select(*result).select_from(join.from_clause)
    statement = statement.where(*conditions, render.condition(join.predicate))
    sorting = [(render.value(expression), descending) for expression, descending in order]
    if not set(join.dimensions.required) <= set(dimensions.names):
        # What a distinct select is sorted by must be among its columns, hence the select around it.
        extra = [value.label(f"order_{i}") for i, (value, _) in enumerate(sorting)]
        rows = statement.add_columns(*extra).distinct().subquery("distinct_rows")
        result = [rows.c[column.name] for column in statement.selected_columns]
        sorting = [(rows.c[f"order_{i}"], descending) for i, (_, descending) in enumerate(sorting)]
        statement = select(*result)
    for value, descending in sorting:
        statement = statement.order_by(value.desc().nulls_last() if descending else value.asc().nulls_first())
    if limit is not None:  # so that it is the same rows each time
        keys = [column for column in statement.selected_columns if column.name in dimensions.required]
        statement = statement.order_by(*keys).limit(limit)
    return statement


def _order(order_by: Sequence[str], names: Names) -> Order:
    return [check_order(text, names) for text in order_by]


def _columns(order: Order) -> list[Column]:
    return [node for expression, _ in order for node in walk(expression) if isinstance(node, Column)]
