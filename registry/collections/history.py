"""The history of collections: who changed what and when, written in the transaction of the change."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from registry.database import Database
from registry.schema.schema import Schema
from registry.timespan import now_ns


@dataclass(frozen=True, slots=True)
class CollectionEdit:
    """One change of a collection.

    Attributes
    ----------
    collection : `str`
        Its name; the collection may be gone.
    action : `str`
        ``register``, ``set doc``, ``set chain``, ``associate``, ``disassociate``, ``certify``, ``decertify``,
        ``remove``; ``execute`` if quanta were run that write to it.
    detail : mapping
        What it was made into: kind, doc, children; or how many datasets of which type, and for which time;
        or where inputs were searched, for which data and tasks.
    who : `str`
        User and host.
    edit_ns : `int`
        When [TAI ns].
    """

    collection: str
    action: str
    detail: Mapping[str, Any]
    who: str
    edit_ns: int


def record_edit(db: Database, schema: Schema, name: str, action: str, detail: Mapping[str, Any]) -> None:
    """Add to the history, inside the transaction of the change."""
    row = (name, now_ns(), _who(), action, json.dumps(detail))
    db.insert(schema.collection_log, ("collection", "edit_ns", "who", "action", "detail"), [row])


def read_history(db: Database, schema: Schema, name: str) -> list[CollectionEdit]:
    """Return the changes of the collections of a name, oldest first."""
    t = schema.collection_log
    query = select(t.c.collection, t.c.action, t.c.detail, t.c.who, t.c.edit_ns)
    rows = db.fetch(query.where(t.c.collection == name).order_by(t.c.id))
    return [CollectionEdit(c, action, json.loads(detail), who, ns) for c, action, detail, who, ns in rows]


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without an entry, as in some containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
