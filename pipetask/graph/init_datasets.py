"""Datasets that belong to tasks as such: init-inputs, init-outputs, configurations; and the package list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipetask.errors import InitInputMissingError
from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import Datasets, find_existing
from pipetask.graph.draft import DraftTask, connection_of
from pipetask.graph.header import Header
from pipetask.graph.outputs import ExistingOutputs
from pipetask.graph.quantum_graph import PACKAGES
from pipetask.graph.tables import Connection, DatasetTable, Existing, Serials

if TYPE_CHECKING:
    from pipetask.butler import Registry
    from pipetask.pipeline.nodes import Edge, TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


class InitDatasets:
    """Finds or predicts the datasets of tasks as such.

    Parameters
    ----------
    registry, codebooks
        Where to read from, and how values are encoded.
    pipeline, header
        The pipeline, and where its inputs and outputs are.
    outputs
        Finds outputs that exist already.
    new_serials
        Gives the identities of that many new datasets.
    """

    def __init__(
        self,
        registry: Registry,
        codebooks: Codebooks,
        pipeline: PipelineGraph,
        header: Header,
        outputs: ExistingOutputs,
        new_serials: Callable[[int], Serials],
    ) -> None:
        self._registry = registry
        self._codebooks = codebooks
        self._pipeline = pipeline
        self._header = header
        self._outputs = outputs
        self._new_serials = new_serials
        self._found: dict[str, Datasets] = {}

    def find(
        self, tasks: Sequence[DraftTask]
    ) -> tuple[dict[str, Datasets], dict[str, tuple[Connection, ...]]]:
        """Find all such datasets of the tasks that have quanta left.

        Returns
        -------
        datasets
            One per dataset type.
        connections
            How the tasks read and make them, by label.

        Raises
        ------
        InitInputMissingError
            If an init-input is nowhere.
        """
        connections: dict[str, tuple[Connection, ...]] = {}
        for task in tasks:
            if not task.is_kept.any():
                self._take_from_earlier_run(task)
                continue
            node = task.node
            for edge in node.init_inputs.values():
                self._input(edge, node)
            for name in (*(edge.dataset_type for edge in node.init_outputs.values()), node.config_dataset):
                self._output(name)
            connections[node.label] = (
                *(connection_of(edge, "init_input") for edge in node.init_inputs.values()),
                *(connection_of(edge, "init_output") for edge in node.init_outputs.values()),
                Connection("_config", "config", node.config_dataset, "", "Config"),
            )
        self._output(PACKAGES)
        return self._found, connections

    def _input(self, edge: Edge, task: TaskNode) -> None:
        name = edge.dataset_type
        if name in self._found:
            return
        node = self._pipeline.dataset_types[name]
        found = find_existing(
            self._registry, self._codebooks, node.dataset_type, self._header.input_collections
        )
        if node.producer is None and len(found):
            self._found[name] = found
            return
        where = f"collections {', '.join(self._header.input_collections)}"
        needs = (
            f"Task {task.label!r} ({task.task_class_name}) needs init-input {name!r} (connection "
            f"{edge.connection!r}), which"
        )
        if node.producer is None:
            raise InitInputMissingError(
                f"{needs} is not in {where}. Run the task that makes it first, or add the collection that "
                "holds it to the inputs."
            )
        raise InitInputMissingError(
            f"{needs} task '{node.producer}' would make, but that task has no quantum in this graph, "
            f"nor earlier results. Run '{node.producer}' too, or leave it out of the pipeline and add a "
            f"collection that holds '{name}' to the inputs (now {where})."
        )

    def _output(self, name: str) -> None:
        """Predict an init-output, unless it is in the output run already."""
        kind = self._pipeline.dataset_types[name].dataset_type
        earlier = self._outputs.in_run(kind)
        if len(earlier):
            self._found[name] = earlier
        elif name not in self._found:
            table = DatasetTable(kind, np.empty((1, 0), np.int32), self._new_serials(1), Existing.none())
            self._found[name] = Datasets(table, np.ones(1, bool))

    def _take_from_earlier_run(self, task: DraftTask) -> None:
        """Offer the init-outputs of a task all of whose quanta were done before to later tasks."""
        if task.is_skipped.any():
            for edge in task.node.init_outputs.values():
                kind = self._pipeline.dataset_types[edge.dataset_type].dataset_type
                earlier = self._outputs.done_before(kind, task.done_in)
                if len(earlier):
                    self._found[edge.dataset_type] = earlier
