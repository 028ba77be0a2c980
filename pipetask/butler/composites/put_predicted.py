"""Putting composites in a quantum: every part that the graph predicts is written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipetask.butler.composites.put import digests_equal, is_equal, taken_apart
from pipetask.errors import CompositePutError
from registry.dataset_ref import DatasetRef

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from pipetask.butler.composites.definition import Part
    from pipetask.butler.composites.ref import CompositeRef
    from pipetask.butler.limited import LimitedButler


def put_predicted(butler: LimitedButler, obj: Any, ref: CompositeRef) -> list[ArtifactRecord]:
    """Write the parts of a composite; those that are never written must be as they were.

    Parameters
    ----------
    butler : `LimitedButler`
        Knows the parts that are inputs.
    obj : object
        The composite.
    ref : `CompositeRef`
        What it is to be; its parts are what the graph predicted, and inputs.

    Raises
    ------
    CompositePutError
        If a part is missing, or was changed though it is never written, or the composite cannot be taken
        apart.
    ConflictingDefinitionError
        If a ``writeOnce`` part differs from what another quantum wrote.
    """
    values = taken_apart(butler.datastore.storage_classes, ref.composite, obj, ref)
    records = []
    # What others may rely on is written last, when little can fail any more.
    for part in sorted(ref.composite.parts, key=lambda part: part.write_once):
        value = values[part.name]
        what = f"Part {part.name!r} of composite {ref.composite.name!r} {ref.dataId}"
        if part.many:
            if value is not None:
                raise CompositePutError(
                    f"{what} is a list of datasets: these are never written; give None for it."
                )
            continue
        there = ref.parts[part.name]
        assert isinstance(there, DatasetRef)  # the part is one dataset
        if not part.is_written:
            if value is not None and not is_equal(butler, ref.composite, part, there, value, values):
                raise CompositePutError(f"{what} {_why_never_written(part)}")
        elif value is None:
            raise CompositePutError(
                f"{what} is to be as it was, and there is none: this quantum makes its "
                f"{there.datasetType.name!r}."
            )
        elif part.write_once:
            storage_class = there.datasetType.storageClass
            value = butler.datastore.storage_classes.get(storage_class).take(value)
            records += butler.put_once(value, there, partial(digests_equal, butler, storage_class, value))
        else:
            records += butler.put(value, there)
    return records


def _why_never_written(part: Part) -> str:
    if part.input_only:
        return "is inputOnly and was changed. Undo the change, or make a composite where it is not."
    whole = part.dataset_type.partition(".")[0]
    return (
        f"was changed and is stored inside {whole!r}: it cannot be written alone. Name a dataset type of its "
        "own for it."
    )
