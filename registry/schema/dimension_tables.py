"""Tables made for a dimension universe: one per element that has records, one per pair that may overlap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from registry.dialects.base import Dialect
from registry.dimensions.element import Column as RecordColumn
from registry.dimensions.element import DimensionElement
from registry.dimensions.universe import DimensionUniverse
from registry.schema.naming import CIRCLE, overlap_table_name


def column_type(column: RecordColumn, dialect: Dialect) -> TypeEngine[Any]:
    """Return the SQL type of a record's column."""
    if column.type == "string":
        text = String(column.length) if column.length else Text()
        text.collation = dialect.collation
        return text
    types: dict[str, type[TypeEngine[Any]]] = {
        "int": BigInteger,
        "float": Double,
        "bool": Boolean,
        "hash": LargeBinary,
        "region": LargeBinary,
        "time_ns": BigInteger,
    }
    return types[column.type]()


def key_columns(universe: DimensionUniverse, names: Iterable[str], dialect: Dialect) -> list[Column[Any]]:
    """Return new primary-key columns for dimensions."""
    columns = []
    for name in names:
        key = universe[name].key
        assert key is not None
        columns.append(Column(name, column_type(key, dialect), primary_key=True, autoincrement=False))
    return columns


def parents(universe: DimensionUniverse, names: Iterable[str]) -> list[DimensionElement]:
    """Return the elements whose tables must hold the values of ``names``, without those that others imply."""
    elements = [universe[name] for name in names]
    covered = {other for e in elements if e.has_table for other in e.required if other != e.name}
    return [element for element in elements if element.has_table and element.name not in covered]


def element_table(element: DimensionElement, metadata: MetaData, dialect: Dialect) -> Table:
    """Return the table of an element's records."""
    universe = element.universe
    columns = key_columns(universe, element.required, dialect)
    for column in element.columns[len(element.required) :]:
        columns.append(Column(column.name, column_type(column, dialect), nullable=column.nullable))
    if element.spatial:
        columns += [Column(name, Double) for name in CIRCLE]
    # No foreign keys: the records that new ones refer to are looked up in bulk, and never removed.
    above = [name for name in element.required if name != element.name]
    constraints = [UniqueConstraint(*above, key.name) for key in element.alternate_keys]
    # Rows with regions are too wide to live in the index of their key.
    options = {} if element.spatial else dialect.clustered
    table = Table(element.name, metadata, *columns, *constraints, **options)
    if element.spatial:
        # Serves "which circles are near this one": a band in z, narrowed by x and y within the index; and the
        # largest radius, by which that search must be widened.
        x, y, z, radius = (table.c[name] for name in CIRCLE)
        Index(f"ix_{element.name}_circle", z, x, y, radius)
        Index(f"ix_{element.name}_circle_radius", radius)
    return table


def overlap_table(universe: DimensionUniverse, a: str, b: str, metadata: MetaData, dialect: Dialect) -> Table:
    """Return the table of pairs of records whose regions overlap."""
    left, right = universe[a].required, universe[b].required
    names = [*left, *(name for name in right if name not in left)]
    name = overlap_table_name(a, b)
    # No foreign keys: pairs are made from records that are there, and records are never removed.
    table = Table(name, metadata, *key_columns(universe, names, dialect), **dialect.clustered)
    # The primary key serves "what overlaps this a", the index "what overlaps this b".
    Index(None, *(table.c[column] for column in right))
    return table
