"""Taking datasets out of collections, deleting their files, removing whole runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from datastore.records import ArtifactRecord
from pipetask.butler.defaults import reused_collection
from pipetask.butler.inventory import paths_in_use
from pipetask.butler.repository import journal_path
from registry.arguments import all_checked
from registry.dataset_ref import DatasetRef
from registry.errors import CollectionTypeError, InvalidNameError, OrphanedRecordError
from registry.patterns import as_names, is_glob

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from pipetask.butler.deletions import Deletions


def prune_datasets(
    butler: Butler,
    deletions: Deletions,
    refs: Iterable[DatasetRef],
    *,
    disassociate: bool = True,
    unstore: bool = False,
    tags: Iterable[str] = (),
    purge: bool = False,
) -> None:
    """Take datasets out of collections, delete their files, or remove all trace of them.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    deletions : `Deletions`
        Files that go once the rows are gone.
    refs : iterable of `DatasetRef`
        The datasets.
    disassociate : `bool`, optional
        Whether they leave the collections ``tags``.
    unstore : `bool`, optional
        Whether their files are deleted; the rows that say that they existed stay.
    tags : iterable of `str`, optional
        TAGGED collections.
    purge : `bool`, optional
        Whether they are removed from everything, files included; needs the two options above.

    Raises
    ------
    TypeError
        If the options contradict each other.
    OrphanedRecordError
        If something else refers to a dataset that is to be purged.
    """
    refs, tags = all_checked(refs, DatasetRef, "dataset ref"), list(as_names(tags))
    if purge and not (disassociate and unstore):
        raise TypeError(
            "purge=True removes files and associations: it needs disassociate=True and unstore=True."
        )
    if disassociate and not tags and not purge and not unstore:
        raise TypeError("Nothing to do: name tags to leave, or give unstore=True or purge=True.")
    if disassociate:
        for tag in tags:
            butler.registry.collections.disassociate(tag, refs)
    if unstore:
        deletions.make_room()
        ids = [ref.id for ref in refs]
        artifacts = list(_whole_or_finished(butler, refs))
        butler.registry.remove_locations(ids)
        if purge:
            butler.registry.remove_datasets(ids)
        deletions.add(_unused(butler, artifacts))


def remove_runs(
    butler: Butler,
    deletions: Deletions,
    names: str | Iterable[str],
    *,
    unlink_from_chains: bool = False,
) -> None:
    """Remove runs with all their datasets and files, and the tags of what they took over of earlier runs.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    deletions : `Deletions`
        Files that go once the rows are gone.
    names : `str` or iterable of `str`
        The runs.
    unlink_from_chains : `bool`, optional
        Whether they are taken out of the chains that hold them first; else that is an error.

    Raises
    ------
    CollectionTypeError
        If a collection is no run.
    OrphanedRecordError
        If a chain, or other datasets, refer to a run.
    RunLockedError
        If a run is being executed; none is removed then.
    """
    collections = butler.registry.collections
    runs = as_names(names)
    for name in runs:
        if collections.get_info(name).kind != "RUN":
            raise CollectionTypeError(f"Collection {name!r} is {collections.get_info(name).kind}, not a run.")
    deletions.make_room()
    deletions.lock(runs)
    removed: list[ArtifactRecord] = []
    with butler.registry.transaction():
        for name in runs:
            for parent in collections.parents(name) if unlink_from_chains else ():
                collections.remove_from_chain(parent, name)
            if (taken_over := reused_collection(name)) in collections.query("*", kinds=["TAGGED"]):
                collections.remove(taken_over, unlink_from_chains=unlink_from_chains)
            _, locations = butler.registry.remove_run(name)
            removed += [ArtifactRecord(*location) for _, location in locations]
        unused = list(_unused(butler, removed))
        folders = tuple(butler.datastore.folder(name) + "/" for name in runs)
        for record in set(removed).difference(unused):
            if record.path.startswith(folders):
                raise OrphanedRecordError(
                    f"File {record.path!r} holds datasets of other runs than {', '.join(runs)} as well; "
                    "remove these with it."
                )
    deletions.add(unused)


def _whole_or_finished(butler: Butler, refs: Sequence[DatasetRef]) -> Iterator[ArtifactRecord]:
    """Yield artifacts, but no slices of what a run may still be writing: their file goes with the run."""
    unfinished = {run for run in {ref.run for ref in refs} if journal_path(butler.root, run).exists()}
    artifacts = butler.artifacts([ref.id for ref in refs])
    for ref in refs:
        for record in artifacts.get(ref.id, ()):
            if record.offset < 0 or ref.run not in unfinished:
                yield record


def _unused(butler: Butler, records: Sequence[ArtifactRecord]) -> Iterator[ArtifactRecord]:
    """Yield the artifacts whose file holds no dataset any more: it goes with the last one that is in it."""
    in_use = paths_in_use(butler.registry, ((record.store, record.path) for record in records))
    for record in records:
        if (record.store, record.path.partition("#")[0]) not in in_use:
            yield record


def find_to_prune(
    butler: Butler,
    collections: Sequence[str],
    *,
    name: str | Sequence[str] = "*",
    where: str = "",
    find_all: bool = False,
    purge: str = "",
    tags: Sequence[str] = (),
) -> list[DatasetRef]:
    """Return the datasets that a user means to prune.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    collections : sequence of `str`
        Where they are found; the run to purge from, else the tags to leave, by default.
    name : `str` or sequence of `str`, optional
        Patterns of their dataset types.
    where : `str`, optional
        Query expression.
    find_all : `bool`, optional
        Whether those of equal data IDs are all meant, not only the first one found.
    purge : `str`, optional
        Only datasets of this run.
    tags : sequence of `str`, optional
        Collections that they are to leave.

    Raises
    ------
    ValueError
        If no collection is named, or the order of search does not follow from what is.
    """
    searched = list(collections) or [purge] * bool(purge) or list(tags)
    if not searched:
        raise InvalidNameError("Name the collections to prune datasets of ('*' with --find-all for all).")
    if not find_all and any(map(is_glob, searched)):
        raise InvalidNameError("A pattern has no order of search: add --find-all to prune all that it finds.")
    found = butler.query_all_datasets(searched, name=name, where=where, find_first=not find_all, limit=None)
    return [ref for ref in dict.fromkeys(found) if not purge or ref.run == purge]


def remove_collections(butler: Butler, names: Sequence[str], *, unlink_from_chains: bool = False) -> None:
    """Remove collections that are no runs, all of them or none; chains before what they hold.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    names : sequence of `str`
        The collections.
    unlink_from_chains : `bool`, optional
        Whether they are taken out of chains that stay; else that is an error.
    """
    collections = butler.registry.collections
    for name in names:
        if collections.get_info(name).kind == "RUN":
            raise CollectionTypeError(f"Collection {name!r} is a run; to remove it: butler remove-runs")
    with butler.registry.transaction():
        waiting = list(names)
        while waiting:
            free = [name for name in waiting if set(waiting).isdisjoint(collections.parents(name))]
            for name in free:
                collections.remove(name, unlink_from_chains=unlink_from_chains)
            waiting = [name for name in waiting if name not in free]
