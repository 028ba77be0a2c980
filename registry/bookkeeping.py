"""The registry's books about datasets: where their bytes are, their parts, the quanta that made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from registry.collections.facade import Collections
from registry.database import Database
from registry.dataset_ref import Ids
from registry.datasets import composites, inputs, locations
from registry.datasets.ids import AnyIds
from registry.datasets.inputs import NamedInput
from registry.datasets.locations import Location
from registry.datasets.types import DatasetTypes
from registry.integrity import DanglingRows, dangling_rows, remove_dangling_links
from registry.provenance import AnyId, Provenance, QuantumRow
from registry.schema.schema import Schema

if TYPE_CHECKING:
    import numpy as np


class Bookkeeping:
    """Locations, parts and provenance of datasets; the parts that it asks are set by `Registry`."""

    collections: Collections
    provenance: Provenance
    _types: DatasetTypes
    _db: Database
    _schema: Schema

    # Locations

    def insert_locations(self, rows: Iterable[tuple[Any, ...]]) -> int:
        """Store where bytes are: rows of dataset id and ``LOCATION_FIELDS``; the newer of two stays."""
        return locations.insert_locations(self._db, self._schema, rows)

    def locations(self, ids: Iterable[UUID]) -> dict[UUID, list[Location]]:
        """Return the locations of datasets, in the order of ``LOCATION_FIELDS``; maybe empty lists."""
        return locations.read_locations(self._db, self._schema, ids)

    def location_columns(self, ids: Ids) -> tuple[np.ndarray[Any, Any], list[Location]]:
        """Return (index into ``ids``, locations) in bulk, ascending by index."""
        return locations.location_columns(self._db, self._schema, ids)

    def all_locations(self, run: str = "") -> Iterator[tuple[UUID, str, Location]]:
        """Stream (dataset id, run, location) of all datasets, or of those of one run, by path."""
        run_id = self.collections.get_info(run).id if run else None
        return locations.stream_locations(self._db, self._schema, run_id)

    def remove_locations(self, ids: AnyIds) -> None:
        """Forget where the bytes of datasets are."""
        locations.remove_locations(self._db, self._schema, ids)

    def paths_in_use(self, store: str, paths: Iterable[str]) -> set[str]:
        """Return the files of a store that still hold some dataset; see `locations.paths_in_use`."""
        return locations.paths_in_use(self._db, self._schema, store, paths)

    def count_datasets(self, run: str) -> dict[str, int]:
        """Return how many datasets of each type, by name, a run holds."""
        return locations.count_datasets(self._db, self._schema, self.collections.get_info(run).id)

    # Integrity

    def dangling_rows(self) -> list[DanglingRows]:
        """Return which rows refer to rows that aren't there; see `integrity.dangling_rows`."""
        self._types.all()  # so that the tables of all dimension groups are known
        return dangling_rows(self._db, self._schema)

    def remove_dangling_links(self) -> int:
        """Take collections that are gone out of chains; return how many links that were."""
        removed = remove_dangling_links(self._db, self._schema)
        self._db.changed("collections")
        return removed

    # Composites and provenance

    def insert_composite_parts(self, rows: Iterable[tuple[UUID, str, UUID]]) -> int:
        """Store which datasets are parts of composites: rows of composite, component, part."""
        return composites.insert_parts(self._db, self._schema, rows)

    def composite_parts(self, ids: Iterable[UUID]) -> dict[UUID, list[tuple[str, UUID]]]:
        """Return (component, part) of each composite; empty lists for datasets that are none."""
        return composites.read_parts(self._db, self._schema, ids)

    def insert_named_inputs(self, named: Mapping[UUID, Sequence[Mapping[str, Any]]]) -> None:
        """Store the inputs that the objects of datasets name, by column; see `inputs.insert_inputs`."""
        inputs.insert_inputs(self._db, self._schema, named)

    def named_inputs(self, ids: Iterable[UUID]) -> dict[UUID, list[NamedInput]]:
        """Return the inputs that datasets name; empty lists for those of which none are stored."""
        return inputs.read_inputs(self._db, self._schema, ids)

    def datasets_naming(self, ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
        """Return (dataset, input) for each dataset that names one of some inputs by its id."""
        return inputs.naming(self._db, self._schema, ids)

    def insert_quanta(self, rows: Iterable[QuantumRow | tuple[Any, ...]]) -> int:
        """Store quanta, tuples in the order of `QuantumRow`; one that ran again replaces what it was."""
        return self.provenance.insert_quanta(rows)

    def insert_quantum_inputs(self, rows: Iterable[tuple[AnyId, AnyId, str]]) -> int:
        """Store (quantum id, dataset id, connection) of datasets that were really read."""
        return self.provenance.insert_quantum_inputs(rows)

    def quanta(self, run: str) -> list[QuantumRow]:
        """Return the quanta of a run, in the order in which they began."""
        return self.provenance.quanta(run)
