"""Reading composites: parts are read, shared where they can be, and assembled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from datastore.composites.assemble import construct, overlay
from datastore.composites.cache import unlocked
from datastore.composites.components import component_of, set_component
from datastore.errors import DatastoreError, ParameterError, StorageTypeError
from datastore.storage_class import StorageClass, import_cached
from datastore.types.box import local_box
from pipetask.butler.composites.dataset_list import DatasetList
from pipetask.butler.composites.definition import Part
from pipetask.butler.composites.ref import CompositeRef
from pipetask.errors import AssemblyError, described

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from pipetask.butler.handle import Reader
    from registry.dataset_ref import DatasetRef

_BOX = ("bbox", "origin")


def read_composite(
    reader: Reader,
    datastore: Datastore,
    ref: CompositeRef,
    *,
    component: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    storageClass: str | None = None,
    copy: bool = False,
) -> Any:
    """Return a composite, or a component of it.

    Parameters
    ----------
    reader : `Reader`
        What reads the parts.
    datastore : `Datastore`
        Holds storage classes, and the components that are shared.
    ref : `CompositeRef`
        The composite, with its parts; may be the ref of a component.
    component : `str`, optional
        Component to return; one that the definition has not is the base's.
    parameters : mapping, optional
        For the base; ``bbox`` for all parts that are images. Without a base, for all parts that take them.
    storageClass : `str`, optional
        Storage class to return it as.
    copy : `bool`, optional
        Whether components shared with other composites are copied, so that they may be changed.

    Raises
    ------
    AssemblyError
        If the parts do not make the whole; names the composite, the component and the cause.
    """
    reading = _Reading(reader, datastore, ref, dict(parameters or {}), share=not copy)
    wanted = storageClass or ("" if component else ref.datasetType.storageClass)
    component = component or ref.datasetType.component()
    found = reading.component(component) if component else reading.whole()
    if found is None or not wanted or isinstance(found, DatasetList):
        return found
    return datastore.storage_classes.get(wanted).take(found)


class _Reading:
    """One composite being read."""

    def __init__(
        self,
        reader: Reader,
        datastore: Datastore,
        ref: CompositeRef,
        parameters: Mapping[str, Any],
        *,
        share: bool,
    ) -> None:
        self._reader = reader
        self._datastore = datastore
        self._classes = datastore.storage_classes
        self._ref = ref
        self._composite = ref.composite
        self._parameters = parameters
        self._share = share
        if parameters:
            self._check_parameters()

    def whole(self) -> Any:
        """Return the assembled object."""
        composite = self._composite
        values = {
            part.name: self._value(part)
            for part in composite.parts
            if composite.assembler or part.name != composite.base
        }
        if composite.assembler:
            assembler = import_cached(composite.assembler)
            return self._of_class(self._assembled(assembler, self._ref.dataId.mapping, values, self._class()))
        if (base := composite.base_part) is None:
            return self._assembled(construct, self._class(), values)
        return self._assembled(overlay, self._value(base), values)

    def component(self, name: str) -> Any:
        """Return a component: that of a part, or what the base has, with parts of it laid over."""
        first, _, rest = name.partition(".")
        if (part := self._composite.part(name)) is not None:
            return self._value(part)
        if rest and (part := self._composite.part(first)) is not None:
            return component_of(self._value(part), rest)
        if self._composite.base_part is None:
            return component_of(self.whole(), name)
        inner = {part.name: part for part in self._composite.parts if part.name.startswith(name + ".")}
        found = self._base_component(name)
        for inner_name, part in inner.items():
            set_component(found, inner_name.removeprefix(name + "."), self._value(part))
        return found

    def _base_component(self, name: str) -> Any:
        base = self._ref.parts[self._composite.base]
        assert not isinstance(base, tuple)
        return self._reader.read(base, component=name, parameters=self._parameters or None, storageClass=None)

    def _value(self, part: Part) -> Any:
        """Return what one part is: an object, or a list of them."""
        found = self._ref.parts[part.name]
        if isinstance(found, tuple):
            return DatasetList(found, lambda ref: self._read(part, ref))
        if part.name == self._composite.base or not self._shareable(found):
            return self._read(part, found)
        key = (found.id, found.datasetType.name, found.datasetType.storageClass, _frozen(self._parameters))
        shared = self._datastore.components.get(key, lambda: self._read(part, found))
        return shared if self._share else unlocked(shared)

    def _read(self, part: Part, ref: DatasetRef) -> Any:
        return self._reader.read(
            ref, component=None, parameters=self._for_part(part, ref) or None, storageClass=None
        )

    def _shareable(self, ref: DatasetRef) -> bool:
        """Whether one object may belong to several composites: not what callers change (tables, …)."""
        if isinstance(ref, CompositeRef):
            return False
        return self._classes.get(ref.datasetType.storageClass).shared

    def _for_part(self, part: Part, ref: DatasetRef) -> dict[str, Any]:
        """Return the parameters that a part is read with."""
        if not self._parameters:
            return {}
        base = self._composite.base_part
        if base is None or part.name == base.name:
            takes = self._takes(ref)
            return {
                name: value for name, value in self._parameters.items() if name in takes or base is not None
            }
        if "bbox" not in self._parameters or "bbox" not in self._takes(ref):
            return {}
        if ref.isComponent():
            return {name: self._parameters[name] for name in _BOX if name in self._parameters}
        # A plane that is stored alone does not know where it lies in the parent.
        whole = self._reader.read(self._one(base), component="bbox", parameters=None, storageClass=None)
        return {"bbox": local_box(self._parameters["bbox"], whole, self._parameters.get("origin", "parent"))}

    def _one(self, part: Part) -> DatasetRef:
        found = self._ref.parts[part.name]
        assert not isinstance(found, tuple)
        return found

    def _takes(self, ref: DatasetRef) -> frozenset[str]:
        if isinstance(ref, CompositeRef):
            return frozenset(self._parameters)
        return self._classes.get(ref.datasetType.storageClass).parameters

    def _check_parameters(self) -> None:
        """Raise `ParameterError` if nothing takes a parameter."""
        if self._composite.base_part is not None:
            return  # what reads the base checks
        taken = frozenset[str]().union(*(self._takes(ref) for ref in self._ref.all_parts()))
        for name in self._parameters:
            if name not in taken:
                raise ParameterError(
                    f"No part of composite {self._composite.name!r} has a parameter {name!r}; "
                    f"they have: {', '.join(sorted(taken)) or 'none'}"
                )

    def _storage_class(self) -> StorageClass | None:
        name = self._composite.storage_class
        return self._classes.get(name) if name else None

    def _class(self) -> type:
        storage_class = self._storage_class()
        found: type = storage_class.pytype if storage_class else import_cached(self._composite.python)
        return found

    def _of_class(self, made: Any) -> Any:
        """Return what an assembler made, if it is what the definition says."""
        storage_class = self._storage_class()
        try:
            if storage_class is not None:
                return storage_class.take(made)
        except StorageTypeError as err:
            raise self._error(
                f"assembler {self._composite.assembler} returned something else: {err}"
            ) from err
        if not isinstance(made, self._class()):
            raise self._error(
                f"assembler {self._composite.assembler} returned {type(made).__name__}, "
                f"not {self._composite.python}"
            )
        return made

    def _assembled(self, assemble: Callable[..., Any], *arguments: Any) -> Any:
        """Call what assembles; its errors name the composite."""
        try:
            return assemble(*arguments)
        except MemoryError:
            raise
        except DatastoreError as err:
            raise self._error(str(err)) from err
        except Exception as err:  # whatever a user's function raises
            what = self._composite.assembler or "its class"
            raise self._error(f"{what} raised {described(err)}") from err

    def _error(self, cause: str) -> AssemblyError:
        parts = ", ".join(part.name for part in self._composite.parts)
        return AssemblyError(
            f"Cannot assemble {self._composite.name!r} {self._ref.dataId} of {parts}: {cause.rstrip('.')}."
        )


def _frozen(parameters: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, repr(value)) for name, value in parameters.items()))
