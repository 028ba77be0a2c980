"""Rows that refer to rows which aren't there: what a tool that went around the constraints may have left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, func, select

from registry.database import Database
from registry.schema.naming import REFERENCES
from registry.schema.schema import Schema


class DanglingRows(NamedTuple):
    """Rows of one table that name missing rows of another."""

    table: str
    column: str
    refers_to: str
    rows: int


def dangling_rows(db: Database, schema: Schema) -> list[DanglingRows]:
    """Check every reference between the fixed tables, and of the tables of datasets by data ID."""
    found = []
    for table in schema.metadata.sorted_tables:
        for child, parent in sorted(_references(table), key=lambda pair: str(pair[0].name)):
            # Of a table that refers to itself there must be two to compare.
            target = parent.table.alias("target")
            is_there = select(1).where(target.c[parent.name] == child).exists()
            query = select(func.count()).select_from(table).where(child.is_not(None), ~is_there)
            ((count,),) = db.fetch(query)
            if count:
                found.append(DanglingRows(table.name, child.name, parent.table.name, int(count)))
    return found


def _references(table: Table) -> Iterator[tuple[Column[Any], Column[Any]]]:
    """Yield columns of a table with those of other tables whose values they hold."""
    for constraint in table.foreign_key_constraints:
        if len(constraint.elements) == 1:
            (key,) = constraint.elements
            yield key.parent, key.column
    for name, other in table.info.get(REFERENCES, {}).items():
        yield table.c[name], table.metadata.tables[other].c.id


def remove_dangling_links(db: Database, schema: Schema) -> int:
    """Take collections that are gone out of the chains that still name them, and chains that are gone."""
    link, collection = schema.collection_chain, schema.collection
    known = select(collection.c.id)
    broken = link.c.child_id.not_in(known) | link.c.parent_id.not_in(known)
    with db.transaction(durable=True):
        return db.execute(link.delete().where(broken))
