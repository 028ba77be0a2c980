"""Reading: artifacts become objects, or components of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from datastore.configured import ConfiguredDatastore
from datastore.errors import (
    ArtifactMissingError,
    ArtifactReadError,
    DatastoreError,
    IncompleteDatasetError,
    PackageMissingError,
    UnknownComponentError,
)
from datastore.formatters.base import find_formatter
from datastore.locations import Source
from datastore.records import ArtifactRecord
from datastore.storage_class import StorageClass
from datastore.types.box import local_box

_Object = TypeVar("_Object")


class ReadingDatastore(ConfiguredDatastore):
    """Reads objects, whole or in parts, as the storage class that is wanted."""

    def read(
        self,
        records: Sequence[ArtifactRecord],
        storage_class: str,
        *,
        component: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        whole: str | None = None,
    ) -> Any:
        """Return a dataset or a component of it.

        Parameters
        ----------
        records : sequence of `ArtifactRecord`
            All of the dataset.
        storage_class : `str`
            What the caller wants. With a component, either the class of the whole or of the component.
        component : `str`, optional
            Dotted for components of components (``mask.DETECTED``).
        parameters : mapping, optional
            Of the stored storage class, or of the component's.
        whole : `str`, optional
            Storage class of the whole, where ``storage_class`` is that of a component. It tells which
            components there can be.
        """
        parameters = parameters or {}
        if not records:
            raise ArtifactMissingError("(no record)")
        if component:
            return self._read_component(records, storage_class, component, parameters, whole or storage_class)
        if records[0].component:
            obj = self._assemble(records, storage_class, parameters)
        else:
            obj = self._read_one(records[0], "", parameters)
        return self.storage_classes.get(storage_class).take(obj)

    def holds(
        self, records: Sequence[ArtifactRecord], storage_class: str, component: str | None = None
    ) -> bool:
        """Tell whether records are of a whole dataset, or at least of a component; see `read`."""
        here = {record.component for record in records}
        if "" in here or self.storage_classes.get(storage_class).required.issubset(here - {""}):
            return bool(here)
        return component is not None and component.partition(".")[0] in here

    def _read_component(
        self,
        records: Sequence[ArtifactRecord],
        storage_class: str,
        component: str,
        parameters: Mapping[str, Any],
        whole_class: str,
    ) -> Any:
        classes = self.storage_classes
        whole = next((record for record in records if not record.component), None)
        if whole is not None:
            native = classes.component_class(whole.storage_class, component)
            obj = self._read_one(whole, component, parameters)
        else:
            first, _, rest = component.partition(".")
            part = next((record for record in records if record.component == first), None)
            if part is None and first in classes.get(whole_class).components:
                self._check_complete(records, classes.get(whole_class), component)
                return None
            if part is None:
                raise UnknownComponentError(whole_class, first, tuple(r.component for r in records))
            native = classes.component_class(part.storage_class, rest) if rest else part.storage_class
            obj = self._read_one(part, rest, self._in_own_pixels(records, parameters))
        if obj is None:
            return None
        wanted = native
        if storage_class != native:
            asked = classes.get(storage_class)
            is_whole = component.split(".", maxsplit=1)[0] in asked.components or "*" in asked.components
            wanted = classes.component_class(storage_class, component) if is_whole else storage_class
        return classes.get(wanted).take(obj)

    def _read_one(self, record: ArtifactRecord, component: str, parameters: Mapping[str, Any]) -> Any:
        """Return what one record says, or a component of it, in the classes it was stored with."""
        stored = self.storage_classes.get(record.storage_class)
        formatter = find_formatter(record.formatter)
        first, _, rest = component.partition(".")
        alone = first in formatter.components
        source = self._source(record, whole=not alone and not parameters)
        if parameters:
            target = (
                self.storage_classes.component_class(stored.name, component) if component else stored.name
            )
            self.storage_classes.get(target).check_parameters(parameters)

        def read() -> Any:
            if not component:
                return formatter.read(source, stored, parameters=parameters)
            obj = formatter.read(source, stored, component=first if alone else "", parameters=parameters)
            remaining = rest if alone else component
            return formatter.component_of(obj, remaining) if remaining else obj

        return reading(record.formatter, source, read)

    def _source(self, record: ArtifactRecord, *, whole: bool) -> Source:
        """Return what to read for a record: a copy of what is remote, made if the whole is wanted."""
        source = self.stores.source(record)
        if self.cache is None or not source.is_remote or record.offset >= 0:
            return source
        return self.cache.source(record, source, fetch=whole)

    def _in_own_pixels(
        self, records: Sequence[ArtifactRecord], parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return read parameters for one part of an image, which doesn't know where it lies by itself."""
        place = next((record for record in records if record.component == "bbox"), None)
        if "bbox" not in parameters or place is None:
            return parameters
        whole = self._read_one(place, "", {})
        return {"bbox": local_box(parameters["bbox"], whole, parameters.get("origin", "parent"))}

    def _assemble(
        self, records: Sequence[ArtifactRecord], storage_class: str, parameters: Mapping[str, Any]
    ) -> Any:
        """Return the whole of a dataset that was stored in parts."""
        wanted = self.storage_classes.get(storage_class)
        wanted.check_parameters(parameters)
        self._check_complete(records, wanted, "the whole")
        parts = {record.component: self._read_one(record, "", {}) for record in records}
        pytype: Any = wanted.pytype
        whole = pytype.from_components(parts)
        return whole.subset(**parameters) if parameters else whole

    def _check_complete(
        self, records: Sequence[ArtifactRecord], storage_class: StorageClass, wanted: str
    ) -> None:
        """Raise if only some components were brought here; of what is stored whole, absent ones are None."""
        here = [record.component for record in records]
        if not storage_class.required.issubset(here):
            absent = tuple(name for name in storage_class.components if name not in here)
            raise IncompleteDatasetError(wanted, tuple(here), absent)


def reading(formatter: str, source: Source, action: Callable[[], _Object]) -> _Object:
    """Return what an action reads; whatever a format's library raises becomes `ArtifactReadError`."""
    try:
        return action()
    except (DatastoreError, MemoryError):
        raise
    except ModuleNotFoundError as err:
        raise PackageMissingError.of(formatter, err) from err
    except Exception as err:
        raise ArtifactReadError(source.uri, f"{formatter}: {_on_one_line(err)}") from err


def _on_one_line(err: Exception) -> str:
    """Return what an error says; of those whose text alone says little, the kind as well."""
    text = " ".join(str(err).split())
    return text if text and isinstance(err, ValueError | OSError) else f"{type(err).__name__}: {text}"
