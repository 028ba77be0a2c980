"""Components of objects by name: taking one out, putting another in its place."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from datastore.errors import CompositeError, UnknownComponentError
from datastore.formatters.base import take_component
from datastore.types.exposure import Exposure
from datastore.types.mask import Mask

_PIXELS = ("image", "mask", "variance")


def component_of(obj: Any, name: str) -> Any:
    """Return a component: by a method ``getName``, else an attribute, else an item.

    Parameters
    ----------
    obj : object
        Any composite.
    name : `str`
        Dotted for components of components (``mask.DETECTED``).
    """
    first, _, rest = name.partition(".")
    getter = getattr(obj, _method("get", first), None)
    if callable(getter):
        found = getter()
        return component_of(found, rest) if rest else found
    try:
        return take_component(obj, name)
    except (AttributeError, LookupError, TypeError):
        raise UnknownComponentError(type(obj).__qualname__, name, tuple(_names(obj))) from None


def set_component(obj: Any, name: str, value: Any) -> None:
    """Replace a component of an object: by a method ``setName``, a mask plane, else an attribute.

    Raises
    ------
    CompositeError
        If pixels of another shape are to go into an exposure, or it cannot have such a component.
    """
    first, _, rest = name.partition(".")
    if isinstance(obj, Mask):
        _set_plane(obj, name, value)
        return
    if rest:
        inner = component_of(obj, first)
        if isinstance(inner, Mask) and not inner.array.flags.writeable:
            inner = inner.copy()
            set_component(obj, first, inner)
        set_component(inner, rest, value)
        return
    setter = getattr(obj, _method("set", first), None)
    if callable(setter):
        setter(value)
        return
    if isinstance(obj, Exposure):
        _check_pixels(obj, first, value)
        if first == "bbox":
            return  # equal to what follows from the pixels
    try:
        setattr(obj, first, value)
    except AttributeError:
        raise UnknownComponentError(type(obj).__qualname__, first, tuple(_names(obj))) from None


def _check_pixels(exposure: Exposure, name: str, value: Any) -> None:
    if name in _PIXELS:
        shape = value.array.shape if isinstance(value, Mask) else np.shape(value)
        if shape != exposure.shape:
            raise CompositeError(
                f"Component {name!r} has the shape {shape}, the exposure that it goes into {exposure.shape}"
            )
    if name == "bbox" and value != exposure.bbox:
        raise CompositeError(f"Component 'bbox' is {value}, that of the exposure is {exposure.bbox}")


def _set_plane(mask: Mask, plane: str, value: Any) -> None:
    where = np.asarray(value, dtype=bool)
    if where.shape != mask.array.shape:
        raise CompositeError(
            f"Mask plane {plane!r} has the shape {where.shape}, the mask that it goes into {mask.array.shape}"
        )
    mask.set(plane, value=False)
    mask.set(plane, where)


def _method(verb: str, name: str) -> str:
    return f"{verb}{name[:1].upper()}{name[1:]}"


def _names(obj: Any) -> list[str]:
    """Return the names of what an object shows."""
    if dataclasses.is_dataclass(obj):
        return [field.name for field in dataclasses.fields(obj)]
    return [name for name in dir(obj) if not name.startswith("_")][:30]
