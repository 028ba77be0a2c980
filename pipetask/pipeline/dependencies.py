"""Which tasks read and write which dataset types, by name alone: without dimensions or a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import networkx as nx

from pipetask.pipeline.nodes import configured_connections

if TYPE_CHECKING:
    from pipetask.task.pipeline_task import PipelineTask


def dependencies(configured: Mapping[str, tuple[type[PipelineTask], Any]]) -> nx.DiGraph:
    """Return the graph of nodes ``("task", label)`` and ``("dataset_type", name)``, unchecked.

    Parameters
    ----------
    configured : mapping
        Class and frozen configuration by label.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(("task", label) for label in configured)
    for label, (cls, config) in configured.items():
        connections = configured_connections(label, cls, config)
        for role in ("initInputs", "inputs", "prerequisiteInputs"):
            for name in getattr(connections, role):
                parent = connections.allConnections[name].name.partition(".")[0]
                graph.add_edge(("dataset_type", parent), ("task", label))
        for role in ("initOutputs", "outputs"):
            for name in getattr(connections, role):
                graph.add_edge(("task", label), ("dataset_type", connections.allConnections[name].name))
        for suffix in ("log", "metadata", "config") if config.saveLogOutput else ("metadata", "config"):
            graph.add_edge(("task", label), ("dataset_type", f"{label}_{suffix}"))
    return graph
