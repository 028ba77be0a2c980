"""Which names a collection may have."""

from __future__ import annotations

import re

from registry.errors import InvalidNameError
from registry.schema.tables import NAME_LENGTH

_PART = r"[^/*?\[,\x00-\x1f\x7f]{1,255}"
_NAME = re.compile(rf"(?![- ]){_PART}(/{_PART})*(?<! )")
"""Names that no pattern, list of names, option, table or folder misreads."""

RESERVED = frozenset(
    {"butler.yaml", *(f"registry.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))}
)
"""Files that lie beside the folders of runs."""


def check_name(name: str) -> None:
    """Raise `InvalidNameError` unless a collection can have this name."""
    if not isinstance(name, str) or len(name) >= NAME_LENGTH or not _NAME.fullmatch(name):
        raise InvalidNameError(
            f"{name!r} cannot name a collection: it needs 1 to 255 characters, none of them *, ?, [, "
            "a comma or a control character; parts between single slashes; no '-' first nor spaces around it."
        )
    first = name.partition("/")[0].lower()
    if first in RESERVED:
        raise InvalidNameError(f"{name!r} cannot name a collection: {first} is a file of the repository.")
