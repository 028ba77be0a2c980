"""Which dataset types of a pipeline are temporary: of use to its own tasks only, as its document says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from pipetask.butler import suggest
from pipetask.errors import PipelineGraphError
from pipetask.pipeline.dataset_types import DatasetTypeNode

if TYPE_CHECKING:
    from pipetask.pipeline.document import Temporary


def temporaries(
    entries: Iterable[Temporary],
    dataset_types: Mapping[str, DatasetTypeNode],
    *,
    automatic: Collection[str],
    parts: Mapping[str, Iterable[str]],
) -> frozenset[str]:
    """Check what a document calls temporary, and return the names.

    Parameters
    ----------
    entries
        What the document says.
    dataset_types
        Those of the pipeline, by name.
    automatic
        Those that every task makes.
    parts
        Those that are parts of composites, with the names of these.

    Raises
    ------
    PipelineGraphError
        If something can't be temporary.
    """
    found = set()
    for entry in entries:
        name = entry.dataset_type
        if why := _why_not(name, dataset_types, automatic, parts):
            raise PipelineGraphError(f"{entry.place}: {name!r} can't be temporary: {why}")
        node = dataset_types.get(name)
        if node is not None and node.producer is not None and node.consumers:
            found.add(name)
        elif not entry.is_optional:
            raise PipelineGraphError(
                f"{entry.place}: temporary {name!r} {_what_lacks(name, node, dataset_types)}"
            )
    return frozenset(found)


def _why_not(
    name: str,
    dataset_types: Mapping[str, DatasetTypeNode],
    automatic: Collection[str],
    parts: Mapping[str, Iterable[str]],
) -> str:
    whole, _, component = name.partition(".")
    if component:
        return f"it is a component; name the whole, {whole!r}"
    if name in parts:
        return f"it is a part of the composite {', '.join(parts[name])}"
    if name in automatic or (name in dataset_types and dataset_types[name].is_init):
        return "it is made once for a run, or tells how a task went; only what tasks make of data is"
    return ""


def _what_lacks(name: str, node: DatasetTypeNode | None, known: Iterable[str]) -> str:
    if node is None:
        return f"is no dataset type of the pipeline{suggest(name, known)}"
    if node.producer is None:
        return f"is made by no task of the pipeline: {', '.join(node.consumers)} only reads it"
    return f"is read by no task of the pipeline, so it is a result; {node.producer} makes it"
