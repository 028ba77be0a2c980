"""Making a dataset again, from what it was made from, to see whether the same comes out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipetask.butler import Packages
from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.defaults import REPRODUCTIONS
from pipetask.butler.executions import executions_of
from pipetask.errors import EmptyGraphError, MissingCollectionError, NotReproducibleError
from pipetask.execution.content import first_difference
from pipetask.execution.run_graph import run_graph
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.pipeline.of_run import configured_as
from pipetask.task.code_version import code_version

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef, QuantumRow
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A dataset that was made again.

    Parameters
    ----------
    original : `DatasetRef`
        The dataset.
    quantum : `QuantumRow`
        What had made it.
    run : `str`
        Where it was made again.
    difference : `str`
        The first difference of the contents; empty if there is none.
    is_bytewise : `bool`
        Whether the files are the same, byte by byte.
    changes : `tuple` [`str`]
        What is not as it was then: the task's code, versions of packages.
    """

    original: DatasetRef
    quantum: QuantumRow
    run: str
    difference: str
    is_bytewise: bool
    changes: tuple[str, ...]


def reproduce(butler: Butler, ref: DatasetRef, *, keep: bool = False) -> Reproduction:
    """Run the quantum again that made a dataset, with the configuration and inputs of then, and compare.

    So are the quanta that made what it read and was not kept.

    Parameters
    ----------
    butler : `Butler`
        The repository, open for writing.
    ref : `DatasetRef`
        The dataset.
    keep : `bool`, optional
        Whether the run where it is made again stays.

    Raises
    ------
    NotReproducibleError
        If no quantum has made it, it tells of the quantum itself, or what that needs is gone.
    """
    provenance = butler.registry.provenance
    maker = provenance.producers([ref.id]).get(ref.id)
    if maker is None and isinstance(ref, CompositeRef):
        parts = ", ".join(f"{part.datasetType.name} {part.id}" for part in ref.all_parts())
        raise NotReproducibleError(
            f"{ref.datasetType.name} {ref.dataId} is put together from parts, and no quantum made it. Name "
            f"one of these: {parts}."
        )
    if maker is None:
        raise NotReproducibleError(
            f"No quantum made {ref.datasetType.name} {ref.dataId} in {ref.run}: it came from outside, or was "
            "written before the first quantum."
        )
    quanta = _with_makers_of_temporary(butler, maker)
    quantum = quanta[maker]
    if ref.datasetType.name in (f"{quantum.task_label}_log", f"{quantum.task_label}_metadata"):
        raise NotReproducibleError(
            f"{ref.datasetType.name} {ref.dataId} in {ref.run} says when and how its quantum ran, which is "
            "never the same. Name a dataset that the quantum made."
        )
    run = f"{REPRODUCTIONS}{ref.id}/{time.time_ns()}"
    searched = _collections_of(butler, quantum.run)
    try:
        with _tagged_inputs(butler, f"{run}/inputs", quanta) as tagged:
            pipeline = _pipeline_of(butler, quanta.values())
            _tag_init_inputs(butler, pipeline, searched, tagged)
            data_id = json.loads(quantum.data_id)
            try:
                graph = _graph(butler, pipeline, [tagged], run, data_id)
            except EmptyGraphError:  # it was given what it must be given, but did not read it
                beside = [*searched, *executions_of(butler, quantum.run).inputs]
                graph = _graph(butler, pipeline, [tagged, *beside], run, data_id)
            difference, is_bytewise = _made_again(butler, graph, ref)
    finally:
        if not keep:
            with suppress(MissingCollectionError):  # the run was not begun
                butler.removeRuns(run)
    return Reproduction(ref, quantum, run, difference, is_bytewise, _changes(butler, quantum, searched))


def _graph(
    butler: Butler, pipeline: PipelineGraph, inputs: list[str], run: str, data_id: dict[str, Any]
) -> QuantumGraph:
    return QuantumGraphBuilder(
        pipeline,
        butler,
        input_collections=inputs,
        output_run=run,
        data_id=data_id,
        dataset_query_constraint="off",
    ).build()


def _with_makers_of_temporary(butler: Butler, maker: UUID) -> dict[UUID, QuantumRow]:
    """Return a quantum, and those that made what it and these read and was not kept."""
    provenance = butler.registry.provenance
    found: dict[UUID, QuantumRow] = {}
    new = {maker}
    while new:
        found |= provenance.quantum_rows(new)
        read = {dataset for _, dataset, _ in provenance.inputs(new)}
        new = {producer for _, producer in provenance.temporary(read).values()} - found.keys()
    return found


def _made_again(butler: Butler, graph: QuantumGraph, ref: DatasetRef) -> tuple[str, bool]:
    summary = run_graph(graph, butler, when_stopped="Nothing was compared.", no_versions=True)
    if summary.errors:
        return f"its task failed this time: {summary.errors[0].failure.headline}", False
    if summary.no_work:
        return f"its task found nothing to do this time: {summary.no_work[0].failure.headline}", False
    again = butler.find_dataset(ref.datasetType.name, ref.dataId, collections=graph.header.output_run)
    if again is None and summary.interrupted:
        raise KeyboardInterrupt
    if again is None:
        return "its task did not make it this time", False
    records = butler.artifacts([ref.id, again.id])
    is_bytewise = [r.checksum for r in records[ref.id]] == [r.checksum for r in records[again.id]]
    if is_bytewise and all(map(butler.datastore.verify, records[ref.id])):  # it may have been changed since
        return "", True
    return first_difference(butler.get(ref), butler.get(again)), False


def _collections_of(butler: Butler, run: str) -> list[str]:
    """Return the run, and the chains that it is in: where its inputs may have come from."""
    collections = butler.registry.collections
    chains = collections.query("*", kinds=["CHAINED"])
    return [run, *(name for name in chains if run in (leaf.name for leaf in collections.resolve([name])))]


@contextmanager
def _tagged_inputs(butler: Butler, name: str, quanta: Iterable[UUID]) -> Iterator[str]:
    """Put what quanta read into a collection of its own, so that nothing else is found."""
    provenance = butler.registry.provenance
    read = {dataset: name for _, dataset, name in provenance.inputs(quanta)}
    found = dict(zip(read, butler.registry.get_datasets(read), strict=True))
    refs = [ref for ref in found.values() if ref is not None]
    made_again = provenance.temporary(read)
    gone = [id for id, ref in found.items() if ref is None and id not in made_again]
    if gone:
        others = f" and {len(gone) - 1} more" if gone[1:] else ""
        raise NotReproducibleError(f"What it was made from is gone: {read[gone[0]]} {gone[0]}{others}.")
    butler.registry.collections.register(name, "TAGGED")
    try:
        butler.registry.collections.associate(name, refs)
        yield name
    finally:
        butler.registry.collections.remove(name)


def _pipeline_of(butler: Butler, quanta: Iterable[QuantumRow]) -> PipelineGraph:
    rows = {row.task_label: row for row in quanta}
    tasks = {
        label: (row.task_class, _found(butler, f"{label}_config", [row.run])) for label, row in rows.items()
    }
    return configured_as(butler, tasks).graph_in(butler)


def _tag_init_inputs(butler: Butler, pipeline: PipelineGraph, searched: list[str], tagged: str) -> None:
    for task in pipeline.tasks.values():
        for edge in task.init_inputs.values():
            if pipeline.dataset_types[edge.dataset_type].producer is None:
                ref = _found(butler, edge.dataset_type, searched)
                butler.registry.collections.associate(tagged, [ref])


def _found(butler: Butler, name: str, searched: list[str]) -> DatasetRef:
    ref = butler.find_dataset(name, collections=searched)
    if ref is None:
        raise NotReproducibleError(
            f"Dataset {name!r}, which the quantum needs, is not in {', '.join(searched)} any more."
        )
    return ref


def _changes(butler: Butler, quantum: QuantumRow, searched: list[str]) -> tuple[str, ...]:
    found = []
    versions = butler.registry.provenance.versions(quantum.run, quantum.task_label)
    codes = {row.id: version.code for row, version in versions}
    if codes.get(quantum.id, "") != code_version(quantum.task_class):
        found.append(f"the code of {quantum.task_class}")
    if (ref := butler.find_dataset("packages", collections=searched)) is not None:
        then: dict[str, Any] = dict(butler.get(ref))
        now = dict(Packages.from_system())
        changed = [name for name in then if name in now and then[name] != now[name]]
        found += [f"{name} {now[name]}, was {then[name]}" for name in changed]
    return tuple(found)
