"""Parts of objects in memory: what a repository would return for a component or for parameters."""

from __future__ import annotations

from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import Any

from datastore.datastore import Datastore
from datastore.records import ArtifactHint
from datastore.storage_class import StorageClasses
from registry.dataset_ref import new_id


def part_of(
    obj: Any,  # of the storage class
    storage_class: str,
    storage_classes: StorageClasses,
    *,
    component: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Return an object, a component of it, or what read parameters select.

    Attributes are returned as they are; for all else the object is written to a file and that is read.
    """
    if component is None and not parameters:
        return obj
    wanted = storage_class
    if component is not None:
        wanted = storage_classes.component_class(storage_class, component)
        attribute = getattr(obj, component, None)
        if not parameters and isinstance(attribute, storage_classes.get(wanted).pytype):
            return attribute
    with TemporaryDirectory(prefix="pipetask-") as folder:
        store = Datastore(folder)
        records = store.write(obj, ArtifactHint("memory", storage_class, {}, "memory", new_id()), sync=False)
        return store.read(records, wanted, component=component, parameters=parameters)
