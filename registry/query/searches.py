"""Searches of collections for datasets of one type, as rows that a query joins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    case,
    func,
    literal,
    select,
    union_all,
)

from registry.dimensions.group import DimensionGroup
from registry.query.join import Join, Relation
from registry.query.to_sql import Renderer
from registry.query.tree import Column, Predicate, all_of, columns, conjuncts, region_elements
from registry.timespan import MAX_NS, MIN_NS

if TYPE_CHECKING:
    from registry.schema.schema import Schema

_VALIDITY = ("timespan_begin", "timespan_end")


@dataclass(frozen=True, slots=True)
class Search:
    """A search for datasets of one type, by the numbers of the database.

    Attributes
    ----------
    name : `str`
        Dataset type.
    dimensions : `DimensionGroup`
        Its dimensions.
    type_id, group_id : `int`
        Numbers of the dataset type and of its dimension group.
    members : `tuple` [`int`]
        RUN and TAGGED collections, in the order of the search.
    certified : `tuple` [`int`]
        CALIBRATION collections.
    runs_only : `bool`
        Whether all ``members`` are of type RUN; saves a join.
    find_first : `bool`
        Whether only the first of ``members`` that has a data ID gives its dataset.
    """

    name: str
    dimensions: DimensionGroup
    type_id: int
    group_id: int
    members: tuple[int, ...]
    certified: tuple[int, ...] = ()
    runs_only: bool = False
    find_first: bool = False


def search_relation(
    schema: Schema,
    search: Search,
    needed: Collection[str],
    predicate: Predicate,
    *,
    number: int = 0,
    listed: bool = True,
) -> Relation:
    """Return the datasets that a search finds, as rows to join.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    search : `Search`
        The search; it has collections.
    needed : collection of `str`
        Properties of the datasets that are asked for.
    predicate : condition
        What the query demands; as much as the rows can decide is asked inside selects.
    number : `int`, optional
        Position of the search in the query, to tell tables apart.
    listed : `bool`, optional
        Whether the result tells datasets apart, not only their data IDs.

    Returns
    -------
    relation : `Relation`
        Rows with the required dimensions, ``dataset_id``, ``collection_id`` and, if needed, the validity.
    """
    table = schema.dataset_table(search.group_id)
    ranked = search.find_first and len(search.members) > 1
    repeats = len(search.members) > 1 and not (search.find_first or (search.runs_only and listed))
    if not (ranked or search.certified or {*_VALIDITY} & {*needed}):
        rows = table.alias(f"datasets_{number}") if number else table
        return Relation(rows, search.dimensions, tuple(_found(rows, search, search.members)), repeats)
    inside = _decided(predicate, search.dimensions)
    parts: list[Select[Any]] = []
    if search.members:
        parts.append(_member_select(table, schema, search, inside, ranked=ranked))
    if search.certified:
        parts.append(_certified_select(schema, search, inside))
    both: Any = union_all(*parts) if len(parts) > 1 else parts[0]
    named = both.subquery(f"datasets_{number}")
    return Relation(named, search.dimensions, repeats=repeats or bool(search.certified))


def _decided(predicate: Predicate, dimensions: DimensionGroup) -> Predicate:
    """Return the part of a condition that a row of datasets decides by its data ID."""
    return all_of(
        part
        for part in conjuncts(predicate)
        if not any(region_elements(part))
        and all(column.is_key and column.name in dimensions.required for column in columns(part))
    )


def _member_select(
    table: Table, schema: Schema, search: Search, inside: Predicate, *, ranked: bool
) -> Select[Any]:
    found = _found(table, search, search.members)
    found.append(Renderer(schema, lambda column: table.c[column.name]).condition(inside))
    keys = [table.c[name] for name in search.dimensions.required]
    columns = (*keys, table.c.dataset_id, table.c.collection_id)
    always = [
        literal(bound, BigInteger()).label(name)
        for name, bound in zip(_VALIDITY, (MIN_NS, MAX_NS), strict=True)
    ]
    if not ranked:
        return select(*columns, *always).where(*found)
    rank: Any = case(
        {number: rank for rank, number in enumerate(search.members)}, value=table.c.collection_id
    )
    position = func.row_number().over(partition_by=keys or None, order_by=rank)
    # The position among datasets of the same data ID, in search order.
    rows = select(*columns, position.label("position")).where(*found).subquery("ranked")
    return select(*(rows.c[column.name] for column in columns), *always).where(rows.c.position == 1)


def _certified_select(schema: Schema, search: Search, inside: Predicate) -> Select[Any]:
    table = schema.calibration_table(search.group_id)
    keys = [table.c[name] for name in search.dimensions.required]
    validity = [table.c.begin_ns.label("timespan_begin"), table.c.end_ns.label("timespan_end")]
    return select(*keys, table.c.dataset_id, table.c.collection_id, *validity).where(
        *_found(table, search, search.certified),
        Renderer(schema, lambda column: table.c[column.name]).condition(inside),
    )


def _found(rows: FromClause, search: Search, numbers: Sequence[int]) -> list[ColumnElement[bool]]:
    where = rows.c.collection_id
    inside = where == numbers[0] if len(numbers) == 1 else where.in_(numbers)
    return [inside, rows.c.dataset_type_id == search.type_id]


class DatasetProperties:
    """Columns of the datasets that a search finds; what holds them is joined when one is needed."""

    def __init__(self, schema: Schema, search: Search, rows: FromClause, number: int) -> None:
        self.search = search
        self.rows = rows
        # Named, since SQLAlchemy's own numbered names could be those of tables (dataset_1).
        suffix = f"_{number}" if number else ""
        self.dataset = schema.dataset.alias(f"stored_dataset{suffix}")
        self.run = schema.collection.alias(f"run_of_dataset{suffix}")
        self.collection = schema.collection.alias(f"collection_of_dataset{suffix}")
        simple = search.runs_only and not search.certified
        self.run_id: ColumnElement[Any] = rows.c.collection_id if simple else self.dataset.c.run_id

    def join(self, join: Join, needed: Collection[str]) -> None:
        """Join the tables that hold the needed properties."""
        wanted = {*needed}
        if wanted & {"run", "run_id"} and self.run_id.table is self.dataset:
            wanted.add("ingest_date")
        rows = self.rows.c
        tables = (
            ("ingest_date", self.dataset, self.dataset.c.id == rows.dataset_id),
            ("run", self.run, self.run.c.id == self.run_id),
            ("collection", self.collection, self.collection.c.id == rows.collection_id),
        )
        for name, table, condition in tables:
            if name in wanted:
                assert join.from_clause is not None
                join.from_clause = join.from_clause.join(table, condition)

    def lookup(self, column: Column) -> ColumnElement[Any]:
        """Return the SQL column of a property."""
        match column.name:
            case "ingest_date":
                return self.dataset.c.ingest_ns
            case "run":
                return self.run.c.name
            case "collection":
                return self.collection.c.name
            case "run_id":
                return self.run_id
            case name:
                return self.rows.c[name]
