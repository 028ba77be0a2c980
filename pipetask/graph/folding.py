"""Composites of a quantum: refs of parts, which the graph has edges to, become refs of the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipetask.butler import CompositeRef, DatasetRef
from pipetask.graph.tables import QUANTUM_COMPOSITES, Connection

if TYPE_CHECKING:
    from pipetask.butler import Composite
    from pipetask.butler.composites.definition import Part

Refs = dict[str, list[DatasetRef]]


class Folder:
    """Folds the refs of the quanta of one task.

    Parameters
    ----------
    connections : iterable of `Connection`
        All of the task, those of parts too.
    definitions : mapping
        Of composites, by name of the dataset type.
    """

    def __init__(self, connections: Iterable[Connection], definitions: Mapping[str, Composite]) -> None:
        composites = [c for c in connections if c.kind in QUANTUM_COMPOSITES]
        # A composite that is a part of another one is made first.
        composites.sort(key=lambda c: -c.name.count("/"))
        self._composites = [(c.name, definitions[c.dataset_type]) for c in composites]

    def fold(self, refs: Mapping[str, list[DatasetRef]]) -> Refs:
        """Return refs by connection: composites with their parts, which are not listed any more.

        Parameters
        ----------
        refs : mapping
            Refs by connection; those of composites only say which data IDs there are.
        """
        if not self._composites:
            return dict(refs)
        folded = dict(refs)
        for name, definition in self._composites:
            parts = {
                part.name: _Found(part, folded[f"{name}/{part.name}"])
                for part in definition.parts
                if f"{name}/{part.name}" in folded
            }
            folded[name] = [
                CompositeRef(
                    whole.datasetType,
                    whole.dataId,
                    definition,
                    {part: found.of(whole) for part, found in parts.items()},
                )
                for whole in folded[name]
            ]
        return {name: found for name, found in folded.items() if "/" not in name}


class _Found:
    """The datasets of a quantum that are one part of its composites."""

    def __init__(self, part: Part, refs: list[DatasetRef]) -> None:
        self._part = part
        self._refs = refs
        self._shared: tuple[str, ...] | None = None
        self._by_values: dict[tuple[object, ...], list[DatasetRef]] = {}

    def of(self, whole: DatasetRef) -> DatasetRef | tuple[DatasetRef, ...]:
        """Return what belongs to one composite: the datasets with the same values of shared dimensions."""
        if self._shared is None:
            self._shared = shared_dimensions(
                self._part, whole.dimensions.required, self._refs[0].dimensions.required if self._refs else ()
            )
            by_values = defaultdict(list)
            for ref in self._refs:
                by_values[tuple(ref.dataId[d] for d in self._shared)].append(ref)
            self._by_values = by_values
        found = self._by_values.get(tuple(whole.dataId[d] for d in self._shared), [])
        if self._part.many:
            return tuple(sorted(found, key=lambda ref: ref.dataId))
        return found[0]


def shared_dimensions(part: Part, whole: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dimensions in which a part has the values of its composite."""
    if part.data_ids_from:
        return ()
    return tuple(d for d in own if d in whole and d not in part.data_id)
