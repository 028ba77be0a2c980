"""Writing: objects become artifacts, and records that say where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from datastore.artifact import ALGORITHM, Buffer, checksum
from datastore.configured import ConfiguredDatastore
from datastore.errors import PackageMissingError
from datastore.records import ArtifactHint, ArtifactRecord
from datastore.staging import StagedArtifact
from datastore.storage_class import StorageClass
from datastore.stores.side_by_side import side_by_side


class WritingDatastore(ConfiguredDatastore):
    """Writes objects, whole or in parts."""

    def write(
        self,
        obj: Any,
        hint: ArtifactHint,
        *,
        sync: bool = True,
        clobber: bool = False,
        as_one: bool = False,
    ) -> list[ArtifactRecord]:
        """Write an object and return its records.

        Parameters
        ----------
        obj : object
            Of the storage class's Python type, or convertible to it.
        hint : `ArtifactHint`
            What it is.
        sync : `bool`, optional
            Return when it is durable. Without it, call `sync` with the records of a batch.
        clobber : `bool`, optional
            Replace a file that is there already.
        as_one : `bool`, optional
            As one artifact, also if the dataset type is to be disassembled: of several writers one can win.
        """
        records = []
        for record, data in self._artifacts(obj, hint, as_one=as_one):
            self._keep(record, data, sync=sync, clobber=clobber)
            records.append(record)
        return records

    def stage(self, obj: Any, hint: ArtifactHint) -> list[StagedArtifact]:
        """Keep the bytes of an object where nobody sees them, until each is placed or discarded."""
        staged: list[StagedArtifact] = []
        try:
            for record, data in self._artifacts(obj, hint):
                store = self.stores[record.store]
                staged.append(StagedArtifact(record, store, store.stage(record.path, data)))
        except BaseException:
            for each in staged:
                each.discard()
            raise
        return staged

    def place(
        self, staged: Sequence[tuple[StagedArtifact, str]], placed: Callable[[ArtifactRecord], None]
    ) -> list[ArtifactRecord]:
        """Make staged artifacts visible, not synced yet; return their records, in order.

        Parameters
        ----------
        staged : sequence of `tuple`
            Artifacts, each with its distinction; see `StagedArtifact.place`. Several are sent to a remote
            store at a time.
        placed : callable
            Is told of each that has become visible, also if another one could not.
        """
        records = [artifact.record for artifact, _ in staged]

        def place(number: int) -> ArtifactRecord:
            artifact, distinction = staged[number]
            record = artifact.place(distinction)
            if artifact.store.is_remote:
                self._cache(record, artifact.content)
            return record

        def done(number: int, record: ArtifactRecord) -> None:
            placed(record)
            records[number] = record

        remote = [number for number, (artifact, _) in enumerate(staged) if artifact.store.is_remote]
        for number, (artifact, _) in enumerate(staged):
            if not artifact.store.is_remote:
                done(number, place(number))
        if remote:
            side_by_side(place, remote, done)
        return records

    def _artifacts(
        self, obj: Any, hint: ArtifactHint, *, as_one: bool = False
    ) -> Iterator[tuple[ArtifactRecord, Buffer]]:
        """Yield what an object becomes: one artifact, or one for each component that is not None."""
        storage_class = self.storage_classes.get(hint.storage_class)
        obj = storage_class.take(obj)
        if as_one or self.disassembled.isdisjoint((hint.dataset_type, hint.storage_class)):
            yield self._artifact(obj, hint, storage_class, "")
            return
        for component, name in storage_class.components.items():
            if (part := getattr(obj, component)) is not None:
                part_class = self.storage_classes.get(name)
                yield self._artifact(part_class.take(part), hint, part_class, component)

    def _artifact(
        self, obj: Any, hint: ArtifactHint, storage_class: StorageClass, component: str
    ) -> tuple[ArtifactRecord, Buffer]:
        name, formatter = self.formatter_of(hint.dataset_type if not component else "", storage_class)
        template = self.templates.find(hint.dataset_type, hint.storage_class)
        path = template.path(hint, component, formatter.extension)
        store = self.store_of(hint.dataset_type, hint.storage_class)
        try:
            data = formatter.to_bytes(obj, storage_class)
        except ModuleNotFoundError as err:
            raise PackageMissingError.of(name, err) from err
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        digest = checksum(data)
        record = ArtifactRecord(
            component, store.name, path, -1, size, digest, ALGORITHM, name, storage_class.name
        )
        return record, data

    def _keep(self, record: ArtifactRecord, data: Buffer, *, sync: bool, clobber: bool) -> None:
        self.stores[record.store].put(record.path, data, sync=sync, clobber=clobber)
        self._cache(record, data)

    def _cache(self, record: ArtifactRecord, data: Buffer) -> None:
        """Keep a local copy of what is remote."""
        if self.cache is not None and (store := self.stores[record.store]).is_remote:
            self.cache.keep(record, store.uri(record.path), data)

    def write_component(
        self, obj: Any, hint: ArtifactHint, component: str, *, sync: bool = True, clobber: bool = False
    ) -> ArtifactRecord:
        """Write one component of a dataset to a file of its own, without the rest; see `write`."""
        name = self.storage_classes.component_class(hint.storage_class, component)
        part_class = self.storage_classes.get(name)
        part = part_class.take(obj)
        record, data = self._artifact(part, hint, part_class, component)
        self._keep(record, data, sync=sync, clobber=clobber)
        return record

    def sync(self, records: Iterable[ArtifactRecord]) -> None:
        """Make artifacts that were written with ``sync=False`` durable, in one pass."""
        for store, paths in self.stores.by_store(records):
            store.sync(paths)

    def serialize(self, obj: Any, storage_class: str) -> tuple[bytes, str]:
        """Return the bytes of an object, and the name of the formatter that made them."""
        wanted = self.storage_classes.get(storage_class)
        name, formatter = self.formatter_of("", wanted)
        return bytes(formatter.to_bytes(wanted.take(obj), wanted)), name

    def inputs_named_by(self, obj: Any, storage_class: str) -> list[dict[str, Any]]:
        """Return what an object says that it was made from, a row each; see `composites.inputs`."""
        from datastore.composites.inputs import inputs_named_by

        return inputs_named_by(obj, self.storage_classes.get(storage_class))

    def records_there(self, hint: ArtifactHint) -> list[ArtifactRecord]:
        """Return the record of what another writer left where an object would be written, if it did."""
        storage_class = self.storage_classes.get(hint.storage_class)
        name, _ = self.formatter_of(hint.dataset_type, storage_class)
        store, path = self.store_of(hint.dataset_type, hint.storage_class), self.path_for(hint)
        if store.size(path) is None:
            return []
        data = store.source(path).read_bytes()
        return [
            ArtifactRecord(
                "", store.name, path, -1, len(data), checksum(data), ALGORITHM, name, storage_class.name
            )
        ]
