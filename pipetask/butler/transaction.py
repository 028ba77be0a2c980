"""One change of rows and files together: all of it is kept, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pipetask.butler.deletions import Deletions
from pipetask.butler.limited import hint_of
from pipetask.butler.pending_puts import PendingPut, PendingPuts
from registry.errors import TransactionError

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from datastore.records import ArtifactRecord
    from registry.dataset_ref import DatasetRef
    from registry.registry import Registry


class Transaction:
    """Files that one transaction writes and deletes beside its rows.

    Files are written at once, under names that nobody reads; they get their own when their rows are accepted
    (see `PendingPuts`). They are made durable together just before the rows are committed, and deleted again
    if they are not. Files to delete go after the commit (see `Deletions`).

    Parameters
    ----------
    registry : `Registry`
        The rows.
    datastore : `Datastore`
        The files.
    root : `str`
        Folder of the repository.
    """

    def __init__(self, registry: Registry, datastore: Datastore, root: str) -> None:
        self._registry = registry
        self._datastore = datastore
        self._depth = 0
        self._puts = PendingPuts(registry, datastore, lambda record: self.wrote([record]))
        self._unsynced: list[ArtifactRecord] = []
        self._made: list[ArtifactRecord] = []
        self.deletions = Deletions(registry, datastore, root)

    @contextmanager
    def begin(self) -> Iterator[None]:
        """Enclose a change; one inside another is part of it.

        Raises
        ------
        TransactionError
            If it is inside one of the registry alone, at whose end nobody would look after the files.
        """
        if self._depth:
            self._depth += 1
            try:
                # What is half done inside cannot be kept: the database refuses all that follows.
                with self._registry.transaction():
                    yield
            finally:
                self._depth -= 1
            return
        if self._registry.in_transaction:
            raise TransactionError(
                "A transaction of the registry alone does not keep files and rows together: use "
                "butler.transaction() instead of butler.registry.transaction()."
            )
        is_committing = False
        try:
            self._depth = 1
            with self._registry.transaction(durable=True):
                yield
                self._puts.write()
                if self._unsynced:
                    self._datastore.sync(self._unsynced)
                self.deletions.write_down()
                is_committing = True
        except BaseException:
            self._puts.discard()
            if is_committing:
                self._remove_unnamed()
            else:
                self._datastore.remove(self._made)
                self.deletions.cancel()
            raise
        else:
            self.deletions.carry_out()
        finally:
            self._end()

    def abandon(self) -> None:
        """Take back the files of a transaction that is open; its rows were."""
        self._puts.discard()
        self._datastore.remove(self._made)
        self.deletions.cancel()
        self._end()

    def _end(self) -> None:
        self._depth = 0
        self._unsynced, self._made = [], []
        self.deletions.clear()

    def _remove_unnamed(self) -> None:
        """Delete the files that were made, if the interrupted commit was not kept; they stay if nobody knows.

        Files that no row names, and the list of files to be deleted, are known to ``butler fsck``.
        """
        by_store: dict[str, list[ArtifactRecord]] = {}
        for record in self._made:
            by_store.setdefault(record.store, []).append(record)
        with suppress(Exception):  # the database may be gone
            for store, records in by_store.items():
                named = self._registry.paths_in_use(store, [record.path for record in records])
                self._datastore.remove(record for record in records if record.path not in named)
            if self.deletions.are_undone():
                self.deletions.cancel()

    def check(self, ref: DatasetRef) -> None:
        """Raise if a dataset can't be put; what is known at once, and need not wait for the end."""
        self._puts.check(ref)

    def put(self, obj: Any, ref: DatasetRef) -> None:
        """Write an object as a dataset that was checked; its row comes with those of others."""
        staged = self._datastore.stage(obj, hint_of(ref))
        inputs = self._datastore.inputs_named_by(obj, ref.datasetType.storageClass)
        try:
            with self.begin():
                self._puts.add(PendingPut(ref, staged, inputs))
        except BaseException:
            for artifact in staged:
                artifact.discard()
            raise

    def wrote(self, records: Iterable[ArtifactRecord], *, undo: bool = True) -> None:
        """Remember files that were written; with ``undo``, they are deleted if the transaction fails."""
        records = list(records)
        self._unsynced += records
        if undo:
            self._made += records
