"""Running a quantum graph: the one call behind ``pipetask run``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipetask.butler.inventory import remove_left_overs
from pipetask.butler.repository import journal_path
from pipetask.errors import InconsistentRunError
from pipetask.execution import init_run
from pipetask.execution.coordinator import Coordinator
from pipetask.execution.executors.base import Executor
from pipetask.execution.executors.processes import ProcessExecutor, start_fork_server
from pipetask.execution.executors.serial import SerialExecutor
from pipetask.execution.journal import Journal
from pipetask.execution.resume import forget, graph_path
from pipetask.execution.single_quantum import QuantumRunner
from pipetask.execution.summary import RunSummary, Tally

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.quantum_graph import QuantumGraph

_log = logging.getLogger(__name__)


def run_graph(
    graph: QuantumGraph,
    butler: Butler,
    *,
    processes: int = 1,
    timeout_s: float | None = None,
    fail_fast: bool = False,
    register_dataset_types: bool = False,
    progress: Callable[[Tally], None] | None = None,
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
    processes : `int`, optional
        Number of worker processes; 1 runs everything in this process (unless there is a ``timeout_s``).
    timeout_s : `float`, optional
        A quantum that takes longer is stopped and has failed.
    fail_fast : `bool`, optional
        Begin nothing more after the first failure.
    register_dataset_types : `bool`, optional
        Register the dataset types that are new.
    progress : callable, optional
        Called with the `Tally` whenever quanta have ended.

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
    """
    run = graph.header.output_run
    with Journal(journal_path(butler.root, run)) as journal:
        if journal.records:
            raise InconsistentRunError(
                f"Run {run!r} was cut short, and what it did is in its journal only. Go on with --extend-run."
            )
        if not register_dataset_types:
            init_run.check_dataset_types(graph, butler)
        init_run.check_inputs(graph, butler)
        init_run.check_not_run_before(graph, butler)
        if processes > 1:
            start_fork_server(_modules(graph))
        init_outputs = init_run.make_init_outputs(graph, butler)
        if register_dataset_types:
            init_run.register_dataset_types(graph, butler)
        init_run.define_collections(graph, butler)
        init_records = init_run.write_init_outputs(graph, butler, init_outputs)
        saved = graph_path(journal.path)
        graph.save(saved)
        runner = QuantumRunner(butler.limited_config(), saved, init_records)
        with _executor(graph, runner, processes, timeout_s) as executor:
            coordinator = Coordinator(
                graph, butler, executor, journal, fail_fast=fail_fast, progress=progress
            )
            summary = coordinator.run()
        if coordinator.has_left_overs:
            remove_left_overs(butler, run)
        forget(journal)
    if summary.interrupted:
        _log.warning("Run %s was stopped. The same command with --extend-run goes on.", run)
    return summary


def _executor(
    graph: QuantumGraph, runner: QuantumRunner, processes: int, timeout_s: float | None
) -> Executor:
    if processes == 1 and timeout_s is None:
        return SerialExecutor(runner)
    return ProcessExecutor(
        runner, max(min(processes, graph.n_quanta), 1), modules=_modules(graph), timeout_s=timeout_s
    )


def _modules(graph: QuantumGraph) -> set[str]:
    """Name what workers need: the runner and the tasks."""
    return {QuantumRunner.__module__, *(task.task_class_name.rpartition(".")[0] for task in graph.tasks)}
