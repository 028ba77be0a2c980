"""Finding composites: each part where its definition says, all of them or an error that names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipetask.butler.composites.definition import ALL, Composite, Part
from pipetask.butler.composites.errors import MissingPartError
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import data_id_for, time_of
from registry.dataset_ref import DatasetId, DatasetRef
from registry.dataset_type import DatasetType
from registry.datasets.inputs import NamedInput, id_in
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import ConflictingDefinitionError, DataIdError, MissingDatasetTypeError
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler


class PartFinder:
    """Finds the parts of composites in a repository.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    collections : sequence of `str`
        What is searched, in order, for parts whose definition says nothing.
    """

    def __init__(self, butler: ReadingButler, collections: Sequence[str]) -> None:
        self._butler = butler
        self._collections = tuple(collections)

    def find(self, composite: Composite, dataset_type: DatasetType, data_id: DataCoordinate) -> CompositeRef:
        """Return a composite: the one that was put there, else what its parts make.

        Raises
        ------
        MissingPartError
            If a part is not there.
        ConflictingDefinitionError
            If a part that must be unique is there twice.
        """
        registry = self._butler.registry
        stored = registry.find_dataset(dataset_type, data_id, collections=self._collections)
        if stored is not None:
            return recorded(self._butler, composite, stored)
        parts = {part.name: self.part(composite, part, data_id) for part in composite.parts}
        return CompositeRef(dataset_type, data_id, composite, parts)

    def part(
        self, composite: Composite, part: Part, data_id: DataCoordinate
    ) -> DatasetRef | tuple[DatasetRef, ...]:
        """Return the dataset, or datasets, of one part."""
        try:
            registered = self._butler.registry.get_dataset_type(part.dataset_type.partition(".")[0])
        except MissingDatasetTypeError as err:
            raise _missing(composite, part, data_id, f"its dataset type is not registered: {err}") from err
        if part.data_ids_from:
            return self._named_by(composite, part, registered, data_id)
        if part.subset:
            return self._all(composite, part, registered, data_id)
        when = time_of(self._butler, data_id.mapping) if registered.isCalibration() else None
        return self._one(composite, part, registered, data_id, when)

    def projected(
        self, composite: Composite, part: Part, registered: DatasetType, data_id: DataCoordinate
    ) -> DataCoordinate:
        """Return the data ID of a part: the composite's, where the definition pins no other value."""
        given = {**data_id.mapping, **part.data_id}
        for name in registered.dimensions.required:
            if name not in given:
                raise DataIdError(
                    f"Part {part.name!r} of composite {composite.name!r} needs {name!r}, which its data ID "
                    f"{data_id} does not have."
                )
        return data_id_for(self._butler, registered, given, {})

    def _one(
        self,
        composite: Composite,
        part: Part,
        registered: DatasetType,
        data_id: DataCoordinate,
        when: Timespan | None,
    ) -> DatasetRef:
        own = self.projected(composite, part, registered, data_id)
        searched = part.collections or self._collections
        if part.unique:
            self._check_unique(composite, part, own, searched)
        try:
            ref = self._butler.find_dataset(part.dataset_type, own, collections=searched, timespan=when)
        except MissingPartError as err:
            raise _missing(composite, part, data_id, str(err)) from err
        if ref is None:
            where = f"no {registered.name!r} {_required(own)} in collections {', '.join(searched)}"
            raise _missing(composite, part, data_id, where)
        return ref

    def _check_unique(
        self, composite: Composite, part: Part, data_id: DataCoordinate, searched: Sequence[str]
    ) -> None:
        name = part.dataset_type.partition(".")[0]
        found = self._butler.registry.query_datasets(
            name, searched, data_id=data_id.required, find_first=False
        )
        runs = sorted({ref.run for ref in found})
        if len({ref.id for ref in found}) > 1:
            raise ConflictingDefinitionError(
                f"Part {part.name!r} of composite {composite.name!r} must be unique; {name!r} {data_id} is "
                f"in runs {', '.join(runs)}. Name fewer collections."
            )

    def _all(
        self, composite: Composite, part: Part, registered: DatasetType, data_id: DataCoordinate
    ) -> tuple[DatasetRef, ...]:
        """Return all datasets whose data IDs agree with the composite's."""
        given = {**data_id.mapping, **part.data_id}
        known = registered.dimensions.names
        constraint = {name: value for name, value in given.items() if name in known}
        searched = part.collections or self._collections
        name = registered.name
        found = self._butler.query_datasets(
            registered, searched, data_id=constraint, limit=None, explain=False
        )
        refs = tuple(sorted(found, key=_data_id))
        if part.minimum == ALL:
            wanted = self._butler.registry.query_data_ids(registered.dimensions, data_id=constraint)
            absent = sorted(
                {each.subset(registered.dimensions) for each in wanted} - {ref.dataId for ref in refs}
            )
            if absent:
                raise _missing(
                    composite,
                    part,
                    data_id,
                    f"{len(absent)} of {len(wanted)} are absent, as {name!r} {_required(absent[0])}",
                )
        self._check_minimum(composite, part, data_id, refs, f"in collections {', '.join(searched)}")
        return tuple(self._seen(part, ref) for ref in refs)

    def _named_by(
        self, composite: Composite, part: Part, registered: DatasetType, data_id: DataCoordinate
    ) -> tuple[DatasetRef, ...]:
        """Return the datasets whose data IDs, or ids, a component of another dataset holds."""
        parent, _, component = part.data_ids_from.partition(".")
        source = Part(part.name, parent, part.collections)
        holder = self.part(composite, source, data_id)
        assert isinstance(holder, DatasetRef)  # the part made above is one dataset
        refs = []
        for id, row in self._rows(part, holder, component):
            ref = None
            if id is not None:
                ref = self._butler.get_dataset(id)
            elif set(registered.dimensions.required) <= set(row):
                ref = self._butler.find_dataset(
                    registered,
                    {n: row[n] for n in registered.dimensions.required},
                    collections=self._collections,
                )
            if ref is None:
                raise _missing(
                    composite, part, data_id, f"{part.data_ids_from!r} names {row}, which is not there"
                )
            refs.append(self._seen(part, ref))
        self._check_minimum(composite, part, data_id, refs, f"named by {part.data_ids_from!r}")
        return tuple(refs)

    def _rows(self, part: Part, holder: DatasetRef, component: str) -> list[NamedInput]:
        """Return what a dataset says that it was made from: the registry's copy, else its own table."""
        from datastore.composites.inputs import INPUTS, rows_of

        if component == INPUTS:
            copied = self._butler.registry.named_inputs([holder.id])[holder.id]
            if copied:
                return copied
        table = self._butler.read(holder, component=component, parameters=None, storageClass=None)
        if table is None:
            raise MissingPartError(
                f"{part.data_ids_from!r} is empty: it names no datasets for part {part.name!r}."
            )
        return [NamedInput(id_in(row), row) for row in rows_of(table)]

    def _check_minimum(
        self,
        composite: Composite,
        part: Part,
        data_id: DataCoordinate,
        refs: Sequence[DatasetRef],
        where: str,
    ) -> None:
        if part.minimum != ALL and len(refs) < part.minimum:
            raise _missing(
                composite, part, data_id, f"{len(refs)} {where}, at least {part.minimum} are needed"
            )

    def _seen(self, part: Part, ref: DatasetRef) -> DatasetRef:
        """Return a ref as the component that the part is, if it is one."""
        component = part.dataset_type.partition(".")[2]
        if not component:
            return ref
        classes = self._butler.datastore.storage_classes
        return ref.makeComponentRef(
            component, classes.component_class(ref.datasetType.storageClass, component)
        )


def recorded(butler: ReadingButler, composite: Composite, stored: DatasetRef) -> CompositeRef:
    """Return a composite that was put, with the parts that were recorded with it."""
    return all_recorded(butler, composite, [stored])[0]


def all_recorded(
    butler: ReadingButler, composite: Composite, stored: Sequence[DatasetRef]
) -> list[CompositeRef]:
    """Return composites of one definition that were put, each with the parts that were recorded with it."""
    rows = butler.registry.composite_parts([ref.id for ref in stored])
    ids = list(dict.fromkeys(id for parts in rows.values() for _, id in parts))
    refs = dict(zip(ids, butler.registry.get_datasets(ids), strict=True))
    whole = _with_parts(butler, [ref for ref in refs.values() if ref is not None])
    made = []
    for ref in stored:
        finder = PartFinder(butler, [ref.run])
        parts: dict[str, DatasetRef | tuple[DatasetRef, ...]] = {}
        for part in composite.parts:
            found = [finder._seen(part, whole[id]) for name, id in rows[ref.id] if name == part.name]
            parts[part.name] = tuple(sorted(found, key=_data_id)) if part.many else found[0]
        made.append(CompositeRef(ref.datasetType, ref.dataId, composite, parts, run=ref.run, id=ref.id))
    return made


def _with_parts(butler: ReadingButler, refs: Sequence[DatasetRef]) -> dict[DatasetId, DatasetRef]:
    """Return stored refs by id; composites with their parts."""
    found: dict[DatasetId, DatasetRef] = {ref.id: ref for ref in refs}
    for name in sorted({ref.datasetType.name for ref in refs}):
        if (inner := butler.composites.get(name)) is not None:
            of_type = [ref for ref in refs if ref.datasetType.name == name]
            found |= {ref.id: ref for ref in all_recorded(butler, inner, of_type)}
    return found


def _missing(composite: Composite, part: Part, data_id: DataCoordinate, why: str) -> MissingPartError:
    return MissingPartError(
        f"Composite {composite.name!r} {_required(data_id)} is not there: its part {part.name!r} "
        f"({part.dataset_type!r}) is missing: {why.rstrip('.')}."
    )


def _required(data_id: DataCoordinate) -> DataCoordinate:
    """Return a data ID as messages show it, without what it implies."""
    return DataCoordinate.from_required(data_id.dimensions, data_id.values_tuple)


def _data_id(ref: DatasetRef) -> DataCoordinate:
    return ref.dataId
