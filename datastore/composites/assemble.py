"""Parts to a whole: laid over a base, or given to the class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from datastore.composites.components import set_component
from datastore.errors import CompositeError


def overlay(base: Any, parts: Mapping[str, Any]) -> Any:
    """Put parts into a base object, in place; planes of a mask after the mask.

    Raises
    ------
    CompositeError
        If one does not fit.
    """
    for name in sorted(parts, key=_dots):
        set_component(base, name, parts[name])
    return base


def _dots(name: str) -> int:
    return name.count(".")


def construct(pytype: type, parts: Mapping[str, Any]) -> Any:
    """Make an object of a class: parts are keywords of its constructor, or set on an object made without.

    Raises
    ------
    CompositeError
        If the class takes them neither way.
    """
    try:
        signature = inspect.signature(pytype)
    except ValueError:  # a class in C
        signature = None
    if signature is not None:
        try:
            signature.bind(**parts)
        except TypeError:
            pass
        else:
            return pytype(**parts)
    try:
        empty = pytype()
    except TypeError:
        raise CompositeError(
            f"{pytype.__module__}.{pytype.__qualname__} is made neither from {', '.join(parts)} as keywords "
            "nor without any; give the composite an assembler"
        ) from None
    return overlay(empty, parts)
