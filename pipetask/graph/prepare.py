"""From a pipeline and the options of a command line to a quantum graph: one call."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from getpass import getuser
from pathlib import Path, PurePath
from typing import Any

from pipetask.butler import Butler
from pipetask.errors import OutputCollectionError
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.data_id_tables import DataIdTable
from pipetask.graph.progress import Progress
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.run_collections import RunCollections, resolve
from pipetask.graph.scope import Scope
from pipetask.graph.update import Update, check_tasks, updated
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
    data_id_tables : sequence of `str`, optional
        Files of data IDs, each of which restricts the data as the query does.
    dataset_query_constraint : `str`, optional
        Which inputs must exist for a data ID to be considered: ``"all"``, ``"off"`` or names with commas.
    skip_existing : `bool`, optional
        Leave out quanta that are done in the output run.
    skip_existing_in : sequence of `str`, optional
        Leave out quanta that are done in these collections.
    retained_dataset_types : sequence of `str`, optional
        Names or patterns of the dataset types that these collections have kept; all if empty.
    scope : `str`, optional
        ``"complete"`` gives quanta that the query picks all their inputs; see `QuantumGraphBuilder`.
    reuse : sequence of `str`, optional
        Take the outputs of quanta in these collections that had the same code, configuration and inputs.
    clobber_outputs : `bool`, optional
        Replace outputs in the run whose quanta did not finish.
    replace_run, rebase : `bool`, optional
        Take the newest run out of ``output``; put ``inputs`` behind the runs of ``output``.
    prune_replaced : `str`, optional
        What to delete of the run that is replaced: ``"unstore"`` its files, ``"purge"`` all.
    """

    inputs: Sequence[str] = ()
    output: str = ""
    output_run: str = ""
    extend_run: bool = False
    where: str = ""
    data_id_tables: Sequence[str] = ()
    dataset_query_constraint: str = "all"
    skip_existing: bool = False
    skip_existing_in: Sequence[str] = ()
    retained_dataset_types: Sequence[str] = ()
    scope: Scope = "query"
    reuse: Sequence[str] = ()
    clobber_outputs: bool = False
    replace_run: bool = False
    prune_replaced: str | None = None
    rebase: bool = False

    def given(self) -> list[str]:
        """List the fields that say something about data or collections."""
        default = DataSelection()
        names = [field.name for field in fields(self) if field.name != "clobber_outputs"]
        return [name for name in names if (getattr(self, name) or None) != (getattr(default, name) or None)]

    def kept(self) -> dict[str, Any]:
        """Return what a graph keeps for its update, beside the data query and the collections."""
        found = {name: getattr(self, name) for name in self.given() if name in _KEPT}
        if "data_id_tables" in found:
            found["data_id_tables"] = [str(Path(path).absolute()) for path in found["data_id_tables"]]
        return found


_SPELLING = {"inputs": "-i", "output": "-o", "where": "-d", "data_id_tables": "--data-id-table"}

_KEPT = (
    "data_id_tables",
    "dataset_query_constraint",
    "skip_existing",
    "skip_existing_in",
    "retained_dataset_types",
    "scope",
    "reuse",
)


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
        replace_run=selection.replace_run,
        prune_replaced=selection.prune_replaced or "",
        rebase=selection.rebase,
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
    progress: Progress | None = None,
) -> QuantumGraph:
    """Build the quantum graph of a pipeline on the selected data; see `builder_for`.

    Parameters
    ----------
    butler, pipeline, selection, collections
        As for `builder_for`.
    explain : `bool`, optional
        Count every step of the funnel, which takes some joins more.
    progress : callable, optional
        As for `QuantumGraphBuilder.build`.

    Raises
    ------
    PipetaskError
        Among them `EmptyGraphError`, whose message says what emptied the graph.
    """
    graph = builder_for(butler, pipeline, selection, collections=collections).build(
        explain=explain, progress=progress
    )
    return graph.with_parts(header=replace(graph.header, selection=selection.kept()))


def update_graph(butler: Butler, pipeline: Pipeline, selection: DataSelection, old: QuantumGraph) -> Update:
    """Build the graph of a pipeline again, on the data and into the run of an older graph, with its ids.

    Quanta that were run already are left out.

    Parameters
    ----------
    butler, pipeline
        As for `builder_for`.
    selection
        Empty, but for what to do with outputs there are: data and collections are those of ``old``.
    old
        The graph as it was.

    Raises
    ------
    InconsistentGraphError
        If ``old`` is of another pipeline.
    OutputCollectionError
        If the selection says what ``old`` knows.
    """
    header = old.header
    given = [_SPELLING.get(name, f"--{name.replace('_', '-')}") for name in selection.given()]
    if given:
        raise OutputCollectionError(
            f"{', '.join(given)}: not with --update, since the graph knows its data and collections. Leave "
            "this out, or build a new graph."
        )
    nodes = pipeline.graph_in(butler).tasks
    check_tasks(
        {label: (node.task_class_name, node.config.saveToString()) for label, node in nodes.items()}, old
    )
    collections = RunCollections(header.input_collections, header.output, header.output_run, header.change)
    was_run = header.output_run in butler.registry.collections.query("*", kinds=("RUN",))
    selection = replace(selection, where=header.data_query, extend_run=was_run, **header.selection)
    return updated(prepare_graph(butler, pipeline, selection, collections=collections), old)


def builder_for(
    butler: Butler,
    pipeline: Pipeline,
    selection: DataSelection,
    *,
    collections: RunCollections | None = None,
) -> QuantumGraphBuilder:
    """Make the builder of the quantum graph of a pipeline on the selected data.

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
    """
    collections = collections or choose_collections(butler, pipeline, selection)
    skip_in = _skip_in(butler, selection, collections)
    tables = [DataIdTable.from_file(path) for path in selection.data_id_tables]
    return QuantumGraphBuilder(
        pipeline.graph_in(butler),
        butler,
        input_collections=collections.inputs,
        output=collections.output,
        output_run=collections.output_run,
        where=selection.where,
        data_id_tables=tables,
        dataset_query_constraint=selection.dataset_query_constraint,
        skip_existing_in=skip_in,
        retained_dataset_types=selection.retained_dataset_types or ("*",),
        reuse=_reuse_of(butler, selection, collections),
        extend_run=selection.extend_run,
        clobber_outputs=selection.clobber_outputs,
        scope=selection.scope,
        chain_change=collections.change,
    )


def _reuse_of(butler: Butler, selection: DataSelection, collections: RunCollections) -> tuple[str, ...]:
    """Say where earlier quanta are searched; what these made needs a place to go to, and must stay."""
    if not selection.reuse:
        return ()
    if not collections.output:
        raise OutputCollectionError(
            f"--reuse puts earlier results behind run '{collections.output_run}' in an output chain, and "
            "there is none. Name one (-o)."
        )
    change = collections.change
    found = [info.name for info in butler.registry.collections.resolve(selection.reuse)]
    if change.prune and change.replaced in found:
        raise OutputCollectionError(
            f"--reuse would take results of run '{change.replaced}', which --prune-replaced deletes. Leave "
            "one of the two out."
        )
    return tuple(selection.reuse)


def _skip_in(butler: Butler, selection: DataSelection, collections: RunCollections) -> tuple[str, ...]:
    """Say where quanta that were done are searched; not where outputs are about to be deleted."""
    own = (collections.output_run,) if selection.skip_existing else ()
    skip_in = tuple(dict.fromkeys((*selection.skip_existing_in, *own)))
    if selection.retained_dataset_types and not (skip_in or selection.extend_run):
        raise OutputCollectionError(
            "--retained-dataset-types tells what is left of quanta that were done, and none is left out. Add "
            "--skip-existing-in COLLECTION or --extend-run."
        )
    change = collections.change
    if change.prune and selection.skip_existing_in:
        found = butler.registry.collections.resolve(selection.skip_existing_in)
        if change.replaced in [info.name for info in found]:
            raise OutputCollectionError(
                f"--skip-existing-in would keep results of run '{change.replaced}', which --prune-replaced "
                "deletes. Leave one of the two out."
            )
    return skip_in
