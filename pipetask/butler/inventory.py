"""Comparing rows with files: what lies in the folders of runs, and what should lie there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from datastore.errors import DatastoreError
from datastore.inventory import FoundFile as FoundFile  # noqa: PLC0414 - fsck annotates with it
from datastore.records import ArtifactRecord

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from registry.registry import Registry


_AT_ONCE = 10_000  # files looked up together: bounds memory


class DamagedArtifact(NamedTuple):
    """An artifact that isn't what its row says."""

    dataset: UUID
    run: str
    record: ArtifactRecord
    what: str
    """``missing``, ``size`` or ``checksum``."""
    detail: str


def files_of_runs(butler: Butler, runs: Iterable[str]) -> Iterator[tuple[str, FoundFile]]:
    """Yield each file in the folders of some runs, with its run: the innermost one, where runs are nested."""
    all_runs = butler.registry.collections.query("*", kinds=["RUN"])
    by_folder = {butler.datastore.folder(run): run for run in all_runs}
    wanted = set(runs)
    for run in sorted(wanted):
        if not _is_inside(run, wanted):
            for file in butler.datastore.files(run):
                owner = _owner(file.path, by_folder)
                if owner in wanted:
                    yield owner, file


def _is_inside(run: str, others: set[str]) -> bool:
    while run := run.rpartition("/")[0]:
        if run in others:
            return True
    return False


def _owner(path: str, by_folder: Mapping[str, str]) -> str:
    folder = path
    while folder := folder.rpartition("/")[0]:
        if folder in by_folder:
            return by_folder[folder]
    return ""


def damaged_artifacts(butler: Butler, *, deep: bool) -> Iterator[DamagedArtifact]:
    """Yield the artifacts that are missing, of another size, or (``deep``) of other content than recorded.

    What was pruned or replaced while this looked is left out.
    """
    for dataset, run, fields in butler.registry.all_locations():
        found = _damage(butler, dataset, run, ArtifactRecord(*fields), deep=deep)
        if found and found.record in butler.artifacts([dataset]).get(dataset, ()):
            again = _damage(butler, dataset, run, found.record, deep=deep)
            if again:
                yield again


def _damage(
    butler: Butler, dataset: UUID, run: str, record: ArtifactRecord, *, deep: bool
) -> DamagedArtifact | None:
    size = butler.datastore.size_of(record)
    expected = record.size if record.offset < 0 else record.offset + record.size
    if size is None:
        return DamagedArtifact(dataset, run, record, "missing", "")
    if size != expected >= 0 and (record.offset < 0 or size < expected):
        return DamagedArtifact(dataset, run, record, "size", f"{size} bytes instead of {expected}")
    if deep:
        try:
            if butler.datastore.verify(record):
                return None
        except (DatastoreError, OSError) as error:
            return DamagedArtifact(dataset, run, record, "checksum", f"can't be read: {error}")
        return DamagedArtifact(dataset, run, record, "checksum", "the content is not what was written")
    return None


def files_without_rows(butler: Butler, runs: Iterable[str]) -> Iterator[tuple[str, FoundFile]]:
    """Yield the files in the folders of some runs in which no dataset is, each with its run.

    Rows are looked up after the files were seen, so that what is committed meanwhile is found.
    """
    seen = files_of_runs(butler, runs)
    while part := list(islice(seen, _AT_ONCE)):
        # "#": whatever part of the file a row may name.
        named = ((file.store, f"{file.path}#") for _, file in part)
        in_use = paths_in_use(butler.registry, named)
        yield from (found for found in part if (found[1].store, found[1].path) not in in_use)


def paths_in_use(registry: Registry, paths: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the files, of some stores and paths, that still hold a dataset; see `Registry.paths_in_use`."""
    by_store: dict[str, set[str]] = defaultdict(set)
    for store, path in paths:
        by_store[store].add(path)
    return {(store, path) for store in by_store for path in registry.paths_in_use(store, by_store[store])}


def remove_left_overs(butler: Butler, run: str) -> list[str]:
    """Delete the files in a run's folder that no row names; nobody may be writing to the run.

    Returns
    -------
    paths : `list` [`str`]
        What was deleted, relative to the root.
    """
    left = [file for _, file in files_without_rows(butler, [run])]
    butler.datastore.remove_files(left)
    return [file.path for file in left]
