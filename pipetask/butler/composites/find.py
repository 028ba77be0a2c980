"""Finding composites: each part where its definition says, all of them or an error that names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipetask.butler.composites.definition import Composite, Part
from pipetask.butler.composites.errors import MissingPartError, missing, required
from pipetask.butler.composites.recorded import all_recorded, seen_as
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import data_id_for, full_data_ids, times_of
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import ConflictingDefinitionError, DataIdError, MissingDatasetTypeError
from registry.timespan import Timespan

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler

Found = DatasetRef | tuple[DatasetRef, ...]


class PartFinder:
    """Finds composites and their parts in a repository: for many data IDs with as few queries as for one.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    collections : sequence of `str`
        What is searched, in order, for parts whose definition says nothing.

    Attributes
    ----------
    butler, collections
        As given.
    """

    def __init__(self, butler: ReadingButler, collections: Sequence[str]) -> None:
        self.butler = butler
        self.collections = tuple(collections)

    def find(self, composite: Composite, dataset_type: DatasetType, data_id: DataCoordinate) -> CompositeRef:
        """Return a composite: the one that was put there, else what its parts make.

        Raises
        ------
        MissingPartError
            If a part is not there.
        ConflictingDefinitionError
            If a part that must be unique is there twice.
        """
        (result,) = self.find_many(composite, dataset_type, [data_id])
        if isinstance(result, MissingPartError):
            raise result
        return result

    def find_many(
        self, composite: Composite, dataset_type: DatasetType, data_ids: Sequence[DataCoordinate]
    ) -> list[CompositeRef | MissingPartError]:
        """Return the composite of each data ID, or why there is none; see `find`."""
        registry = self.butler.registry
        stored = registry.search_datasets(dataset_type, data_ids, collections=self.collections)
        put = [i for i, refs in enumerate(stored) if refs]
        wholes = all_recorded(self.butler, composite, [stored[i][0] for i in put])
        found: dict[int, CompositeRef | MissingPartError] = dict(zip(put, wholes, strict=True))
        sought = [i for i, refs in enumerate(stored) if not refs]
        parts: dict[int, dict[str, Found]] = {i: {} for i in sought}
        for part in composite.parts if sought else ():
            results = self.parts(composite, part, [data_ids[i] for i in sought])
            for i, result in zip(sought, results, strict=True):
                if isinstance(result, MissingPartError):
                    found[i] = result
                else:
                    parts[i][part.name] = result
            sought = [i for i in sought if i not in found]
        for i in sought:
            found[i] = CompositeRef(dataset_type, data_ids[i], composite, parts[i])
        return [found[i] for i in range(len(data_ids))]

    def part(self, composite: Composite, part: Part, data_id: DataCoordinate) -> Found:
        """Return the dataset, or datasets, of one part; see `find`."""
        (result,) = self.parts(composite, part, [data_id])
        if isinstance(result, MissingPartError):
            raise result
        return result

    def parts(
        self, composite: Composite, part: Part, data_ids: Sequence[DataCoordinate]
    ) -> list[Found | MissingPartError]:
        """Return the dataset, or datasets, of one part of each of many composites, or why there are none."""
        from pipetask.butler.composites.lists import lists_of, named_by

        if not data_ids:
            return []
        try:
            registered = self.butler.registry.get_dataset_type(part.dataset_type.partition(".")[0])
        except MissingDatasetTypeError as err:
            why = f"its dataset type is not registered: {err}"
            return [missing(composite, part, data_id, why) for data_id in data_ids]
        if part.data_ids_from:
            return named_by(self, composite, part, registered, data_ids)
        if part.subset:
            return lists_of(self, composite, part, registered, data_ids)
        return [*self._single(composite, part, registered, data_ids)]

    def searched_for(self, part: Part) -> tuple[str, ...]:
        """Return the collections that a part is searched in."""
        return part.collections or self.collections

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
        return data_id_for(self.butler, registered, given, {})

    def first(
        self,
        registered: DatasetType,
        data_ids: Sequence[DataCoordinate],
        searched: Sequence[str],
        times: Sequence[Timespan] | None = None,
    ) -> list[DatasetRef | MissingPartError | None]:
        """Return the first dataset of a type, or composite, for each data ID; why not, if it lacks a part."""
        butler = self.butler
        if (inner := butler.composites.get(registered.name)) is not None:
            distinct = list(dict.fromkeys(data_ids))
            made = PartFinder(butler, searched).find_many(inner, registered, distinct)
            by_data_id = dict(zip(distinct, made, strict=True))
            return [by_data_id[each] for each in data_ids]
        found = butler.registry.search_datasets(registered, data_ids, collections=searched, timespans=times)
        return [refs[0] if refs else None for refs in found]

    def _single(
        self, composite: Composite, part: Part, registered: DatasetType, data_ids: Sequence[DataCoordinate]
    ) -> list[DatasetRef | MissingPartError]:
        """Return the dataset of a part that is one."""
        group = data_ids[0].dimensions
        if any(name in group.implied and name not in part.data_id for name in registered.dimensions.required):
            data_ids = full_data_ids(self.butler, data_ids)
        own = self._all_projected(composite, part, registered, data_ids)
        searched = self.searched_for(part)
        times = times_of(self.butler, data_ids) if registered.isCalibration() else None
        if part.unique:
            self._check_unique(composite, part, registered, own, searched, times)
        seen = seen_as(self.butler, part)
        results: list[DatasetRef | MissingPartError] = []
        found = self.first(registered, own, searched, times)
        for data_id, wanted, ref in zip(data_ids, own, found, strict=True):
            if isinstance(ref, DatasetRef):
                results.append(seen(ref))
                continue
            why = f"no {registered.name!r} {required(wanted)} in collections {', '.join(searched)}"
            results.append(missing(composite, part, data_id, str(ref or why)))
        return results

    def _all_projected(
        self, composite: Composite, part: Part, registered: DatasetType, data_ids: Sequence[DataCoordinate]
    ) -> list[DataCoordinate]:
        """Return what `projected` does for each data ID: what the first one is completed with, all are."""
        first = self.projected(composite, part, registered, data_ids[0])
        group, known = registered.dimensions, data_ids[0].keys()
        fixed = {name: first[name] for name in group.required if name in part.data_id or name not in known}
        is_full = not fixed and set(group.keys).issubset(known)
        names = group.keys if is_full else group.required
        rest = (tuple([fixed[n] if n in fixed else each[n] for n in names]) for each in data_ids[1:])
        return [first, *(DataCoordinate(group, values) for values in rest)]

    def _check_unique(
        self,
        composite: Composite,
        part: Part,
        registered: DatasetType,
        data_ids: Sequence[DataCoordinate],
        searched: Sequence[str],
        times: Sequence[Timespan] | None,
    ) -> None:
        found = self.butler.registry.search_datasets(
            registered, data_ids, collections=searched, timespans=times
        )
        for data_id, refs in zip(data_ids, found, strict=True):
            if len(refs) > 1:
                runs = ", ".join(sorted({ref.run for ref in refs}))
                raise ConflictingDefinitionError(
                    f"Part {part.name!r} of composite {composite.name!r} must be unique; {registered.name!r} "
                    f"{required(data_id)} is in runs {runs}. Name fewer collections."
                )
