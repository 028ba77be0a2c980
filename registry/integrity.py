"""Rows that refer to rows which aren't there: what a tool that went around the constraints may have left."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Column, func, select

from registry.database import Database
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
        for key in sorted(table.foreign_keys, key=lambda key: str(key.parent.name)):
            child, parent = key.parent, key.column
            if isinstance(child, Column) and len(key.constraint.columns if key.constraint else ()) == 1:
                # Of a table that refers to itself there must be two to compare.
                target = parent.table.alias("target")
                is_there = select(1).where(target.c[parent.name] == child).exists()
                query = select(func.count()).select_from(table).where(child.is_not(None), ~is_there)
                ((count,),) = db.fetch(query)
                if count:
                    found.append(DanglingRows(table.name, child.name, parent.table.name, int(count)))
    return found


def remove_dangling_links(db: Database, schema: Schema) -> int:
    """Take collections that are gone out of the chains that still name them, and chains that are gone."""
    link, collection = schema.collection_chain, schema.collection
    known = select(collection.c.id)
    broken = link.c.child_id.not_in(known) | link.c.parent_id.not_in(known)
    with db.transaction(durable=True):
        return db.execute(link.delete().where(broken))
