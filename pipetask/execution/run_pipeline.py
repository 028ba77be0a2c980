"""Running a pipeline on selected data, from the collections to the summary: one call."""

from collections.abc import Callable
from typing import Any

from pipetask.butler import Butler
from pipetask.execution.executors.worker_start import start_fork_server
from pipetask.execution.options import ExecutionOptions
from pipetask.execution.resume import replay
from pipetask.execution.run_graph import run_graph, worker_modules
from pipetask.execution.summary import RunSummary, Tally
from pipetask.graph.prepare import DataSelection, choose_collections, prepare_graph
from pipetask.graph.progress import Progress
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.pipeline.pipeline import Pipeline


def run_pipeline(
    butler: Butler,
    pipeline: Pipeline,
    selection: DataSelection,
    *,
    progress: Callable[[Tally], None] | None = None,
    building: Progress | None = None,
    built: Callable[[QuantumGraph], None] | None = None,
    **options: Any,
) -> RunSummary:
    """Build the graph of a pipeline and run it; a run to be extended is recovered first.

    Parameters
    ----------
    butler : `Butler`
        Repository, open for writing.
    pipeline : `Pipeline`
        What to do.
    selection : `DataSelection`
        Which data to do it to, and where outputs go.
    building : callable, optional
        As the ``progress`` of `QuantumGraphBuilder.build`.
    built : callable, optional
        Is given the graph before anything is run.
    progress, **options
        As for `run_graph.run_graph`.

    Returns
    -------
    summary : `RunSummary`
        How it went.
    """
    how = ExecutionOptions(**options)
    if how.needs_workers and not how.init_only:
        # It loads the tasks while the graph is built.
        classes = [task.class_name for task in pipeline.document.tasks.values()]
        start_fork_server(worker_modules(classes), threads=how.threads)
    collections = choose_collections(butler, pipeline, selection)
    if selection.extend_run:
        replay(butler, collections.output_run)
    graph = prepare_graph(butler, pipeline, selection, collections=collections, progress=building)
    if built:
        built(graph)
    return run_graph(graph, butler, progress=progress, **options)
