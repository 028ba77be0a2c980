"""Transfer of parts: what composites are made of, and components of datasets without the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.limited import hint_of
from registry.dataset_ref import DatasetRef

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler


def with_parts(refs: Iterable[DatasetRef]) -> Iterator[DatasetRef]:
    """Yield datasets, each once; instead of composites that were not put, the parts that they are made of."""
    seen = set()
    for ref in refs:
        for each in ref.all_parts() if isinstance(ref, CompositeRef) else (ref,):
            key = each.id, each.datasetType.component()
            if key not in seen:
                seen.add(key)
                yield each


def transfer_components(target: Butler, source: Butler, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
    """Copy components, each to a file of its own; their datasets have the same ids, and lack the rest.

    Parameters
    ----------
    target, source : `Butler`
        To and from where.
    refs : iterable of `DatasetRef`
        Components; those of datasets that are in the target already, or components that are, stay.
    """
    transferred = []
    with target.transaction():
        for ref in refs:
            component = str(ref.datasetType.component())
            whole_type = target.registry.get_dataset_type(ref.datasetType.nameAndComponent()[0])
            whole = DatasetRef(whole_type, ref.dataId, ref.run, id=ref.id)
            here = target.artifacts([ref.id]).get(ref.id, [])
            if not any(record.component in ("", component) for record in here):
                value = source.get(ref)
                target.collections.register(ref.run)
                target.registry.insert_datasets(whole_type, ref.run, [whole.dataId], ids=[whole.id])
                record = target.datastore.write_component(
                    value, hint_of(whole), component, sync=False, clobber=True
                )
                target.adopt([record])
                target.registry.insert_locations([(whole.id, *record)])
            transferred.append(ref)
    return transferred
