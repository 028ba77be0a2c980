"""CHAINED: other collections in the order in which they are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Table

from registry.collections.base import CollectionInfo, CollectionKind
from registry.database import Database
from registry.dataset_type import DatasetType
from registry.errors import CollectionCycleError
from registry.schema.schema import Schema

Get = Callable[[str], CollectionInfo]


class ChainedKind(CollectionKind):
    """Holds no dataset of its own; its links go with it."""

    name = "CHAINED"

    def may_contain(self, dataset_type: DatasetType) -> bool:
        """No dataset."""
        return False

    def member_table(self, schema: Schema, group_id: int) -> Table | None:
        """No table."""
        return None


def flatten(names: Iterable[str], get: Get) -> list[CollectionInfo]:
    """Return the collections that are no chains, in search order, each once where it comes first."""
    found: dict[str, CollectionInfo] = {}
    seen: set[str] = set()
    waiting = list(names)[::-1]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        info = get(name)
        if info.kind == "CHAINED":
            waiting += info.children[::-1]
        else:
            found[name] = info
    return list(found.values())


def refuse_cycle(parent: str, children: Sequence[str], get: Get) -> None:
    """Raise `CollectionCycleError`, with the cycle drawn, if the chain would contain itself."""
    seen: set[str] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(child, (parent, child)) for child in children]
    while waiting:
        name, path = waiting.pop()
        if name == parent:
            raise CollectionCycleError(
                f"Chain {parent!r} would contain itself: {' -> '.join(path)}; leave {path[1]!r} out."
            )
        if name not in seen:
            seen.add(name)
            waiting += [(child, (*path, child)) for child in get(name).children]


def write_links(
    db: Database, schema: Schema, parent: CollectionInfo, children: Sequence[CollectionInfo]
) -> None:
    """Replace the links of a chain."""
    table = schema.collection_chain
    db.execute(table.delete().where(table.c.parent_id == parent.id))
    rows = [(parent.id, position, child.id) for position, child in enumerate(children)]
    db.insert(table, ("parent_id", "position", "child_id"), rows)
