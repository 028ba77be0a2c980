"""Composites among the datasets of a quantum, and the datasets that are stored: their parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pipetask.butler import CompositeRef, DatasetRef

if TYPE_CHECKING:
    from pipetask.task.quantum import Quantum


def of_parts(refs: Mapping[str, Sequence[DatasetRef]]) -> dict[str, list[DatasetRef]]:
    """Return the datasets of a quantum that are stored: for composites their parts.

    Parts have the names that the edges of a graph have, ``<connection>/<part>``.
    """
    found: dict[str, list[DatasetRef]] = {}
    for name, listed in refs.items():
        for ref in listed:
            if isinstance(ref, CompositeRef):
                parts = {f"{name}/{part}": _listed(each) for part, each in ref.parts.items()}
                for part, each in of_parts(parts).items():
                    known = {ref.id for ref in found.setdefault(part, [])}
                    found[part] += (ref for ref in each if ref.id not in known)
            else:
                found.setdefault(name, []).append(ref)
    return found


def stored_inputs(quantum: Quantum) -> dict[str, list[DatasetRef]]:
    """Return the datasets that a quantum needs, by the names that the edges of a graph have.

    Besides inputs, these are the parts of composites to be made that are never written.
    """
    needed: dict[str, dict[UUID, DatasetRef]] = {}
    for name, refs in quantum.outputs.items():
        for ref in refs:
            for part, found in _not_written(name, ref) if isinstance(ref, CompositeRef) else ():
                needed.setdefault(part, {}).update((each.id, each) for each in found)
    return of_parts(quantum.inputs) | of_parts({name: list(refs.values()) for name, refs in needed.items()})


def stored_outputs(quantum: Quantum) -> dict[str, list[DatasetRef]]:
    """Return the datasets that a quantum makes, by the names that the edges of a graph have."""
    needed = stored_inputs(quantum)
    return {name: refs for name, refs in of_parts(quantum.outputs).items() if name not in needed}


def are_made_of(outputs: Mapping[str, Sequence[DatasetRef]], ids: Collection[UUID]) -> bool:
    """Whether the parts of composites to be made that are never written are among the given ids."""
    made = (ref for refs in outputs.values() for ref in refs if isinstance(ref, CompositeRef))
    needed = (of_parts(dict(_not_written("", ref))) for ref in made)
    return all(each.id in ids for parts in needed for refs in parts.values() for each in refs)


def _not_written(name: str, ref: CompositeRef) -> Iterator[tuple[str, Sequence[DatasetRef]]]:
    """Yield the parts that a composite to be made refers to, and those of composites that are parts of it."""
    for part in ref.composite.parts:
        found = ref.parts.get(part.name)
        if found is None:
            continue
        if not part.is_written:
            yield f"{name}/{part.name}", _listed(found)
        elif isinstance(found, CompositeRef):
            yield from _not_written(f"{name}/{part.name}", found)


def _listed(found: DatasetRef | Sequence[DatasetRef]) -> Sequence[DatasetRef]:
    return [found] if isinstance(found, DatasetRef) else found


def existing(ref: DatasetRef, ids: Collection[UUID]) -> DatasetRef | None:
    """Return a dataset if it is among those of the given ids, `None` if it is not.

    Of a composite, the parts that are lists may lack datasets, as long as their ``minimum`` is there.
    """
    if not isinstance(ref, CompositeRef):
        return ref if ref.id in ids else None
    parts: dict[str, DatasetRef | tuple[DatasetRef, ...]] = {}
    for part in ref.composite.parts:
        if part.name not in ref.parts:
            continue
        listed = _listed(ref.parts[part.name])
        found = [each for each in (existing(one, ids) for one in listed) if each is not None]
        if len(found) < (len(listed) if part.minimum < 0 else part.minimum):
            return None
        parts[part.name] = tuple(found) if part.many else found[0]
    if parts == ref.parts:
        return ref
    return CompositeRef(ref.datasetType, ref.dataId, ref.composite, parts)
