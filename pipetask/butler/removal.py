"""Taking datasets out of collections, deleting their files, removing whole runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from registry.dataset_ref import DatasetRef
from registry.errors import CollectionTypeError

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from pipetask.butler.transaction import Transaction


def prune_datasets(
    butler: Butler,
    transaction: Transaction,
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
    transaction : `Transaction`
        What deletes the files once the rows are gone.
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
    refs, tags = list(refs), list(tags)
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
        ids = [ref.id for ref in refs]
        artifacts = [record for records in butler.artifacts(ids).values() for record in records]
        butler.registry.remove_locations(ids)
        if purge:
            butler.registry.remove_datasets(ids)
        # A file may hold other datasets as well: it goes with the last of them, or, if they are parts of it
        # (``#hdu=2``), with its run.
        in_use = butler.registry.paths_in_use(butler.datastore.name, {record.path for record in artifacts})
        transaction.delete_later(
            record for record in artifacts if record.path not in in_use and "#" not in record.path
        )


def remove_runs(butler: Butler, names: str | Iterable[str], *, unlink_from_chains: bool = False) -> None:
    """Remove runs with all their datasets and files.

    Parameters
    ----------
    butler : `Butler`
        The repository.
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
    """
    collections = butler.registry.collections
    runs = [names] if isinstance(names, str) else list(names)
    for name in runs:
        if collections.get_info(name).kind != "RUN":
            raise CollectionTypeError(f"Collection {name!r} is {collections.get_info(name).kind}, not a run.")
    with butler.registry.transaction():
        for name in runs:
            for parent in collections.parents(name) if unlink_from_chains else ():
                collections.remove_from_chain(parent, name)
            butler.registry.remove_run(name)
    for name in runs:
        butler.datastore.remove_tree(name, keep=collections.query("*", kinds=["RUN"]))
