"""Objects that a worker holds from the quantum that made them to those that read them, within one chain.

An object is held as its pickle, its arrays beside it as bytes. So its size is known, and every reader gets an
object of its own: no task can change what another one sees.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pipetask.butler import ArtifactRecord, CompositeRef, DatasetRef, LimitedButler, part_of
from pipetask.butler.limited import LimitedButlerConfig, hint_of
from pipetask.execution.work import HandOver


class HeldObjects:
    """What a worker holds for the chain that it runs.

    Parameters
    ----------
    limit : `int`
        How much it may hold at once [byte].

    Attributes
    ----------
    records : `dict` [ `uuid.UUID`, `~collections.abc.Sequence` [ `ArtifactRecord` ] ]
        Where the artifacts are of what the chain has made, as far as there are any.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._objects: dict[UUID, tuple[DatasetRef, bytes, list[bytearray]]] = {}
        self._readers: Counter[UUID] = Counter()
        self.records: dict[UUID, Sequence[ArtifactRecord]] = {}

    def __contains__(self, id: UUID) -> bool:
        return id in self._objects

    @property
    def unwritten(self) -> list[DatasetRef]:
        """What is held and in no file."""
        return [ref for id, (ref, _, _) in self._objects.items() if id not in self.records]

    def hold(self, obj: object, ref: DatasetRef, readers: int) -> bool:
        """Hold an object for so many readers; return whether that was possible."""
        buffers: list[pickle.PickleBuffer] = []
        try:
            data = pickle.dumps(obj, protocol=5, buffer_callback=buffers.append)
            size = len(data) + sum(buffer.raw().nbytes for buffer in buffers)
            if self._size + size > self._limit:
                return False
            arrays = [bytearray(buffer.raw()) for buffer in buffers]
        except Exception:  # the object's own code: it can't be pickled
            return False
        self._objects[ref.id] = ref, data, arrays
        self._readers[ref.id] = readers
        self._size += size
        return True

    def get(self, id: UUID) -> tuple[Any, str]:  # of any type
        """Return an equal object, which is the caller's own, and its storage class."""
        ref, data, arrays = self._objects[id]
        obj = pickle.loads(data, buffers=list(map(bytearray, arrays)))  # noqa: S301 - our own
        return obj, ref.datasetType.storageClass

    def note_read(self, ids: Iterable[UUID]) -> None:
        """Note that a quantum to which these were given has ended: what nobody else reads is dropped."""
        for id in ids:
            if id in self._objects:
                self._readers[id] -= 1
                if not self._readers[id]:
                    self.drop([id])

    def drop(self, ids: Iterable[UUID]) -> None:
        """Forget objects."""
        for id in ids:
            if id in self._objects:
                _, data, arrays = self._objects.pop(id)
                self._size -= len(data) + sum(map(len, arrays))

    def clear(self) -> None:
        """Forget all: another chain begins."""
        self._objects.clear()
        self._readers.clear()
        self.records.clear()
        self._size = 0


class HandingButler(LimitedButler):
    """A limited butler that reads what is held, and holds what will be read.

    Parameters
    ----------
    config, records, kept
        As for `LimitedButler`.
    held : `HeldObjects`
        What the worker holds.
    hand_over : `HandOver`
        What becomes of what is put.

    Attributes
    ----------
    temporary : `dict` [ `uuid.UUID`, `list` [ `ArtifactRecord` ] ]
        What was put that nobody needs after the run; without artifacts, if it is only held.
    """

    def __init__(
        self,
        config: LimitedButlerConfig,
        records: Mapping[UUID, Sequence[ArtifactRecord]],
        held: HeldObjects,
        hand_over: HandOver,
        *,
        kept: frozenset[UUID],
    ) -> None:
        super().__init__(config, records, kept=kept)
        self.temporary: dict[UUID, list[ArtifactRecord]] = {}
        self._held = held
        self._hand_over = hand_over

    def put(self, obj: Any, ref: DatasetRef) -> list[ArtifactRecord]:
        """Write a dataset, or hold it, or both."""
        readers = 0 if isinstance(ref, CompositeRef) else self._hand_over.passed.get(ref.id, 0)
        is_temporary = ref.id in self._hand_over.temporary
        if not readers and not is_temporary:
            return super().put(obj, ref)
        storage_class = self.datastore.storage_classes.get(ref.datasetType.storageClass)
        taken = storage_class.take(obj)
        is_held = readers > 0 and self._held.hold(taken, ref, readers)
        if not is_temporary:
            return super().put(taken, ref)
        is_lost_otherwise = ref.id not in self._hand_over.unwritten or (readers > 0 and not is_held)
        self.temporary[ref.id] = self._write(taken, ref) if is_lost_otherwise else []
        return self.temporary[ref.id]

    def _write(self, obj: Any, ref: DatasetRef) -> list[ArtifactRecord]:
        return self.datastore.write(obj, hint_of(ref), sync=False, clobber=True)

    def save_held(self) -> None:
        """Write what is held and in no file, so that who needs it can be run without it."""
        for ref in self._held.unwritten:
            self.temporary[ref.id] = self._write(self._held.get(ref.id)[0], ref)

    def take_back(self) -> None:
        """Remove what was put, from memory too."""
        self._held.drop([*self.written, *self.temporary])
        self.datastore.remove(record for records in self.temporary.values() for record in records)
        self.temporary.clear()
        super().take_back()

    def exists(self, ref: DatasetRef) -> bool:
        """Return whether a dataset is held, or its files are there."""
        return ref.id in self._held or super().exists(ref)

    def read(
        self,
        ref: DatasetRef,
        *,
        component: str | None,
        parameters: Mapping[str, Any] | None,
        storageClass: str | None,
    ) -> Any:
        """Return the object of a dataset, or a component of it; the caller's own, if it is held."""
        part = component or ref.datasetType.component()
        is_whole = part is None and not parameters
        if ref.id not in self._held or (not is_whole and ref.id in self._held.records):
            return super().read(ref, component=component, parameters=parameters, storageClass=storageClass)
        obj, whole = self._held.get(ref.id)
        classes = self.datastore.storage_classes
        wanted = storageClass or ref.datasetType.storageClass
        if component is not None and storageClass is None:
            wanted = classes.component_class(wanted, component)
        value = part_of(obj, whole, classes, component=part, parameters=parameters)
        self.read_ids.add(ref.id)
        return None if value is None else classes.get(wanted).take(value)
