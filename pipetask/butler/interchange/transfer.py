"""Transfer: datasets of one repository, copied to another with their ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.interchange.components import transfer_components, with_parts
from pipetask.butler.interchange.export import RepoExport
from pipetask.butler.interchange.import_ import import_document
from pipetask.butler.interchange.put_composites import insert_composites
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dimensions.coordinate import DataCoordinate

if TYPE_CHECKING:
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler


def transfer_from(
    target: Butler,
    source: Butler,
    refs: Iterable[DatasetRef],
    *,
    transfer: Transfer = "auto",
    skip_missing: bool = True,
    register_dataset_types: bool = False,
    transfer_dimensions: bool = False,
) -> list[DatasetRef]:
    """Copy datasets of another repository, with their ids and runs; those that are there already stay.

    Parameters
    ----------
    target, source : `Butler`
        To and from where.
    refs : iterable of `DatasetRef`
        Datasets of the source. A component (``calexp.photoCalib``) is copied alone, to a file of its own: its
        dataset then lacks the rest. Of a composite the parts are copied,
        and which ones it was put with, if it was; its definition only with ``register_dataset_types``.
    transfer : `str`, optional
        How files get in; see ``Butler.ingest``. Not ``move``.
    skip_missing : `bool`, optional
        Whether datasets without files are left out; else they are an error.
    register_dataset_types : `bool`, optional
        Whether dataset types that the target does not know are registered; else they are an error.
    transfer_dimensions : `bool`, optional
        Whether dimension records are copied as well; else they must be there.

    Returns
    -------
    transferred : `list` [`DatasetRef`]
        Those datasets that are in the target now.

    Raises
    ------
    MissingDatasetTypeError
        If a dataset type is unknown.
    DataIdError
        If a dimension record is missing.
    """
    if transfer == "move":
        raise ValueError("A transfer does not move files out of the source; choose another mode.")
    refs = list(refs)
    whole = [ref for ref in refs if isinstance(ref, CompositeRef)]
    parts = list(with_parts(refs))
    components = [ref for ref in parts if ref.isComponent()]
    refs = [ref for ref in parts if not ref.isComponent()]
    here = _stored(target, refs)
    if not register_dataset_types:
        for name in sorted({ref.datasetType.nameAndComponent()[0] for ref in parts}):
            target.registry.get_dataset_type(name)
    with TemporaryDirectory(dir=target.root, prefix=".transfer-") as folder:
        # Local files are named where they are; what shares a file with others is written out in between, and
        # so are remote ones, which the target's store may not know how to reach.
        helper = RepoExport(source, Path(folder), "direct", fetch_remote=transfer != "direct")
        helper.saveDatasets((ref for ref in refs if ref.id not in here), skip_missing=skip_missing)
        for ref in whole:
            helper.savePutComposite(ref)
            if register_dataset_types:
                helper.saveComposite(ref.composite)
        for name in sorted({ref.datasetType.nameAndComponent()[0] for ref in components}):
            helper.saveDatasetType(source.registry.get_dataset_type(name))
        helper.saveDataIds(ref.dataId for ref in components)
        document = helper.document()
        if not transfer_dimensions:
            document.records.clear()
        put, document.composite_datasets[:] = list(document.composite_datasets), []
        import_document(target, document, Path(folder), transfer=transfer)
    transferred = [ref for ref in refs if ref.id in here or ref.id in helper.datasets]
    transferred += transfer_components(target, source, components)
    with target.transaction():
        insert_composites(target, put)
    return transferred


def _stored(target: Butler, refs: Iterable[DatasetRef]) -> set[DatasetId]:
    """Return the ids of those datasets that a repository has already, with files."""
    wanted = {ref.id: _identity(ref) for ref in refs}
    there = target.registry.get_datasets(target.artifacts(wanted))
    return {ref.id for ref in there if ref is not None and _identity(ref) == wanted[ref.id]}


def _identity(ref: DatasetRef) -> tuple[str, str, DataCoordinate]:
    return ref.datasetType.name, ref.run, ref.dataId
