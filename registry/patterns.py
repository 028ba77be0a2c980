"""Glob patterns over names: ``*``, ``?`` and ``[...]``, several of them meaning either."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from registry.arguments import all_checked


def is_glob(pattern: str) -> bool:
    """Return whether a pattern may match other names than itself."""
    return any(character in pattern for character in "*?[")


def as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return one name or several as a tuple."""
    return (names,) if isinstance(names, str) else tuple(all_checked(names, str, "name"))


def matching(patterns: str | Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that match a pattern: by pattern, then in their own order, without duplicates."""
    names = list(names)
    found: dict[str, None] = {}
    for pattern in as_names(patterns):
        found |= dict.fromkeys(name for name in names if fnmatchcase(name, pattern))
    return list(found)
