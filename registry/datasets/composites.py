"""Which datasets a composite was stored with as its parts."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from registry.database import Database
from registry.datasets.ids import to_bytes
from registry.errors import DatasetNotFoundError
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema


def insert_parts(db: Database, schema: Schema, rows: Iterable[tuple[UUID, str, UUID]]) -> int:
    """Store rows of composite, component and part; one that is stored already stays."""
    plain = [(composite.bytes, component, part.bytes) for composite, component, part in rows]
    with db.transaction():
        try:
            return db.insert(schema.composite_part, ("composite_id", "component", "part_id"), plain, "skip")
        except IntegrityError as error:
            d = schema.dataset
            ids = {id for composite, _, part in plain for id in (composite, part)}
            found = {row[0] for row in rows_by_keys(db, [d.c.id], [d.c.id], [(id,) for id in ids])}
            missing = ", ".join(str(UUID(bytes=id)) for id in sorted(ids - found))
            raise DatasetNotFoundError(
                f"No dataset {missing} in {db.url}; register composite and parts first."
            ) from error


def read_parts(db: Database, schema: Schema, ids: Iterable[UUID]) -> dict[UUID, list[tuple[str, UUID]]]:
    """Return (component, part) of each composite, by component and id; empty lists for what is none."""
    found: dict[UUID, list[tuple[str, UUID]]] = {id: [] for id in ids}
    p = schema.composite_part
    keys = [(id,) for id in to_bytes(found)]
    for composite, component, part in rows_by_keys(
        db, [p.c.composite_id, p.c.component, p.c.part_id], [p.c.composite_id], keys
    ):
        found[UUID(bytes=composite)].append((component, UUID(bytes=part)))
    return {id: sorted(parts) for id, parts in found.items()}
