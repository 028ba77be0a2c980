"""Taking a part of a pipeline: labels and subsets after ``#`` in its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from pipetask.butler import suggest
from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.contracts import labels_of, with_labels
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


def select(document: Document, labels: Collection[str], *, edit_subsets: bool = False) -> Document:
    """Return the document with these tasks only, and the contracts, subsets and steps that need no others.

    What is temporary is so where its maker and readers are left; else it is a result of the part.
    With ``edit_subsets``, subsets keep the labels that are left, if any: the importing document may fill
    them again. Otherwise those that lose a label, or have none, are dropped.
    """
    removed = set(document.tasks) - set(labels)
    if edit_subsets:
        subsets = {
            name: replace(s, labels=tuple(label for label in s.labels if label not in removed))
            for name, s in document.subsets.items()
        }
    else:
        subsets = {n: s for n, s in document.subsets.items() if s.labels and removed.isdisjoint(s.labels)}
    return replace(
        document,
        tasks={label: entry for label, entry in document.tasks.items() if label in labels},
        contracts=tuple(c for c in document.contracts if removed.isdisjoint(labels_of(c))),
        subsets=subsets,
        steps=tuple(step for step in document.steps if step.label in subsets),
        temporary=tuple(replace(t, is_optional=t.is_optional or bool(removed)) for t in document.temporary),
    )


def renamed(document: Document, names: Mapping[str, str]) -> Document:
    """Return the document with other labels for some tasks, in subsets and contracts too."""
    if not names:
        return document
    return replace(
        document,
        tasks={names.get(label, label): entry for label, entry in document.tasks.items()},
        contracts=tuple(with_labels(contract, names) for contract in document.contracts),
        subsets={
            name: replace(s, labels=tuple(names.get(label, label) for label in s.labels))
            for name, s in document.subsets.items()
        },
    )
