"""Running a quantum graph: the one call behind ``pipetask run``."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipetask.butler.executions import executions_of
from pipetask.butler.inventory import remove_left_overs
from pipetask.butler.repository import journal_path, name_needed
from pipetask.errors import ExecutionOptionsError
from pipetask.execution import init_run
from pipetask.execution.chains import Chains
from pipetask.execution.coordinator import Coordinator
from pipetask.execution.executors.base import Executor
from pipetask.execution.executors.memory import MemoryBudget
from pipetask.execution.executors.processes import ProcessExecutor
from pipetask.execution.executors.serial import SerialExecutor
from pipetask.execution.executors.worker_start import start_fork_server
from pipetask.execution.journal import Journal
from pipetask.execution.options import SHARE, ExecutionOptions, read_settings
from pipetask.execution.resume import check_replayed, forget, graph_path
from pipetask.execution.single_quantum import QuantumRunner
from pipetask.execution.stored_reports import RegistryReports
from pipetask.execution.summary import RunSummary, Tally
from pipetask.graph.kept_outputs import are_records_replaced
from pipetask.task.context import ExecutionResources

if TYPE_CHECKING:
    import distributed

    from pipetask.butler import Butler
    from pipetask.graph.quantum_graph import QuantumGraph

_log = logging.getLogger(__name__)

TOO_LARGE = (
    "Quanta of %s took up to %.0f MiB before, and %.0f MiB are allowed (--max-memory): each runs with "
    "nothing beside it, and may be stopped."
)
STOPPED = "The same command with --extend-run goes on; `pipetask report` names it whole."


def run_graph(
    graph: QuantumGraph,
    butler: Butler,
    *,
    progress: Callable[[Tally], None] | None = None,
    when_stopped: str = STOPPED,
    **options: Any,
) -> RunSummary:
    """Run all quanta of a graph, and store what they made and how they went.

    The run and the chain that the graph names are registered; a run that exists is extended. After a crash
    call `pipetask.execution.resume.replay` and build the graph again.

    Parameters
    ----------
    graph : `QuantumGraph`
        What to run.
    butler : `Butler`
        The repository, open for writing.
    progress : callable, optional
        Called with the `Tally` whenever quanta have ended.
    when_stopped : `str`, optional
        What to tell the user after Ctrl-C, beside that the run was stopped.
    **options
        How, as for `ExecutionOptions`: ``processes=2``, ``fail_fast=True``, …

    Returns
    -------
    summary : `RunSummary`
        Counts, errors, and the exit code that follows.

    Raises
    ------
    RunLockedError
        If another process is executing this run.
    InconsistentRunError
        If the run was cut short and not replayed, holds what this graph made before, or was made with other
        configurations or packages.
    MissingCollectionError
        If the repository lacks an input collection of the graph.
    InvalidQuantumError
        If a task cannot be constructed.
    MissingDatasetTypeError
        If dataset types are not registered and ``register_dataset_types`` is false.
    ExecutionOptionsError
        If the options contradict each other.
    """
    how = ExecutionOptions(**options)
    run = graph.header.output_run
    client = None
    with Journal(journal_path(butler.root, run)) as journal, ExitStack() as left:
        check_replayed(butler, run, journal)
        if not how.register_dataset_types:
            init_run.check_dataset_types(graph, butler)
        init_run.check_inputs(graph, butler)
        init_run.check_replaced(graph, butler)
        init_run.check_not_run_before(graph, butler)
        if (how.needs_workers or how.executor == "dask") and not how.init_only:
            init_run.check_worker_processes(graph)
        if how.needs_workers and not how.init_only:
            start_fork_server(task_modules(graph), threads=how.threads)
        if how.executor == "dask" and not how.init_only:
            client = _dask_client(graph, how, left)  # now: nothing is written if it can't be used
        init_inputs = init_run.butler_of_init_inputs(graph, butler)
        init_outputs = init_run.make_init_outputs(graph, init_inputs, with_versions=not how.no_versions)
        init_records = init_run.existing_init_outputs(
            graph, butler, init_outputs, must_suffice=how.skip_init_writes
        )
        if how.register_dataset_types:
            init_run.register_dataset_types(graph, butler)
        init_run.define_collections(graph, butler)
        if not how.skip_init_writes:
            init_records = init_run.write_init_outputs(graph, butler, init_outputs, init_records)
        if how.init_only:
            return RunSummary(run, {}, (), 0.0)
        butler.registry.provenance.begin_run(run, time.time_ns(), socket.gethostname(), str(journal.path))
        try:
            summary = _execute(graph, butler, journal, init_records, how, client, progress)
        except KeyboardInterrupt:
            _log.warning("Run %s was stopped. %s", run, when_stopped)
            raise
        butler.registry.provenance.end_run(run, time.time_ns())
    if summary.interrupted:
        _log.warning("Run %s was stopped. %s", run, when_stopped)
    return replace(summary, repository=name_needed(butler.root), executions=executions_of(butler, run))


def _execute(
    graph: QuantumGraph,
    butler: Butler,
    journal: Journal,
    init_records: init_run.Records,
    how: ExecutionOptions,
    client: distributed.Client | None,
    progress: Callable[[Tally], None] | None,
) -> RunSummary:
    saved = graph_path(journal.path)
    graph.save(saved)
    resources = ExecutionResources(how.cores_per_quantum, how.memory_per_quantum or None)
    runner = QuantumRunner(
        butler.limited_config(),
        saved,
        init_records,
        resources,
        raise_on_partial_outputs=how.raise_on_partial_outputs,
        debugger=how.debugger,
        coverage=how.coverage if how.needs_workers or how.executor == "dask" else None,
        hold_bytes=_hold_bytes(how, client),
    )
    with _executor(graph, butler, runner, how, client) as executor:
        coordinator = Coordinator(
            graph,
            executor,
            butler.datastore,
            journal,
            RegistryReports(graph, butler, journal),
            fail_fast=how.fail_fast,
            retries=how.retries,
            chains=Chains(graph) if how.cache_intermediates else None,
            progress=progress,
        )
        summary = coordinator.run()
    if coordinator.has_left_overs or are_records_replaced(graph):
        remove_left_overs(butler, graph.header.output_run)
    forget(journal)
    return summary


def _hold_bytes(how: ExecutionOptions, client: distributed.Client | None) -> int:
    """Return how much a worker may hold in memory for quanta that follow."""
    if client is None or how.cache_intermediates != SHARE:
        return how.hold_bytes
    from pipetask.execution.executors.dask_cluster import memory_of_workers

    return memory_of_workers(client) // 4 or how.hold_bytes


def _executor(
    graph: QuantumGraph,
    butler: Butler,
    runner: QuantumRunner,
    how: ExecutionOptions,
    client: distributed.Client | None,
) -> Executor:
    if client is not None:
        from pipetask.execution.executors.dask import DaskExecutor

        return DaskExecutor(runner, client, modules=task_modules(graph))
    peaks = {}
    if how.max_memory:
        known = butler.registry.provenance.history({task.label: task.task_class_name for task in graph.tasks})
        peaks = {label: task.peak_memory for label, task in known.items()}
        for label, peak in peaks.items():
            if peak > how.max_memory:
                _log.warning(TOO_LARGE, label, peak / 2**20, how.max_memory / 2**20)
    return local_executor(graph, runner, how, peaks)


def local_executor(
    graph: QuantumGraph, runner: QuantumRunner, how: ExecutionOptions, peaks: Mapping[str, int]
) -> Executor:
    """Return what runs quanta on this machine; ``peaks`` is the memory that earlier ones took, by task."""
    if not how.needs_workers:
        return SerialExecutor(runner)
    processes = max(min(how.processes, graph.n_quanta), 1)
    return ProcessExecutor(
        runner,
        processes,
        modules=task_modules(graph),
        timeout_s=how.timeout_s,
        memory=MemoryBudget(how.max_memory, processes, peaks),
        threads=how.threads,
    )


def _dask_client(graph: QuantumGraph, how: ExecutionOptions, left: ExitStack) -> distributed.Client:
    try:
        from pipetask.execution.executors.dask_cluster import check_workers, connected
    except ImportError as error:
        raise ExecutionOptionsError(
            f"--executor dask needs packages that are not installed ({error}): pip install 'pipetask[dask]'"
        ) from None
    settings = read_settings(how.dask_settings) if how.dask_settings else {}
    cluster = how.dask_cluster or "local"
    client = left.enter_context(
        connected(how.processes, scheduler=how.scheduler, cluster=cluster, settings=settings)
    )
    check_workers(client, task_modules(graph))
    return client


def task_modules(graph: QuantumGraph) -> set[str]:
    """Name what the workers of a graph need."""
    return worker_modules(task.task_class_name for task in graph.tasks)


def worker_modules(task_classes: Iterable[str]) -> set[str]:
    """Name what workers need: the runner, and the modules of tasks."""
    return {QuantumRunner.__module__, *(name.rpartition(".")[0] for name in task_classes)}
