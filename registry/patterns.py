"""Glob patterns over names: ``*``, ``?`` and ``[...]``, several of them meaning either."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase


def is_glob(pattern: str) -> bool:
    """Return whether a pattern may match other names than itself."""
    return any(character in pattern for character in "*?[")


def as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def matching(patterns: str | Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that match a pattern: by pattern, then in their own order, without duplicates."""
    names = list(names)
    found: dict[str, None] = {}
    for pattern in as_names(patterns):
        found |= dict.fromkeys(name for name in names if fnmatchcase(name, pattern))
    return list(found)
