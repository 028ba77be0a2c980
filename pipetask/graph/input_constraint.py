"""Which inputs must exist for a data ID to be considered: all, none, or those of some names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pipetask.butler import suggest

if TYPE_CHECKING:
    from pipetask.pipeline.nodes import Edge
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, slots=True)
class InputConstraint:
    """What a builder is told to demand.

    Parameters
    ----------
    names
        Dataset types that must exist; `None` for all inputs but those whose connections put it off.
    """

    names: frozenset[str] | None

    @classmethod
    def parse(cls, text: str | Collection[str]) -> Self:
        """Read ``all``, ``off``, names with commas between them, or a collection of names."""
        if text in ("all", "off"):
            return cls(None if text == "all" else frozenset())
        names = text.split(",") if isinstance(text, str) else text
        return cls(frozenset(name.strip() for name in names if name.strip()))

    def applies(self, name: str, edges: Iterable[Edge]) -> bool:
        """Tell whether an input must exist, given the edges by which tasks read it."""
        if self.names is not None:
            return name in self.names
        return not any(edge.defers_constraint for edge in edges)

    def without_effect(self, pipeline: PipelineGraph) -> Iterator[str]:
        """Say of each name that constrains nothing why not."""
        possible = _overall_inputs(pipeline)
        there_are = f"The inputs of this pipeline are: {', '.join(possible)}." if possible else ""
        for name in sorted((self.names or set()) - set(possible)):
            node = pipeline.dataset_types.get(name)
            if node is None:
                why = f"no task reads it{suggest(name, possible) or '.'}"
            elif node.producer is not None:
                why = f"task '{node.producer}' of the same pipeline makes it."
            else:
                why = "it is no ordinary input, which the tasks would be given for each quantum."
            yield f"--dataset-query-constraint {name} constrains nothing: {why} {there_are}".rstrip()


def _overall_inputs(pipeline: PipelineGraph) -> list[str]:
    read = {edge.dataset_type: None for task in pipeline.tasks.values() for edge in task.inputs.values()}
    return [name for name in read if pipeline.dataset_types[name].producer is None]
