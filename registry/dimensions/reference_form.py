"""Universes in the form of the reference's ``dimensions.yaml``, as this package writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMESPACE = "daf_butler"
"""What files without a namespace, the oldest ones, belong to."""


def is_reference_form(definition: Any) -> bool:
    """Tell whether a document is in the reference's form, which keeps families under ``topology``."""
    return isinstance(definition, Mapping) and not {"topology", "packers"}.isdisjoint(definition)


def from_reference_form(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition as `DimensionUniverse` takes it; what has a wrong form is left for its validation.

    How the reference stores elements, and how it packs data IDs into integers, has no meaning here.
    """
    topology = _mapping(definition.get("topology"))
    made: dict[str, Any] = {"namespace": _NAMESPACE, **definition, **topology}
    for name in ("topology", "packers"):
        made.pop(name, None)
    if isinstance(skypix := definition.get("skypix"), Mapping):
        made["skypix"] = {
            system: entry["max_level"] if isinstance(entry, Mapping) and "max_level" in entry else entry
            for system, entry in skypix.items()
            if system != "common"
        }
    if isinstance(elements := definition.get("elements"), Mapping):
        made["elements"] = {name: _element(entry) for name, entry in elements.items()}
        if "band" in elements:
            made["aliases"] = {"abstract_filter": "band"}
    return made


def _element(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    made = {name: value for name, value in entry.items() if name != "storage"}
    storage = _mapping(entry.get("storage"))
    if source := _mapping(storage.get("nested")).get("view_of") or storage.get("view_of"):
        made["view_of"] = source
    for columns in ("keys", "metadata"):
        if isinstance(found := entry.get(columns), list):
            made[columns] = [_column(each) for each in found]
    return made


def _column(entry: Any) -> Any:
    if not isinstance(entry, Mapping) or "nbytes" not in entry:
        return entry
    return {**{name: value for name, value in entry.items() if name != "nbytes"}, "length": entry["nbytes"]}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
