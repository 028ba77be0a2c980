"""The second step of graph building: quanta, datasets and edges of each task, from what was selected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pipetask.graph.composites import add_composites
from pipetask.graph.datasets import Datasets
from pipetask.graph.draft import DraftTask, connection_of
from pipetask.graph.tables import Connection, DatasetTable, Existing, Serials

if TYPE_CHECKING:
    from pipetask.graph.scope import Selected
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


class Drafter:
    """Drafts tasks; datasets that the pipeline makes are predicted once for all who read them.

    Parameters
    ----------
    pipeline
        Where dataset types are defined.
    new_serials
        Gives the identities of that many new quanta or datasets.
    """

    def __init__(self, pipeline: PipelineGraph, new_serials: Callable[[int], Serials]) -> None:
        self._pipeline = pipeline
        self._new_serials = new_serials
        self._predicted: dict[str, Datasets] = {}

    def draft(self, node: TaskNode, inputs: Mapping[str, Datasets], selected: Selected) -> DraftTask:
        """Find the quanta of a task, its datasets and the edges between them.

        Parameters
        ----------
        node
            The task.
        inputs
            The existing overall inputs, by dataset type.
        selected
            Which quanta and edges there are.
        """
        data_ids = selected.quanta(node)
        task = DraftTask(node, data_ids, self._new_serials(len(data_ids)))
        for edge in node.inputs.values():
            name = edge.dataset_type
            datasets = inputs[name] if name in inputs else self._made(name, selected)
            pairs = selected.pairs(node, edge.dimensions, data_ids, datasets.data_ids)
            task.add(connection_of(edge, "input"), datasets, pairs)
        for edge in node.outputs.values():
            self._add_output(task, connection_of(edge, "output"), selected)
        add_composites(task, selected)
        if node.saves_log:
            log_of_quanta = Connection("_log", "log", node.log_dataset, "", "ButlerLogRecords")
            self._add_output(task, log_of_quanta, selected)
        metadata = Connection("_metadata", "metadata", node.metadata_dataset, "", "TaskMetadata")
        self._add_output(task, metadata, selected)
        return task

    def _add_output(self, task: DraftTask, connection: Connection, selected: Selected) -> None:
        datasets = self._made(connection.dataset_type, selected)
        dimensions = datasets.table.dataset_type.dimensions
        pairs = selected.pairs(task.node, dimensions, task.data_ids, datasets.data_ids)
        task.add(connection, datasets, pairs)

    def _made(self, name: str, selected: Selected) -> Datasets:
        """Predict the datasets of a type that the pipeline makes."""
        if name not in self._predicted:
            kind = self._pipeline.dataset_types[name].dataset_type
            codes = selected.made(name).codes
            table = DatasetTable(kind, codes, self._new_serials(len(codes)), Existing.none())
            self._predicted[name] = Datasets(table, np.ones(len(codes), bool))
        return self._predicted[name]
