"""What a transaction deletes, once its rows are gone for good."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from datastore.locations import local_path
from pipetask.butler.inventory import paths_in_use
from pipetask.butler.repository import batch_folder, journal_path
from pipetask.butler.reserve import keep, release
from pipetask.butler.run_lock import held
from pipetask.butler.trash import TrashList, write_down

if TYPE_CHECKING:
    from datastore.datastore import Datastore
    from datastore.records import ArtifactRecord
    from registry.registry import Registry

_LOG = logging.getLogger(__name__)


class Deletions:
    """Files, and folders of runs, that go after the commit, so that no row ever names a missing file.

    They are written down before it (see `trash`), so that none is forgotten.

    Parameters
    ----------
    registry : `Registry`
        Tells what is in use.
    datastore : `Datastore`
        The files.
    root : `str`
        Folder of the repository.
    """

    def __init__(self, registry: Registry, datastore: Datastore, root: str) -> None:
        self._registry = registry
        self._datastore = datastore
        self._root = root
        self._records: list[ArtifactRecord] = []
        self._runs: list[str] = []
        self._sources: list[Path] = []
        self._locks = ExitStack()
        self._has_no_reserve = False
        self._trash: TrashList | None = None

    def make_room(self) -> None:
        """Give up the reserve, if there is no other room for the lists and rows that a removal writes."""
        self._has_no_reserve |= release(self._root)

    def add(self, records: Iterable[ArtifactRecord]) -> None:
        """Remember files to delete."""
        self._records += records

    def add_source(self, path: str | Path) -> None:
        """Remember a local file outside the stores that was moved into one; it has a second name there."""
        self._sources.append(Path(local_path(str(path)) or path).absolute())

    def lock(self, runs: Iterable[str]) -> None:
        """Keep everybody from executing runs, all of them or none, until the transaction has ended.

        Raises
        ------
        RunLockedError
            If somebody does.
        """
        new = [run for run in dict.fromkeys(runs) if run not in self._runs]
        with ExitStack() as locks:
            for run in new:
                locks.enter_context(held(self._root, run))
            self._locks.enter_context(locks.pop_all())
        self._runs += new

    def write_down(self) -> None:
        """Write down what will be deleted; of runs that were registered again, the old files alone."""
        if not self._records and not self._runs:
            return
        if self._runs:
            others = self._all_runs()
            self._runs = [run for run in self._runs if run not in others]
        self._trash = write_down(self._root, self._outside_runs(), self._runs)

    def carry_out(self) -> None:
        """Delete it all: the rows are gone."""
        for source in self._sources:
            try:
                source.unlink(missing_ok=True)
            except OSError as err:
                _LOG.warning("%s was taken in, but can't be deleted: %s", source, err.strerror or err)
        if self._trash is None:
            return
        for store, paths in self._datastore.stores.by_store(self._outside_runs()):
            store.delete_all(paths)
        others = self._all_runs() if self._runs else set()
        for run in self._runs:
            self._datastore.remove_tree(run, keep=others)
            # A journal that is left would bring the rows back, should a run of this name be continued.
            journal = journal_path(self._root, run)
            for path in (journal, journal.with_suffix(".graph")):
                path.unlink(missing_ok=True)
            shutil.rmtree(batch_folder(self._root, run), ignore_errors=True)
        self._trash.drop()

    def are_undone(self) -> bool:
        """Tell whether the database still has the rows, or some: a commit was refused, or cut short."""
        if not self._all_runs().isdisjoint(self._runs):
            return True
        return bool(paths_in_use(self._registry, map(_file, self._records)))

    def cancel(self) -> None:
        """Delete nothing: the rows stay."""
        if self._trash is not None:
            self._trash.drop()

    def clear(self) -> None:
        """Forget everything: the transaction has ended."""
        self._records, self._runs, self._sources, self._trash = [], [], [], None
        self._locks.close()
        if self._has_no_reserve:
            keep(self._root)
            self._has_no_reserve = False

    def _outside_runs(self) -> list[ArtifactRecord]:
        """Return the files that do not go with the folders of the runs."""
        folders = tuple(self._datastore.folder(run) + "/" for run in self._runs)
        return [record for record in self._records if not record.path.startswith(folders)]

    def _all_runs(self) -> set[str]:
        return set(self._registry.collections.query("*", kinds=["RUN"]))


def _file(record: ArtifactRecord) -> tuple[str, str]:
    return record.store, record.path.partition("#")[0]
