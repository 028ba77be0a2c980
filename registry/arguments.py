"""Arguments that cannot be: told in one line where they are given, not by Python from deep inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from registry.errors import DataIdError, InvalidArgumentError

T = TypeVar("T")


def checked(value: Any, kind: type[T] | tuple[type[T], ...], what: str) -> T:
    """Return a value that must be of some type; ``what`` says what it stands for.

    Raises
    ------
    InvalidArgumentError
        If it is of another type.
    """
    if not isinstance(value, kind):
        raise InvalidArgumentError(f"{value!r} is no {what}: it is of type {type(value).__name__}.")
    return value


def all_checked(values: Any, kind: type[T] | tuple[type[T], ...], what: str) -> list[T]:
    """Return several values that must all be of some type, as a list; see `checked`."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidArgumentError(
            f"{values!r} is no list of {what}s: it is of type {type(values).__name__}."
        )
    return [checked(value, kind, what) for value in values]


def is_text(value: str) -> bool:
    """Return whether every database can hold a text: without the character NUL and halves of characters."""
    return "\0" not in value and (value.isascii() or value.encode(errors="replace").decode() == value)


def checked_text(value: Any, what: str) -> str:
    """Return a value that must be a text which every database can hold; see `checked`."""
    if not is_text(text := checked(value, str, what)):
        raise InvalidArgumentError(
            f"{text!r} is no {what}: a text holds neither the character NUL nor halves of characters."
        )
    return text


def merged_data_id(data_id: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a data ID (any mapping, or `None`) and of keywords, which precede them.

    Raises
    ------
    DataIdError
        If it is no data ID.
    """
    if data_id is None:
        return dict(more)
    if not hasattr(data_id, "keys"):
        raise DataIdError(
            f"{data_id!r} is no data ID but of type {type(data_id).__name__}; write it as {{'detector': 1}}."
        )
    return {**data_id, **more}
