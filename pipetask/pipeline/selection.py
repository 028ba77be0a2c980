"""Taking a part of a pipeline: labels and subsets after ``#`` in its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from pipetask.butler import suggest
from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.contracts import labels_of
from pipetask.pipeline.document import Document


def split_uri(uri: str) -> tuple[str, tuple[str, ...]]:
    """Split ``file.yaml#label,subset`` into the file and the names after ``#``."""
    path, _, names = uri.partition("#")
    return path, tuple(name.strip() for name in names.split(",") if name.strip())


def expand_labels(document: Document, names: Iterable[str], where: str) -> list[str]:
    """Return the task labels that labels and subset names stand for, in the order of the document."""
    chosen: set[str] = set()
    for name in names:
        if name in document.subsets:
            chosen.update(document.subsets[name].labels)
        elif name in document.tasks:
            chosen.add(name)
        else:
            known = [*document.tasks, *document.subsets]
            raise PipelineDocumentError(
                f"{where}: {name!r} is no task or subset of {document.file} (it has {', '.join(known)})"
                f"{suggest(name, known)}"
            )
    return [label for label in document.tasks if label in chosen]


def select(document: Document, labels: Collection[str]) -> Document:
    """Return the document with these tasks only, and the contracts, subsets and steps that need no others."""
    removed = set(document.tasks) - set(labels)
    subsets = {name: s for name, s in document.subsets.items() if removed.isdisjoint(s.labels)}
    return replace(
        document,
        tasks={label: entry for label, entry in document.tasks.items() if label in labels},
        contracts=tuple(c for c in document.contracts if removed.isdisjoint(labels_of(c))),
        subsets=subsets,
        steps=tuple(step for step in document.steps if step.label in subsets),
    )
