"""Running a pipeline on selected data, from the collections to the summary: one call."""

from collections.abc import Callable
from typing import Any

from pipetask.butler import Butler
from pipetask.execution.resume import replay
from pipetask.execution.run_graph import run_graph
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
    collections = choose_collections(butler, pipeline, selection)
    if selection.extend_run:
        replay(butler, collections.output_run)
    graph = prepare_graph(butler, pipeline, selection, collections=collections, progress=building)
    if built:
        built(graph)
    return run_graph(graph, butler, progress=progress, **options)
