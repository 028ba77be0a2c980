"""What a dataset was made from, or what was made from it: followed through provenance, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

from pipetask.butler.composites.ref import CompositeRef

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef, QuantumRow


_NAMESPACE = UUID("0c8f35b0-52b1-5d0b-9d83-4d1d3e1f6c55")


class Read(NamedTuple):
    """A quantum that read a dataset."""

    quantum: UUID
    dataset: UUID
    connection: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Datasets and quanta, and how they hang together.

    Parameters
    ----------
    start : `tuple` [ `uuid.UUID` ]
        The datasets where it was begun.
    is_up : `bool`
        Whether it goes to what they were made from; else to what was made from them.
    datasets : `dict` [ `uuid.UUID`, `DatasetRef` ]
        In the order in which they were met.
    quanta : `dict` [ `uuid.UUID`, `QuantumRow` ]
        In the order in which they were met.
    made_by : `dict` [ `uuid.UUID`, `uuid.UUID` ]
        Quantum that made a dataset.
    reads : `list` [ `Read` ]
        What quanta read.
    named : `list` [ `tuple` [ `uuid.UUID`, `uuid.UUID` ] ]
        Datasets, each with one that it says itself it was made from, by its id or data ID.
    by_data_id : `dict` [ `uuid.UUID`, mapping ]
        Inputs that datasets name by data IDs alone, which do not tell which dataset that was; by ids that
        follow from the data IDs.
    purged : `dict` [ `uuid.UUID`, `str` ]
        Datasets that were read, or are named, and are no more, each with the connection that read it. What
        they were made from is not known any more.
    temporary : `dict` [ `uuid.UUID`, `str` ]
        Datasets that were not kept, since the pipeline calls them temporary, with the names of their types.
    """

    start: tuple[UUID, ...]
    is_up: bool
    datasets: dict[UUID, DatasetRef] = field(default_factory=dict)
    quanta: dict[UUID, QuantumRow] = field(default_factory=dict)
    made_by: dict[UUID, UUID] = field(default_factory=dict)
    reads: list[Read] = field(default_factory=list)
    named: list[tuple[UUID, UUID]] = field(default_factory=list)
    by_data_id: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    purged: dict[UUID, str] = field(default_factory=dict)
    temporary: dict[UUID, str] = field(default_factory=dict)

    @property
    def gone(self) -> list[UUID]:
        """Datasets that are no more, never were stored, or are known by their data IDs alone."""
        return [*self.purged, *self.temporary, *self.by_data_id]

    def links(self) -> Iterator[tuple[UUID, UUID]]:
        """Yield (earlier, later) for each dataset and quantum that touch each other."""
        known = {*self.datasets, *self.gone}
        yield from ((read.dataset, read.quantum) for read in self.reads if read.dataset in known)
        yield from ((input, id) for id, input in self.named if {id, input} <= known)
        yield from ((maker, id) for id, maker in self.made_by.items() if id in known)

    def document(self) -> dict[str, Any]:  # plain values
        """Return all of it as plain values, for JSON; times in ns since 1970, memory in bytes."""
        return {
            "start": [str(id) for id in self.start],
            "direction": "up" if self.is_up else "down",
            "datasets": [
                {
                    "id": str(id),
                    "type": ref.datasetType.name,
                    "data_id": dict(ref.dataId.required),
                    "run": ref.run,
                    "made_by": str(self.made_by[id]) if id in self.made_by else None,
                }
                for id, ref in self.datasets.items()
            ],
            "quanta": [
                {name: str(value) if name == "id" else value for name, value in row._asdict().items()}
                for row in self.quanta.values()
            ],
            "reads": [
                {"quantum": str(read.quantum), "dataset": str(read.dataset), "connection": read.connection}
                for read in self.reads
            ],
            "named": [
                {"dataset": str(id), "input": str(input)}
                for id, input in self.named
                if input not in self.by_data_id
            ],
            "named_by_data_id": [
                {"dataset": str(id), "data_id": dict(self.by_data_id[input])}
                for id, input in self.named
                if input in self.by_data_id
            ],
            "purged": [{"id": str(id), "connection": connection} for id, connection in self.purged.items()],
            "temporary": [
                {
                    "id": str(id),
                    "type": name,
                    "made_by": str(self.made_by[id]) if id in self.made_by else None,
                }
                for id, name in self.temporary.items()
            ],
        }


def start_of(ref: DatasetRef) -> list[UUID]:
    """Return the ids to begin at: those of the parts of a composite, which need not be stored itself."""
    return [part.id for part in ref.all_parts()] if isinstance(ref, CompositeRef) else [ref.id]


def trace(butler: Butler, ids: Iterable[UUID], *, up: bool = True, depth: int | None = None) -> Lineage:
    """Follow datasets through the quanta that made or read them, and what they name as their inputs.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    ids : iterable of `uuid.UUID`
        Where to begin; composites stand for their parts.
    up : `bool`, optional
        Go to what they were made from; else to what was made from them.
    depth : `int`, optional
        How many quanta far, at most.

    Returns
    -------
    lineage : `Lineage`
        All of it. Logs and metadata of quanta are in it only if a task has read them.
    """
    start = tuple(dict.fromkeys(_whole(butler, list(ids))))
    found = Lineage(start, up)
    frontier = list(start)
    met = dict.fromkeys(start)
    level = 0
    while frontier and (depth is None or level < depth):
        beyond = _up(butler, found, frontier) if up else _down(butler, found, frontier)
        frontier = [id for id in dict.fromkeys(beyond) if id not in met]
        met.update(dict.fromkeys(frontier))
        level += 1
    refs = zip(met, butler.registry.get_datasets(met), strict=True)
    found.datasets.update((id, ref) for id, ref in refs if ref is not None)
    inputs = {input: "" for _, input in found.named} | {read.dataset: read.connection for read in found.reads}
    kept = {*found.datasets, *found.temporary, *found.by_data_id}
    found.purged.update((id, name) for id, name in inputs.items() if id not in kept)
    if not up:
        _leave_out_unread_reports(found)
    return found


def _whole(butler: Butler, ids: list[UUID]) -> Iterator[UUID]:
    """Yield datasets, the parts of composites in their place."""
    parts = butler.registry.composite_parts(ids)
    for id in ids:
        if parts[id]:
            yield from _whole(butler, [part for _, part in parts[id]])
        else:
            yield id


def _up(butler: Butler, found: Lineage, frontier: list[UUID]) -> list[UUID]:
    provenance = butler.registry.provenance
    makers = provenance.producers(frontier)
    gone = provenance.temporary(id for id in frontier if id not in makers)
    found.temporary.update((id, name) for id, (name, _) in gone.items())
    makers |= {id: maker for id, (_, maker) in gone.items()}
    found.made_by.update(makers)
    new = [id for id in dict.fromkeys(makers.values()) if id not in found.quanta]
    found.quanta.update(provenance.quantum_rows(new))
    reads = sorted(map(Read._make, provenance.inputs(new)), key=lambda read: (read.connection, read.dataset))
    found.reads.extend(reads)
    inputs = butler.registry.named_inputs(frontier)
    named = [(id, each.id) for id in frontier for each in inputs[id] if each.id is not None]
    found.named.extend(named)
    for id in frontier:
        found.named.extend(
            (id, _note_data_id(butler, found, each.values)) for each in inputs[id] if each.id is None
        )
    return [*(read.dataset for read in reads), *(input for _, input in named)]


def _note_data_id(butler: Butler, found: Lineage, values: Mapping[str, Any]) -> UUID:
    """Note an input that is named by its data ID; return what stands for it."""
    data_id = {name: value for name, value in values.items() if name in butler.dimensions} or values
    id = uuid5(_NAMESPACE, repr(sorted(data_id.items())))
    found.by_data_id[id] = data_id
    return id


def _down(butler: Butler, found: Lineage, frontier: list[UUID]) -> list[UUID]:
    provenance = butler.registry.provenance
    reads = sorted(map(Read._make, provenance.consumers(frontier)), key=lambda read: read.quantum)
    found.reads.extend(reads)
    new = [id for id in dict.fromkeys(read.quantum for read in reads) if id not in found.quanta]
    found.quanta.update(provenance.quantum_rows(new))
    gone = provenance.temporary_products(new)
    found.temporary.update((id, name) for id, (name, _) in gone.items())
    made = {(maker, id) for id, (_, maker) in gone.items()}
    products = sorted(made | set(provenance.products(new)))
    found.made_by.update((dataset, quantum) for quantum, dataset in products)
    named = butler.registry.datasets_naming(frontier)
    found.named.extend(named)
    return [*(dataset for _, dataset in products), *(dataset for dataset, _ in named)]


def _leave_out_unread_reports(found: Lineage) -> None:
    read = {read.dataset for read in found.reads}
    for id, quantum in list(found.made_by.items()):
        label = found.quanta[quantum].task_label
        is_read = id in read or id not in found.datasets  # the others were not kept
        if not is_read and found.datasets[id].datasetType.name in (f"{label}_log", f"{label}_metadata"):
            del found.datasets[id], found.made_by[id]
