"""Datasets put in a transaction, collected so that the rows of many are written at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipetask.butler.data_ids import show
from registry.errors import ConflictingDefinitionError

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from datastore.records import ArtifactRecord
    from datastore.staging import StagedArtifact
    from registry.dataset_ref import DatasetId, DatasetRef
    from registry.registry import Registry

_MOST_PUTS = 1000
_MOST_BYTES = 64 << 20  # a store may keep what is staged in memory


@dataclass(frozen=True, slots=True)
class PendingPut:
    """One dataset.

    Parameters
    ----------
    ref : `DatasetRef`
        What it is.
    artifacts : sequence of `StagedArtifact`
        Its bytes.
    inputs : sequence of mappings
        What its object says that it was made from.
    """

    ref: DatasetRef
    artifacts: Sequence[StagedArtifact]
    inputs: Sequence[Mapping[str, Any]] = ()


class PendingPuts:
    """Datasets whose rows are not written yet.

    Rows are written before the transaction reads or changes anything else in the database, at its end, and
    when there are many. Only then, when the database has accepted the rows, do files get their names, which
    nothing has: no writer ever touches the file of another.

    Parameters
    ----------
    registry : `Registry`
        Takes the rows.
    datastore : `Datastore`
        Has the bytes.
    placed : callable
        Is told of each file that has got its name.
    """

    def __init__(
        self, registry: Registry, datastore: Datastore, placed: Callable[[ArtifactRecord], None]
    ) -> None:
        self._registry = registry
        self._datastore = datastore
        self._placed = placed
        self._puts: dict[DatasetId, PendingPut] = {}
        self._keys: set[tuple[Any, ...]] = set()
        self._bytes = 0

    def check(self, ref: DatasetRef) -> None:
        """Raise if a dataset can't be put, by what is pending and by what the database says.

        Raises
        ------
        ConflictingDefinitionError
            If there is one of this type, data ID and run, or of this id.
        DataIdError
            If the data ID names a dimension record that does not exist.
        """
        if _key(ref) in self._keys:
            raise ConflictingDefinitionError(
                f"Dataset {show(ref)} exists already: this transaction has put it. Put it into another run."
            )
        if (other := self._puts.get(ref.id)) is not None:
            raise ConflictingDefinitionError(
                f"Dataset {show(ref)} has the id {ref.id} of {show(other.ref)}, which this transaction has "
                "put; leave the id out to get a new one."
            )
        self._registry.check_insertion(ref.datasetType, ref.run, ref.dataId)

    def add(self, put: PendingPut) -> None:
        """Collect a dataset that was checked."""
        self._puts[put.ref.id] = put
        self._keys.add(_key(put.ref))
        self._bytes += sum([artifact.record.size for artifact in put.artifacts])
        if len(self._puts) >= _MOST_PUTS or self._bytes >= _MOST_BYTES:
            self.write()
        else:
            self._registry.defer(self.write)

    def write(self) -> None:
        """Write what is pending: rows, names of files, and where these are."""
        puts = list(self._puts.values())
        self._puts, self._keys, self._bytes = {}, set(), 0
        if not puts:
            return
        groups: dict[tuple[str, str], list[DatasetRef]] = {}
        for put in puts:
            groups.setdefault((put.ref.datasetType.name, put.ref.run), []).append(put.ref)
        try:
            with self._registry.transaction():
                for (_, run), refs in groups.items():
                    self._registry.insert_datasets(
                        refs[0].datasetType, run, [ref.dataId for ref in refs], ids=[ref.id for ref in refs]
                    )
                self._check_names(puts)
                self._registry.insert_locations(self._place(puts))
                self._registry.insert_named_inputs({put.ref.id: put.inputs for put in puts if put.inputs})
        except BaseException:
            _discard(puts)
            raise

    def _place(self, puts: Sequence[PendingPut]) -> list[tuple[Any, ...]]:
        """Give the files of datasets their names; return rows that say where they are."""
        ids = [put.ref.id for put in puts for _ in put.artifacts]
        artifacts = [artifact for put in puts for artifact in put.artifacts]
        distinctions = [id.hex for id in ids]
        records = self._datastore.place(list(zip(artifacts, distinctions, strict=True)), self._placed)
        return [(id, *record) for id, record in zip(ids, records, strict=True)]

    def _check_names(self, puts: Sequence[PendingPut]) -> None:
        """Raise if a file would take the name of one that holds another dataset."""
        named: dict[tuple[str, str], DatasetRef] = {}
        paths: dict[str, list[str]] = {}
        for put in puts:
            for artifact in put.artifacts:
                store, path = artifact.record.store, artifact.record.path
                if (other := named.setdefault((store, path), put.ref)) is not put.ref:
                    raise _same_file(put.ref, path, show(other))
                paths.setdefault(store, []).append(path)
        for store, of_store in paths.items():
            for path in self._registry.paths_in_use(store, of_store):
                raise _same_file(named[store, path], path, "another dataset")

    def discard(self) -> None:
        """Forget what is pending, and the bytes that have no name yet."""
        _discard(self._puts.values())
        self._puts, self._keys, self._bytes = {}, set(), 0


def _key(ref: DatasetRef) -> tuple[Any, ...]:
    return ref.datasetType.name, ref.run, *ref.dataId.values_tuple


def _discard(puts: Iterable[PendingPut]) -> None:
    for put in puts:
        for artifact in put.artifacts:
            artifact.discard()


def _same_file(ref: DatasetRef, path: str, other: str) -> ConflictingDefinitionError:
    return ConflictingDefinitionError(
        f"The file of dataset {show(ref)} would be {path!r}, which is that of {other}. Let the template of "
        "their names tell them apart: datastore: templates in butler.yaml."
    )
