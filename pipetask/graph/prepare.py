"""From a pipeline and the options of a command line to a quantum graph: one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import PurePath

from pipetask.butler import Butler
from pipetask.errors import OutputCollectionError
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.run_collections import RunCollections, resolve
from pipetask.pipeline.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class DataSelection:
    """Which data a pipeline is to process, and where its outputs go: the options of the command line.

    Parameters
    ----------
    inputs : sequence of `str`, optional
        Collections to search, in this order; by default those of the instrument.
    output : `str`, optional
        Chain that gathers the runs; by default ``u/<user>/<pipeline>``.
    output_run : `str`, optional
        Run to write to; by default a new one, named after ``output`` and the time.
    extend_run : `bool`, optional
        Continue the newest run of ``output`` (or ``output_run``), leaving out quanta that are done.
    where : `str`, optional
        Data query.
    skip_existing_in : sequence of `str`, optional
        Leave out quanta that are done in these collections.
    clobber_outputs : `bool`, optional
        Replace outputs in the run whose quanta did not finish.
    """

    inputs: Sequence[str] = ()
    output: str = ""
    output_run: str = ""
    extend_run: bool = False
    where: str = ""
    skip_existing_in: Sequence[str] = ()
    clobber_outputs: bool = False


def choose_collections(butler: Butler, pipeline: Pipeline, selection: DataSelection) -> RunCollections:
    """Find the collections that a selection means; see `run_collections.resolve`."""
    if selection.clobber_outputs and not selection.extend_run:
        raise OutputCollectionError(
            "--clobber-outputs replaces outputs of a run that is continued. Add --extend-run, or leave this "
            "out."
        )
    name = PurePath(pipeline.document.file).stem
    return resolve(
        butler,
        inputs=selection.inputs,
        output=selection.output,
        output_run=selection.output_run,
        extend_run=selection.extend_run,
        default_output=f"u/{getuser()}/{name}",
        instrument=pipeline.instrument,
    )


def prepare_graph(
    butler: Butler,
    pipeline: Pipeline,
    selection: DataSelection,
    *,
    collections: RunCollections | None = None,
    explain: bool = False,
) -> QuantumGraph:
    """Build the quantum graph of a pipeline on the selected data.

    Parameters
    ----------
    butler : `Butler`
        Repository; only read.
    pipeline : `Pipeline`
        What to do.
    selection : `DataSelection`
        Which data to do it to.
    collections : `RunCollections`, optional
        What `choose_collections` found, if it was asked already.
    explain : `bool`, optional
        Count every step of the funnel, which takes some joins more.

    Raises
    ------
    PipetaskError
        Among them `EmptyGraphError`, whose message says what emptied the graph.
    """
    collections = collections or choose_collections(butler, pipeline, selection)
    registered = {dataset_type.name: dataset_type for dataset_type in butler.registry.query_dataset_types()}
    pipeline_graph = pipeline.to_graph(
        butler.dimensions, registered, storage_classes=butler.datastore.storage_classes
    )
    builder = QuantumGraphBuilder(
        pipeline_graph,
        butler,
        input_collections=collections.inputs,
        output=collections.output,
        output_run=collections.output_run,
        where=selection.where,
        skip_existing_in=selection.skip_existing_in,
        extend_run=selection.extend_run,
        clobber_outputs=selection.clobber_outputs,
    )
    return builder.build(explain=explain)
