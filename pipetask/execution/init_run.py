"""What is written once, before any quantum: collections, init-outputs, configurations, package versions."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from lsst.pex.config import Config

from pipetask.butler import MissingCollectionError, MissingDatasetTypeError, Packages
from pipetask.butler.defaults import reused_collection
from pipetask.butler.executions import note_execution
from pipetask.butler.run_lock import held, is_executing
from pipetask.errors import (
    ExecutionOptionsError,
    InconsistentRunError,
    InitInputMissingError,
    InvalidQuantumError,
    RunLockedError,
    described,
)
from pipetask.execution.commit import quantum_ids
from pipetask.execution.loaded_task import LoadedTask, task_setups
from pipetask.execution.report import DONE
from pipetask.execution.resume import is_registered
from pipetask.task.pipeline_task import init_outputs

if TYPE_CHECKING:
    from pipetask.butler import ArtifactRecord, Butler, DatasetRef, LimitedButler
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.task.pipeline_task import PipelineTask

MOST_CHANGES = 5
"""Differences from the run's configuration that are named."""

Records = dict[UUID, list["ArtifactRecord"]]
InitOutputs = list[tuple["DatasetRef", Any]]


def check_inputs(graph: QuantumGraph, butler: Butler) -> None:
    """Raise `MissingCollectionError` if the repository lacks collections that a graph reads from."""
    butler.registry.collections.resolve(graph.header.input_collections)


def register_dataset_types(graph: QuantumGraph, butler: Butler) -> None:
    """Register all dataset types of a graph that are not registered yet, with definitions of composites."""
    for name, table in graph.datasets.items():
        if name not in graph.header.composites:
            butler.register_dataset_type(table.dataset_type)
    for composite in graph.header.composites.values():
        butler.composites.register(composite)


def check_dataset_types(graph: QuantumGraph, butler: Butler) -> None:
    """Raise `MissingDatasetTypeError` if some dataset types of a graph are not registered."""
    known = {dataset_type.name for dataset_type in butler.registry.query_dataset_types()}
    missing = [name for name in graph.datasets if name not in known]
    if missing:
        raise MissingDatasetTypeError(
            f"{butler.root} has no dataset types {', '.join(map(repr, missing))}, which the pipeline makes. "
            "To register them: --register-dataset-types"
        )


def check_not_run_before(graph: QuantumGraph, butler: Butler) -> None:
    """Raise `InconsistentRunError` if quanta of this very graph were run with success before."""
    run = graph.header.output_run
    try:
        rows = butler.registry.provenance.quanta(run)
    except MissingCollectionError:
        return
    done = {row.id.bytes for row in rows if row.status in DONE}
    n = len(done.intersection(id for task in graph.tasks for id in quantum_ids(graph, task)))
    if n:
        raise InconsistentRunError(
            f"{n} of the {len(graph)} quanta of this graph were run already: run {run!r} has the results. "
            "To do the rest, build it again with --extend-run."
        )


def check_worker_processes(graph: QuantumGraph) -> None:
    """Raise `ExecutionOptionsError` if a task of a graph says that it can't run in worker processes."""
    for label, setup in task_setups(graph).items():
        if not LoadedTask.load(label, setup, {}).task_class.canMultiprocess:
            raise ExecutionOptionsError(
                f"Task {label!r} can't run in worker processes: {setup.task_class_name}.canMultiprocess is "
                "False. Leave out -j, --timeout, --max-memory and --executor."
            )


def check_replaced(graph: QuantumGraph, butler: Butler) -> None:
    """Refuse to delete a run that is being executed."""
    change = graph.header.change
    if change.prune and is_executing(butler.root, change.replaced):
        raise RunLockedError(
            f"Run {change.replaced!r}, which is to be replaced, is being executed. Wait until that has "
            "ended, or stop it, or leave out --prune-replaced."
        )


def define_collections(graph: QuantumGraph, butler: Butler) -> None:
    """Register the output run and put it in front of the output chain, which ends with the inputs.

    What the graph takes over of earlier runs comes second. What it says besides about the chain is done as
    well: a run replaced, and maybe deleted; other inputs.
    """
    header, collections = graph.header, butler.registry.collections
    change = header.change
    with butler.registry.transaction():
        collections.register(header.output_run)
        note_execution(
            butler,
            header.output_run,
            inputs=header.input_collections,
            data_query=header.data_query,
            tasks={task.label: task.task_class_name for task in graph.tasks},
            temporary=header.temporary,
        )
        if not header.output:
            return
        try:
            behind: Iterable[str] = collections.get_info(header.output).children
        except MissingCollectionError:
            collections.register(header.output, "CHAINED")
            behind = header.input_collections
        gone = (change.replaced, reused_collection(change.replaced))
        behind = [name for name in behind if name not in gone]
        if change.rebased_on:
            own = [name for name in behind if name.startswith(f"{header.output}/")]
            behind = [*own, *change.rebased_on]
        own = [header.output_run]
        if graph.reused.n_quanta:
            own.append(_associate_reused(graph, butler))
        collections.set_chain(header.output, list(dict.fromkeys([*own, *behind])))
    if change.replaced not in collections.query("*", kinds=("RUN",)):
        return  # deleted when another part of this graph was run
    if change.prune == "purge":
        butler.removeRuns(change.replaced)
    elif change.prune == "unstore":
        with held(butler.root, change.replaced):
            butler.pruneDatasets(
                butler.query_all_datasets(change.replaced, find_first=False, limit=None),
                disassociate=False,
                unstore=True,
            )


def _associate_reused(graph: QuantumGraph, butler: Butler) -> str:
    """Tag what a graph takes over of earlier runs, for the output chain; return the collection."""
    name = reused_collection(graph.header.output_run)
    butler.registry.collections.register(name, "TAGGED")
    for ids in graph.reused.ids.values():
        refs = butler.registry.get_datasets([UUID(bytes=id.tobytes()) for id in ids])
        if None in refs:
            raise InconsistentRunError(
                f"{refs.count(None)} datasets of earlier runs that this graph takes over are gone. Build it "
                "again."
            )
        butler.registry.collections.associate(name, [ref for ref in refs if ref is not None])
    return name


def make_init_outputs(
    graph: QuantumGraph, limited: LimitedButler, *, with_versions: bool = True
) -> InitOutputs:
    """Construct each task once, and return init-outputs, configurations and (if wanted) package versions.

    Nothing is written: a task that can't be constructed leaves the repository as it is.

    Raises
    ------
    InvalidQuantumError
        If a task cannot be constructed.
    """
    objects: dict[str, Any] = {}  # init-outputs of earlier tasks, by dataset type
    new: InitOutputs = []
    for label, setup in task_setups(graph).items():
        given = {
            name: objects[ref.datasetType.name] if ref.datasetType.name in objects else limited.get(ref)
            for name, ref in setup.init_inputs.items()
        }
        task = LoadedTask.load(label, setup, given)
        made = init_outputs(_constructed(task), task.connections)
        refs = graph.init_outputs.get(label, {})
        objects |= {refs[name].datasetType.name: obj for name, obj in made.items()}
        new += [(refs[name], obj) for name, obj in made.items()]
        new.append((graph.config_refs[label], task.config))
    if with_versions:
        new.append((graph.packages_ref, Packages.from_system()))
    return new


def butler_of_init_inputs(graph: QuantumGraph, butler: Butler) -> LimitedButler:
    """Return access to the init-inputs of a graph that were there before it."""
    limited: LimitedButler = butler.limited(_init_input_records(graph, butler))
    return limited


def existing_init_outputs(
    graph: QuantumGraph, butler: Butler, new: InitOutputs, *, must_suffice: bool = False
) -> Records:
    """Find what the run has already of what `make_init_outputs` gave; nothing is written.

    Parameters
    ----------
    graph, butler, new
        The graph, its repository, and the objects.
    must_suffice : `bool`, optional
        Whether nothing is going to be written: tasks must find there what they need.

    Returns
    -------
    records : `dict` [ `uuid.UUID`, `list` [ `ArtifactRecord` ] ]
        Artifacts of all init-inputs and init-outputs that there are, by their ids in the graph.

    Raises
    ------
    InconsistentRunError
        If the run has one that differs.
    InitInputMissingError
        If nothing is to be written, and tasks need what isn't there.
    """
    records = _init_input_records(graph, butler) | _existing(graph, butler, new)
    for label, refs in graph.init_inputs.items():
        for ref in refs.values():
            if must_suffice and ref.id not in records:
                raise InitInputMissingError(
                    f"Run {ref.run!r} has no {ref.datasetType.name!r}, which task {label!r} needs. Write it "
                    "first: the same command with --init-only instead of --skip-init-writes."
                )
    return records


def write_init_outputs(graph: QuantumGraph, butler: Butler, new: InitOutputs, existing: Records) -> Records:
    """Write what `make_init_outputs` gave and the run lacks; return artifacts as `existing_init_outputs`."""
    limited = butler.limited(existing)
    written: dict[Any, Any] = {}  # as `Butler.record` takes them
    for ref, obj in new:
        if ref.id in existing:
            continue
        limited.put(obj, ref)
        dataset_type = graph.datasets[ref.datasetType.name].dataset_type
        written[dataset_type] = {}, np.frombuffer(ref.id.bytes, np.uint8).reshape(1, 16)
    butler.datastore.sync(record for records in limited.written.values() for record in records)
    locations = [(id, *record) for id, records in limited.written.items() for record in records]
    with butler.registry.transaction(durable=True):
        butler.record(graph.header.output_run, written, locations)
    return existing | limited.written


def _init_input_records(graph: QuantumGraph, butler: Butler) -> Records:
    return butler.artifacts({ref.id for refs in graph.init_inputs.values() for ref in refs.values()})


def _constructed(task: LoadedTask) -> PipelineTask:
    try:
        return task.make()
    except (Exception, SystemExit) as err:  # a user's constructor may raise anything
        last = traceback.extract_tb(err.__traceback__)[-1]
        name = f"{task.task_class.__module__}.{task.task_class.__qualname__}"
        raise InvalidQuantumError(
            f"Task {task.label!r} ({name}) can't be constructed: {described(err)} ({last.filename}, line "
            f"{last.lineno}). Check its configuration and __init__."
        ) from err


def _existing(graph: QuantumGraph, butler: Butler, new: InitOutputs) -> Records:
    """Find the init-outputs that the run has, by their ids in the graph; they must equal the new ones."""
    run = graph.header.output_run
    if not is_registered(butler, run):
        return {}
    known = {dataset_type.name for dataset_type in butler.registry.query_dataset_types()}
    found: Records = {}
    for ref, obj in new:
        if ref.datasetType.name not in known:
            continue
        existing = butler.registry.find_dataset(ref.datasetType.name, {}, collections=[run])
        if existing is not None:
            found[ref.id] = butler.artifacts([existing.id]).get(existing.id, [])
            check_equal(butler.limited({}), ref, obj, found[ref.id])
    return found


def check_equal(limited: LimitedButler, ref: DatasetRef, obj: Any, records: list[ArtifactRecord]) -> None:
    """Compare an object with what the run holds, by the checksum that it would be stored with.

    Raises
    ------
    InconsistentRunError
        If it differs.
    """
    data, _ = limited.datastore.serialize(obj, ref.datasetType.storageClass)
    if not records or records[0].checksum == hashlib.sha256(data).hexdigest():
        return
    message = f"Run {ref.run!r} was made with another {ref.datasetType.name!r}"
    if changes := _changes(limited.config.open({ref.id: records}).get(ref), obj):
        message += f" ({', '.join(changes[:MOST_CHANGES])}{', …' if len(changes) > MOST_CHANGES else ''})"
    unless = ", or add --no-versions" if isinstance(obj, Packages) else ""
    raise InconsistentRunError(
        f"{message}. Start a new run, without --extend-run, or undo that change{unless}."
    )


def _changes(before: Any, now: Any) -> list[str]:
    """Say in what a configuration, or package versions, differ from those of the run."""
    if isinstance(now, Packages):
        return [f"{name} {a} -> {b}" for name, (a, b) in before.difference(now).items()]
    lines: list[str] = []
    if isinstance(now, Config):
        before.compare(now, shortcut=False, output=lines.append)
    return [" ".join(line.split()).replace(" != ", " -> ") for line in lines]
