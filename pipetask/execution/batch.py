"""Running a saved graph step by step from files only, as batch systems do, and storing the results at last.

Each step leaves a file in a folder of the graph: first what comes before any quantum, then a journal for each
call of `run_quanta`. Only `transfer` opens the database; at last it leaves nothing but a mark.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np

from pipetask.butler import ArtifactRecord, LimitedButlerConfig
from pipetask.butler.limited import hint_of
from pipetask.butler.repository import BATCH_STORED, Repository, batch_folder
from pipetask.errors import BatchError
from pipetask.execution import init_run
from pipetask.execution.commit import commit, data_id_texts, quantum_ids
from pipetask.execution.coordinator import Coordinator
from pipetask.execution.executors.memory import MemoryBudget
from pipetask.execution.journal import Journal, read_journal
from pipetask.execution.journaled_reports import journaled_reports
from pipetask.execution.options import ExecutionOptions
from pipetask.execution.report import Report, Status
from pipetask.execution.run_graph import local_executor
from pipetask.execution.single_quantum import QuantumRunner
from pipetask.execution.stored_reports import LeftInJournal
from pipetask.execution.summary import Errors, RunSummary, Tally
from pipetask.graph.quantum_graph import QuantumGraph

if TYPE_CHECKING:
    from pipetask.butler import Butler

_INIT = "init.json"
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")

Records = dict[UUID, list[ArtifactRecord]]


def pre_exec_init(graph: QuantumGraph, repository: Repository, *, with_versions: bool = True) -> None:
    """Write init-outputs, configurations and package versions to files; once more changes nothing.

    Raises
    ------
    InvalidQuantumError
        If a task cannot be constructed.
    InconsistentRunError
        If the run has others that differ.
    """
    folder = _folder(repository.root, graph)
    if (folder / _INIT).exists() or (folder / BATCH_STORED).exists():
        return
    butler = _limited_config(graph, repository).open(_existing_init_inputs(graph))
    new = init_run.make_init_outputs(graph, butler, with_versions=with_versions)
    # What is there is of the run that this graph extends, or of an earlier attempt that was cut short.
    found = (
        {} if folder.exists() else {ref.id: butler.datastore.records_there(hint_of(ref)) for ref, _ in new}
    )
    for ref, obj in new:
        init_run.check_equal(butler, ref, obj, found.get(ref.id, []))
    folder.mkdir(parents=True, exist_ok=True)
    records = {ref.id: found.get(ref.id) or butler.put(obj, ref) for ref, obj in new}
    butler.datastore.sync(record for each in records.values() for record in each)
    beside = folder / f".{uuid4().hex}.part"
    beside.write_text(json.dumps({id.hex: each for id, each in records.items()}), "utf-8")
    beside.replace(folder / _INIT)


def run_quanta(path: Path, repository: Repository, quanta: Iterable[int], **options: Any) -> RunSummary:
    """Run some quanta of a saved graph; those that have succeeded before are left out.

    Parameters
    ----------
    path : `pathlib.Path`
        File of the graph.
    repository : `Repository`
        Where the files are; the database is not opened.
    quanta : iterable of `int`
        Their numbers in the graph.
    **options
        How, as for `ExecutionOptions`: ``processes``, ``timeout_s``, ``retries``, ``max_memory``.

    Raises
    ------
    BatchError
        If `pre_exec_init` was not called before.
    """
    how = ExecutionOptions(**options)
    graph = QuantumGraph.load(path)
    folder = _folder(repository.root, graph)
    if (folder / BATCH_STORED).exists():
        return RunSummary(graph.header.output_run, {}, (), 0.0)
    if how.needs_workers:
        init_run.check_worker_processes(graph)
    config = _limited_config(graph, repository)
    runner = QuantumRunner(config, path, _existing_init_inputs(graph) | _init_records(graph, folder))
    done = {number: report for number, report in _reports(graph, folder).items() if report.ok}
    wanted = set(quanta) - done.keys()
    vain = _waiting_in_vain(graph, wanted, done)
    budget = MemoryBudget()
    for report in done.values():
        budget.learn(graph.label_of(report.quantum), report.peak_memory)
    with (
        Journal(folder / f"{uuid4().hex}.journal") as journal,
        local_executor(graph, runner, how, budget.peaks) as executor,
    ):
        coordinator = Coordinator(
            graph,
            executor,
            config.open({}).datastore,
            journal,
            LeftInJournal(),
            earlier=done,
            left_out=set(range(len(graph))) - done.keys() - (wanted - vain),
            retries=how.retries,
        )
        summary = coordinator.run()
    blocked = Counter(map(graph.label_of, vain))
    counts = {
        label: Counter(counter) + Counter({Status.BLOCKED: blocked[label]})
        for label, counter in summary.tasks.items()
    }
    return replace(summary, tasks={label: counter for label, counter in counts.items() if counter})


def transfer(
    graph: QuantumGraph, butler: Butler, *, register_dataset_types: bool = False, dry_run: bool = False
) -> RunSummary:
    """Store what was run so far; when all quanta have succeeded, what the steps left is removed.

    Parameters
    ----------
    graph : `QuantumGraph`
        What was run.
    butler : `Butler`
        The repository, open for writing.
    register_dataset_types : `bool`, optional
        Register the dataset types that are new.
    dry_run : `bool`, optional
        Only count.

    Returns
    -------
    summary : `RunSummary`
        Counts of all quanta; those that nobody has run are not attempted. None if all are stored already.
    """
    folder, run = _folder(butler.root, graph), graph.header.output_run
    if (folder / BATCH_STORED).exists():
        return RunSummary(run, {}, (), 0.0)
    init, reports = _init_records(graph, folder), _reports(graph, folder)
    tally = Tally({task.label: task.count for task in graph.tasks})
    errors, no_work = Errors(), Errors()
    for report in reports.values():
        tally.add(graph.label_of(report.quantum), report.status)
        if report.failure:
            reasons = no_work if report.ok else errors
            reasons.add(graph.label_of(report.quantum), _data_id(graph, report.quantum), report.failure)
    for task in graph.tasks:
        tally.add(task.label, Status.NOT_ATTEMPTED, task.count - tally.counts[task.label].total())
    summary = RunSummary(run, tally.counts, errors.groups(), 0.0, no_work=no_work.groups())
    if dry_run:
        return summary
    if register_dataset_types:
        init_run.register_dataset_types(graph, butler)
    else:
        init_run.check_dataset_types(graph, butler)
    init_run.define_collections(graph, butler)
    with butler.registry.transaction(durable=True):
        _store_init_outputs(graph, butler, init)
        commit(butler, graph, list(reports.values()))
    if not summary.exit_code:
        (folder / BATCH_STORED).touch()
        for file in folder.iterdir():
            if file.name != BATCH_STORED:
                file.unlink()
    return summary


def numbers_of(graph: QuantumGraph, ids: Iterable[str]) -> list[int]:
    """Return the numbers of quanta that are named by id, or by number, or by a range as in ``10-19``.

    Raises
    ------
    BatchError
        If one is not in the graph, or a range is none.
    """
    by_id: dict[str, int] = {}
    found: list[int] = []
    for text in ids:
        if numbers := _NUMBERS.fullmatch(text):
            first, last = int(numbers[1]), int(numbers[2] or numbers[1])
            if last >= len(graph):
                raise BatchError(f"No quantum {last} in the graph: it has {len(graph)}, numbered from 0.")
            if first > last:
                raise BatchError(f"The range {text!r} of quanta ends before it begins.")
            found += range(first, last + 1)
        else:
            if not by_id:
                every = (id for task in graph.tasks for id in quantum_ids(graph, task))
                by_id = {str(UUID(bytes=id)): number for number, id in enumerate(every)}
            if text not in by_id:
                raise BatchError(
                    f"No quantum {text!r} in the graph. To list them: pipetask qgraph -g … --show workflow"
                )
            found.append(by_id[text])
    return found


def part_of(graph: QuantumGraph, label: str, part: int, parts: int) -> range:
    """Return the numbers of one part, counted from 0, of the quanta of a task."""
    task = next((task for task in graph.tasks if task.label == label), None)
    if task is None:
        raise BatchError(
            f"No task {label!r} in the graph; it has {', '.join(task.label for task in graph.tasks)}."
        )
    return range(task.first + part, task.first + task.count, parts)


def _folder(root: str, graph: QuantumGraph) -> Path:
    """Return where the steps of a graph leave what they did: numbers of quanta are of this graph alone."""
    digest = hashlib.sha256(graph.header.id_base.to_bytes(16, "big"))
    for task in graph.tasks:
        digest.update(task.columns.serials.tobytes())
    return batch_folder(root, graph.header.output_run) / digest.hexdigest()[:32]


def _limited_config(graph: QuantumGraph, repository: Repository) -> LimitedButlerConfig:
    return LimitedButlerConfig(repository.root, repository.datastore, graph.header.universe.to_yaml())


def _existing_init_inputs(graph: QuantumGraph) -> Records:
    """Return the artifacts of init-inputs that were there before the graph."""
    found: Records = {}
    for task in graph.tasks:
        ids = {ref.id for ref in graph.init_inputs.get(task.label, {}).values()}
        if task.count:
            records = graph.input_records(task.first)
            found |= {id: records[id] for id in ids & records.keys()}
    return found


def _init_records(graph: QuantumGraph, folder: Path) -> Records:
    try:
        text = (folder / _INIT).read_text("utf-8")
    except FileNotFoundError:
        raise BatchError(
            f"Run {graph.header.output_run!r} has no configurations yet. Begin with: "
            "pipetask pre-exec-init GRAPH"
        ) from None
    return {UUID(hex=id): [ArtifactRecord(*r) for r in records] for id, records in json.loads(text).items()}


def _reports(graph: QuantumGraph, folder: Path) -> dict[int, Report]:
    """Read how each quantum went: its success, if it had one, else one of its failures."""
    found: dict[int, Report] = {}
    for journal in sorted(folder.glob("*.journal")):
        for report in journaled_reports(read_journal(journal), graph, journal):
            if report.quantum not in found or report.ok:
                found[report.quantum] = report
    return found


def _waiting_in_vain(graph: QuantumGraph, wanted: set[int], done: Mapping[int, Report]) -> set[int]:
    """Find the quanta that need what others have not made, which are not to be run now either."""
    successors = graph.successors()
    before = np.repeat(np.arange(len(graph)), np.diff(successors.indptr))
    vain: set[int] = set()
    # Numbers follow the order of the tasks: what the first of a pair waits for has been seen before it.
    for first, second in zip(before.tolist(), successors.indices.tolist(), strict=True):
        if second in wanted and (first in vain or (first not in wanted and first not in done)):
            vain.add(second)
    return vain


def _data_id(graph: QuantumGraph, quantum: int) -> str:
    task = graph.task_of(quantum)
    return data_id_texts(graph, task, np.array([quantum - task.first]))[0]


def _store_init_outputs(graph: QuantumGraph, butler: Butler, records: Records) -> None:
    refs = [ref for each in graph.init_outputs.values() for ref in each.values()]
    refs += [*graph.config_refs.values(), graph.packages_ref]
    datasets: dict[Any, Any] = {  # as `Butler.record` takes them
        graph.datasets[ref.datasetType.name].dataset_type: (
            {},
            np.frombuffer(ref.id.bytes, np.uint8).reshape(1, 16),
        )
        for ref in refs
        if ref.id in records
    }
    locations = [(id, *record) for id, each in records.items() for record in each]
    butler.record(graph.header.output_run, datasets, locations)
