"""QuantumGraphBuilder: from a pipeline and a repository to the quanta that can run, in five steps."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pipetask.butler.defaults import reused_collection
from pipetask.errors import EmptyGraphError
from pipetask.graph import funnel as steps
from pipetask.graph.adjust import Adjuster
from pipetask.graph.base_join import BaseJoin
from pipetask.graph.codes import Codebooks
from pipetask.graph.composites import Wholeness
from pipetask.graph.draft import DraftTask
from pipetask.graph.drafting import Drafter
from pipetask.graph.empty_parts import causes, empty_parts, told
from pipetask.graph.finish import finish
from pipetask.graph.funnel import Funnel
from pipetask.graph.header import Header
from pipetask.graph.init_datasets import InitDatasets
from pipetask.graph.input_constraint import InputConstraint
from pipetask.graph.outputs import ExistingOutputs
from pipetask.graph.parts import Part, connected_parts
from pipetask.graph.prerequisites import PrerequisiteFinder
from pipetask.graph.progress import Progress, Steps
from pipetask.graph.project import Projections
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.recorded import RecordedComposites
from pipetask.graph.refs import DataIdDecoder, RefMaker
from pipetask.graph.relations import DimensionRelations, implied_of, query_constraints
from pipetask.graph.resolution import Resolver
from pipetask.graph.reuse import Reuse
from pipetask.graph.run_collections import NO_CHANGE, ChainChange
from pipetask.graph.scope import Completed, Queried, Scope, Selected, sliced
from pipetask.graph.tables import NewSerials, Reused, new_base
from pipetask.graph.why import Why, complete_data_id, node_of, why

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.data_id_tables import DataIdTable
    from pipetask.pipeline.pipeline_graph import PipelineGraph

log = logging.getLogger(__name__)


class QuantumGraphBuilder:
    """Finds the quanta of a pipeline on the data of a repository.

    Parameters
    ----------
    pipeline_graph : `PipelineGraph`
        The tasks, checked and in order.
    butler : `Butler`
        Repository; only read.
    input_collections : sequence of `str`
        Where inputs are searched, in this order.
    output_run : `str`
        Run that outputs go to; it need not exist.
    output : `str`, optional
        Collection that gathers the runs; only noted in the graph.
    where : `str`, optional
        Data query that all data IDs together must satisfy.
    bind : mapping, optional
        Values for the names that ``where`` marks with a colon.
    data_id : mapping, optional
        Values of dimensions that must hold as well; the pipeline's instrument does in any case.
    data_id_tables : sequence of `DataIdTable`, optional
        Tables of data IDs, each of which all data IDs together must be in.
    dataset_query_constraint : `str` or collection of `str`, optional
        Which ordinary inputs must exist for a data ID to be considered: ``"all"``, ``"off"``, or names
        (a string with commas between them, or a collection); a name of no such input is warned of.
    skip_existing_in : sequence of `str`, optional
        Quanta whose metadata exist in these collections are not run again.
    retained_dataset_types : sequence of `str`, optional
        Names, or patterns of them, of the dataset types that quanta done before have kept. Where a quantum to
        run needs something else from one, that one is run again, whatever ``skip_existing_in`` says.
    reuse : sequence of `str`, optional
        Collections of earlier runs: a quantum whose code, configuration and inputs equal those of one that
        was done there takes its outputs instead of running.
    extend_run : `bool`, optional
        The output run is one to be continued: as if it came first in ``skip_existing_in``.
    clobber_outputs : `bool`, optional
        Outputs of quanta to run that are in the output run already will be overwritten.
    scope : `str`, optional
        ``"complete"`` gives the quanta that the query picks all inputs that it does not speak against, and
        adds the quanta that make these; ``"query"`` warns of inputs left out though nobody asked for that.
    chain_change : `ChainChange`, optional
        What becomes of ``output`` when the graph is run; only noted in the graph.
    """

    def __init__(
        self,
        pipeline_graph: PipelineGraph,
        butler: Butler,
        *,
        input_collections: Sequence[str],
        output_run: str,
        output: str = "",
        where: str = "",
        bind: Mapping[str, Any] | None = None,
        data_id: Mapping[str, Any] | None = None,
        data_id_tables: Sequence[DataIdTable] = (),
        dataset_query_constraint: str | Collection[str] = "all",
        skip_existing_in: Sequence[str] = (),
        retained_dataset_types: Sequence[str] = ("*",),
        reuse: Sequence[str] = (),
        extend_run: bool = False,
        clobber_outputs: bool = False,
        scope: Scope = "query",
        chain_change: ChainChange = NO_CHANGE,
    ) -> None:
        self._pipeline = pipeline_graph
        self._registry = butler.registry
        self._collections = tuple(input_collections)
        self._codebooks = Codebooks()
        self._constraint = InputConstraint.parse(dataset_query_constraint)
        for warning in self._constraint.without_effect(pipeline_graph):
            log.warning(warning)
        self._query = partial(
            query_constraints,
            self._registry,
            self._codebooks,
            where=where,
            bind=bind,
            data_id={**(data_id or {}), **pipeline_graph.data_id},
            tables=data_id_tables,
        )
        self._scope = scope
        own = (output_run, reused_collection(output_run))
        skip = (*own, *skip_existing_in) if extend_run else tuple(skip_existing_in)
        self._header = Header(
            pipeline_graph.universe,
            self._collections,
            output,
            output_run,
            where,
            new_base(),
            chain_change,
            pipeline_graph.composites,
            temporary=pipeline_graph.temporary,
            clobber=clobber_outputs,
        )
        self._new_serials = NewSerials()
        self._relations = DimensionRelations(self._registry, self._codebooks)
        self._prerequisites = PrerequisiteFinder(
            self._registry, self._codebooks, self._relations, self._collections
        )
        where_found = (butler, pipeline_graph, self._codebooks, self._collections)
        self._recorded = RecordedComposites(*where_found)
        self._wholeness = Wholeness(*where_found, self._recorded)
        self._outputs = ExistingOutputs(
            self._registry,
            self._codebooks,
            output_run=output_run,
            skip_existing_in=skip,
            retained=retained_dataset_types,
            temporary=pipeline_graph.temporary,
            clobber_outputs=clobber_outputs,
        )
        self._reuse = (
            Reuse(butler, self._codebooks, pipeline_graph, reuse, self._collections) if reuse else None
        )
        self._drafter = Drafter(pipeline_graph, self._new_serials)
        self._funnel = Funnel()
        self._bases: dict[str, BaseJoin] = {}
        self._no_data: dict[Part, list[str]] = {}
        self._queried: list[tuple[BaseJoin, Part, Projections]] = []
        self._drafts: dict[str, DraftTask] = {}
        self._is_asked = False  # whether quanta without a prerequisite are dropped, not an error

    def build(self, *, explain: bool = False, progress: Progress | None = None) -> QuantumGraph:
        """Build the graph.

        Parameters
        ----------
        explain : `bool`, optional
            Count the first steps of the funnel as well, which takes joins that the graph doesn't need.
        progress : callable, optional
            Called before each step with what it does, how many steps are done, and how many there are.

        Raises
        ------
        EmptyGraphError
            If no quantum is left; its message says why, its ``explanation`` has the counts.
        MissingPrerequisiteError
            If a quantum lacks a prerequisite.
        """
        tasks: list[DraftTask] = []
        parts = list(connected_parts(self._pipeline))
        announced = Steps(progress, len(parts) + len(self._pipeline.tasks) + 1)
        for part in parts:
            announced.begin(f"joining what there is for {', '.join(task.label for task in part.tasks)}")
            tasks += self._project(part, explain=explain)
        tasks.sort(key=lambda task: [*self._pipeline.tasks].index(task.node.label))
        groups = [node.dataset_type.dimensions for node in self._pipeline.dataset_types.values()]
        groups += [task.dimensions for task in self._pipeline.tasks.values()]
        implied = implied_of(self._relations, self._pipeline.universe, groups)
        decoder = DataIdDecoder(self._codebooks, implied)
        maker = RefMaker(decoder, self._header.id_base, self._header.output_run)
        resolver = Resolver(
            self._pipeline,
            self._codebooks,
            decoder,
            self._outputs,
            self._wholeness,
            self._prerequisites,
            Adjuster(decoder, maker, self._codebooks),
            self._reuse,
            self._funnel,
            is_asked=self._is_asked,
        )
        self._drafts = {task.node.label: task for task in tasks}
        self._outputs.mark_done(tasks)
        for task in tasks:
            announced.begin(f"looking up what {task.node.label} needs")
            resolver.resolve(task)
        running = {task.node.label: task.data_ids.take(task.is_kept) for task in tasks}
        for warning in (each for query in self._queried for each in sliced(*query, running)):
            log.warning(warning)
        announced.begin("numbering quanta and datasets")
        reused = self._reuse.reused if self._reuse else Reused()
        empty = list(empty_parts(parts, self._no_data, self._drafts, self._funnel, self._codebooks))
        if not reused.n_quanta and not any(task.is_kept.any() for task in tasks):
            self._funnel.causes = causes(empty)
            raise EmptyGraphError(told(empty), self._funnel.explain())
        self._funnel.causes = [str(each) for each in empty if not each.is_done]
        for cause in self._funnel.causes:
            log.warning("A part of the pipeline has no quanta: %s", cause)
        init, connections = InitDatasets(
            self._registry, self._codebooks, self._pipeline, self._header, self._outputs, self._new_serials
        ).find(tasks)
        return finish(
            self._header,
            tasks,
            init,
            connections,
            implied,
            self._codebooks,
            self._funnel,
            self._registry,
            reused,
            self._reuse.plan if self._reuse else None,
        )

    def why(self, label: str, data_id: Mapping[str, Any]) -> Why:
        """Build the graph, and say why one unit of work is in it, or which step dropped it.

        Parameters
        ----------
        label
            Label of the task.
        data_id
            Its data ID; an instrument or sky map that is the only one need not be given.
        """
        node = node_of(self._pipeline, label)
        unit = complete_data_id(self._registry, node, data_id)
        self._is_asked = True
        with suppress(EmptyGraphError):
            self.build()
        plan = self._reuse.plan if self._reuse else None
        return why(self._drafts[label], unit, self._bases[label], self._codebooks, self._pipeline, plan)

    def _project(self, part: Part, *, explain: bool) -> list[DraftTask]:
        """Steps 1 and 2: join the base relations of a part of the pipeline, and project it on each task."""
        base = BaseJoin(
            part,
            self._pipeline,
            self._registry,
            self._codebooks,
            self._relations,
            self._collections,
            recorded=self._recorded,
            query=self._query,
            must_exist=self._constraint,
        )
        joined = base.join()
        if joined.is_empty:
            self._no_data[part] = base.why_empty()
        queried = base.count_early_steps(self._funnel) if explain or joined.is_empty else {}
        selected = self._select(base, part, Projections(joined))
        tasks = [self._drafter.draft(node, base.inputs, selected) for node in part.tasks]
        for label, task in ((task.node.label, task) for task in tasks):
            self._bases[label] = base
            before = queried.get(label, task.data_ids)
            self._funnel.add_difference(label, steps.INPUTS, before, task.data_ids, self._codebooks)
        return tasks

    def _select(self, base: BaseJoin, part: Part, projections: Projections) -> Selected:
        """Say which quanta and edges the join means, as the scope has it."""
        if not base.conditions or projections.joined.is_empty:
            return Queried(self._pipeline, projections)
        if self._scope == "complete":
            base.read_all_inputs()
            return Completed(base, part, self._pipeline, projections)
        self._queried.append((base, part, projections))
        return Queried(self._pipeline, projections)
