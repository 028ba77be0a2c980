"""What datasets say of themselves that they were made from: data IDs and ids, copied from the objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.exc import IntegrityError

from registry.database import Database
from registry.datasets.ids import to_bytes
from registry.errors import DatasetNotFoundError
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema


class NamedInput(NamedTuple):
    """An input as the object has it: the id of a dataset, here or not, if it says one; all values."""

    id: UUID | None
    values: dict[str, Any]


def insert_inputs(db: Database, schema: Schema, named: Mapping[UUID, Sequence[Mapping[str, Any]]]) -> None:
    """Store the inputs that datasets name, in place of those stored for them before."""
    table = schema.dataset_input
    rows = [
        (dataset.bytes, position, None if (id := id_in(values)) is None else id.bytes, json.dumps(values))
        for dataset, inputs in named.items()
        for position, values in enumerate(inputs)
    ]
    if not named:
        return
    with db.transaction():
        db.execute(
            table.delete().where(table.c.dataset_id == bindparam("id")), [{"id": id.bytes} for id in named]
        )
        try:
            db.insert(table, ("dataset_id", "position", "input_id", "data_id"), rows)
        except IntegrityError as error:
            names = ", ".join(map(str, named))
            raise DatasetNotFoundError(
                f"Not all of {names}, which name inputs, are in {db.url}; register the datasets first."
            ) from error


def read_inputs(db: Database, schema: Schema, ids: Iterable[UUID]) -> dict[UUID, list[NamedInput]]:
    """Return the inputs that datasets name, in order; empty lists where none are stored."""
    found: dict[UUID, list[tuple[int, NamedInput]]] = {id: [] for id in ids}
    t = schema.dataset_input
    keys = [(id,) for id in to_bytes(found)]
    columns = [t.c.dataset_id, t.c.position, t.c.input_id, t.c.data_id]
    for dataset, position, input_id, text in rows_by_keys(db, columns, [t.c.dataset_id], keys):
        id = None if input_id is None else UUID(bytes=input_id)
        found[UUID(bytes=dataset)].append((position, NamedInput(id, json.loads(text))))
    return {id: [each for _, each in sorted(inputs, key=_position)] for id, inputs in found.items()}


def naming(db: Database, schema: Schema, ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Return (dataset, input) for each dataset that names one of some inputs by its id."""
    t = schema.dataset_input
    keys = [(id,) for id in to_bytes(ids)]
    rows = rows_by_keys(db, [t.c.dataset_id, t.c.input_id], [t.c.input_id], keys)
    return sorted({(UUID(bytes=dataset), UUID(bytes=input_id)) for dataset, input_id in rows})


def id_in(values: Mapping[str, Any]) -> UUID | None:
    """Return the id that an input is named by, if that is one."""
    try:
        return UUID(str(values["id"]))
    except (KeyError, ValueError):
        return None


def _position(item: tuple[int, NamedInput]) -> int:
    return item[0]
