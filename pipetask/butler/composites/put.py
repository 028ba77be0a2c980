"""Putting composites: what changed is written; what did not becomes a reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from datastore.composites.components import component_of
from datastore.composites.digest import digest
from datastore.errors import DatastoreError, DigestError, StorageTypeError
from datastore.storage_class import StorageClasses, import_cached
from pipetask.butler.composites.definition import Composite, Part
from pipetask.butler.composites.errors import MissingPartError
from pipetask.butler.composites.find import PartFinder
from pipetask.butler.composites.ref import CompositeRef
from pipetask.errors import CompositePutError
from registry.dataset_ref import DatasetRef
from registry.errors import ConflictingDefinitionError

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from pipetask.butler.limited import LimitedButler


def put_composite(butler: Butler, obj: Any, composite: Composite, ref: DatasetRef) -> CompositeRef:
    """Store a composite: its changed parts as datasets of the same run, and a row that refers to all parts.

    Parameters
    ----------
    butler : `Butler`
        The repository; call inside a transaction.
    obj : object
        The composite.
    composite : `Composite`
        Its definition.
    ref : `DatasetRef`
        What it is to be.

    Raises
    ------
    CompositePutError
        If a part is missing, was changed though it is ``inputOnly``, or the composite cannot be taken apart.
    ConflictingDefinitionError
        If a ``writeOnce`` part differs from what is there.
    """
    values = taken_apart(butler.datastore.storage_classes, composite, obj, ref)
    searched = dict.fromkeys((ref.run, *butler.search_path(None, ref.dataId.get("instrument"))))
    finder = PartFinder(butler, list(searched))
    parts: dict[str, DatasetRef | tuple[DatasetRef, ...]] = {}
    for part in composite.parts:
        parts[part.name] = _stored(butler, finder, composite, part, ref, values)
    made = CompositeRef(ref.datasetType, ref.dataId, composite, parts, run=ref.run, id=ref.id)
    _record(butler, made)
    return made


def _record(butler: Butler, made: CompositeRef) -> None:
    """Store the row of a composite, and those of parts that are composites and were never put."""
    rows = [
        (name, each)
        for name, found in made.parts.items()
        for each in (found if isinstance(found, tuple) else (found,))
    ]
    for _, part in rows:
        if isinstance(part, CompositeRef) and butler.get_dataset(part.id) is None:
            _record(
                butler, CompositeRef(part.datasetType, part.dataId, part.composite, part.parts, run=made.run)
            )
    butler.registry.insert_datasets(made.datasetType, made.run, [made.dataId], ids=[made.id])
    butler.registry.insert_composite_parts((made.id, name, part.id) for name, part in rows)


def taken_apart(classes: StorageClasses, composite: Composite, obj: Any, ref: DatasetRef) -> dict[str, Any]:
    """Return the values of the parts, `None` for "as it was"."""
    obj = _of_class(classes, composite, obj, ref)
    if composite.disassembler:
        values: dict[str, Any] = {}
        try:
            returned = import_cached(composite.disassembler)(obj, ref.dataId.mapping, values)
        except MemoryError:
            raise
        except Exception as err:  # whatever a user's function raises
            raise CompositePutError(
                f"Composite {composite.name!r} {ref.dataId} cannot be put: disassembler "
                f"{composite.disassembler} raised {type(err).__name__}: {err}"
            ) from err
        values = returned if isinstance(returned, dict) and not values else values
        if absent := [part.name for part in composite.parts if part.name not in values]:
            raise CompositePutError(
                f"Disassembler {composite.disassembler} of {composite.name!r} gave no {', '.join(absent)}. "
                "Give None for a part that is as it was."
            )
        return values
    if composite.assembler:
        raise CompositePutError(
            f"Composite {composite.name!r} has an assembler of its own and no disassembler, so it cannot be "
            "put. Put it whole under another dataset type, or define a disassembler."
        )
    values = {}
    for part in composite.parts:
        if part.many:
            values[part.name] = None
        elif part.name == composite.base:
            values[part.name] = obj
        else:
            try:
                values[part.name] = component_of(obj, part.name)
            except DatastoreError as err:
                raise CompositePutError(
                    f"Composite {composite.name!r} {ref.dataId} cannot be put: {err}"
                ) from err
    return values


def _of_class(classes: StorageClasses, composite: Composite, obj: Any, ref: DatasetRef) -> Any:
    """Return an object as what the definition says that the whole is."""
    refused = f"Composite {composite.name!r} {ref.dataId} cannot be put: "
    if not composite.storage_class:
        if isinstance(obj, import_cached(composite.python)):
            return obj
        raise CompositePutError(f"{refused}it is a {composite.python}, not {type(obj).__name__}.")
    storage_class = classes.get(composite.storage_class)
    try:
        return obj if isinstance(obj, storage_class.pytype) else storage_class.take(obj)
    except StorageTypeError as err:
        raise CompositePutError(f"{refused}{err}") from err


def _stored(
    butler: Butler,
    finder: PartFinder,
    composite: Composite,
    part: Part,
    ref: DatasetRef,
    values: Mapping[str, Any],
) -> DatasetRef | tuple[DatasetRef, ...]:
    """Return the dataset of a part: one that is there already if it is equal, else a new one."""
    value = values[part.name]
    what = f"Part {part.name!r} of composite {composite.name!r} {ref.dataId}"
    try:
        there = finder.part(composite, part, ref.dataId)
    except MissingPartError as err:
        if part.input_only or value is None:
            why = "is inputOnly, so never written," if part.input_only else "is to be as it was,"
            raise CompositePutError(f"{what} {why} and there is none. {err}") from err
        there = None
    if value is None:
        assert there is not None
        return there
    if part.many:
        raise CompositePutError(f"{what} is a list of datasets: these are never written; give None for it.")
    if isinstance(there, DatasetRef) and is_equal(butler, composite, part, there, value, values):
        return there
    if part.input_only:
        raise CompositePutError(
            f"{what} is inputOnly and was changed. Undo the change, or put a composite where it is not."
        )
    if "." in part.dataset_type:
        raise CompositePutError(
            f"{what} was changed and is stored inside {part.dataset_type.partition('.')[0]!r}: it cannot be "
            "written alone. Name a dataset type of its own for it."
        )
    if part.write_once and isinstance(there, DatasetRef):
        raise ConflictingDefinitionError(
            f"{what} is writeOnce, and differs from dataset {there.datasetType.name!r} {there.dataId} in run "
            f"{there.run!r}. Make them equal, or put into other collections."
        )
    part_type = butler.registry.get_dataset_type(part.dataset_type)
    data_id = finder.projected(composite, part, part_type, ref.dataId)
    return butler.put(value, part_type, data_id, run=ref.run)


def is_equal(
    butler: Butler | LimitedButler,
    composite: Composite,
    part: Part,
    there: DatasetRef,
    value: Any,
    values: Mapping[str, Any],
) -> bool:
    """Whether a dataset has a value; of a base, what other parts are laid over does not count."""
    others = [name for name in values if name != part.name] if part.name == composite.base else []
    storage_class = there.datasetType.storageClass
    value = butler.datastore.storage_classes.get(storage_class).take(value)
    return _digest(butler, storage_class, value, others) == butler.datastore.components.get(
        (there.id, there.datasetType.name, "digest", tuple(others)),
        lambda: _digest(butler, storage_class, butler.get(there), others),
    )


def digests_equal(butler: Butler | LimitedButler, storage_class: str, value: Any, other: Any) -> bool:
    """Whether two values of one storage class are equal."""
    return _digest(butler, storage_class, value, ()) == _digest(butler, storage_class, other, ())


def _digest(butler: Butler | LimitedButler, storage_class: str, value: Any, without: Collection[str]) -> str:
    """Return the digest of a value; of its file, if the type is one that only its formatter knows."""
    try:
        return digest(value, without=without)
    except DigestError:
        data, _ = butler.datastore.serialize(value, storage_class)
        return digest(data)
