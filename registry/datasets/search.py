"""Searching collections for all datasets of a type that satisfy a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from registry.collections.base import CollectionInfo
from registry.database import Database
from registry.datasets.find import DatasetFinder, Names
from registry.datasets.types import TypeEntry
from registry.query.select import dataset_select
from registry.query.tree import Predicate
from registry.schema.schema import Schema


def search(
    db: Database,
    schema: Schema,
    finder: DatasetFinder,
    entry: TypeEntry,
    collections: Names,
    predicate: Predicate,
    *,
    find_first: bool = True,
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return (required values…, dataset id, run id) of datasets, each once.

    See `Queries.query_datasets` for the parameters; ``predicate`` is resolved.
    """
    candidates = finder.candidates(entry, collections, {})
    members = [info for info in candidates if info.kind != "CALIBRATION"]
    certified = _certified(db, schema, entry, [info for info in candidates if info.kind == "CALIBRATION"])
    # What is certified is found in the runs that hold it, where all conditions can be asked.
    numbers = [*[info.id for info in members], *sorted(set(certified.values()))]
    if not numbers:
        return []
    simple = not certified and (find_first or len(members) == 1)
    statement = dataset_select(
        schema,
        entry.dataset_type.dimensions,
        entry.id,
        entry.group_id,
        numbers,
        predicate,
        find_first=simple,
        order_by=order_by,
        limit=limit if simple else None,
        runs_only=all(info.kind == "RUN" for info in members),
    )
    rows = db.fetch(statement)
    if simple:
        return rows
    k = len(entry.dataset_type.dimensions.required)
    found = _chosen(rows, k, len(members), certified, find_first=find_first)
    return found[:limit]


def _certified(
    db: Database, schema: Schema, entry: TypeEntry, collections: Sequence[CollectionInfo]
) -> dict[bytes, int]:
    """Return the run of each dataset that CALIBRATION collections hold."""
    if not collections:
        return {}
    table, d = schema.calibration_table(entry.group_id), schema.dataset
    query = (
        select(d.c.id, d.c.run_id)
        .join_from(table, d, d.c.id == table.c.dataset_id)
        .where(
            table.c.collection_id.in_([info.id for info in collections]), table.c.dataset_type_id == entry.id
        )
    )
    return dict(db.fetch(query))


def _chosen(
    rows: Sequence[tuple[Any, ...]], k: int, n_members: int, certified: dict[bytes, int], *, find_first: bool
) -> list[tuple[Any, ...]]:
    """Return rows without their rank, in order: members that nothing hides, and what is certified."""
    first: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row[-1] < n_members:
            first[row[:k]] = min(row[-1], first.get(row[:k], n_members))
    kept: dict[bytes, tuple[Any, ...]] = {}
    for row in rows:
        rank, id = row[-1], row[k]
        seen = rank < n_members and (not find_first or first[row[:k]] == rank)
        if seen or id in certified:
            kept.setdefault(id, row[:-1])
    return list(kept.values())
