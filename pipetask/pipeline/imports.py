"""Following the imports of a pipeline document: one document of several files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.document import Document, Import, Subset, TaskEntry, expanded, read
from pipetask.pipeline.selection import expand_labels, select


def load(path: Path, opened: tuple[Path, ...] = ()) -> Document:
    """Read a file and all that it imports.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.
    opened : `tuple` of `pathlib.Path`, optional
        The files whose imports led here, to find circles.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise PipelineDocumentError(f"There is no pipeline file {str(path)!r}") from err
    except (OSError, UnicodeDecodeError) as err:
        raise PipelineDocumentError(f"Cannot read the pipeline file {str(path)!r}: {err}") from err
    return resolve(read(text, str(path), path.parent), (*opened, path.resolve()))


def resolve(document: Document, opened: tuple[Path, ...] = ()) -> Document:
    """Return the document with the tasks, contracts, subsets and parameters of its imports taken in.

    A task of the importing document replaces an imported one of the same label, or adds its overrides if the
    class is the same; its parameters and subsets win. Two imports may not bring the same label.
    """
    merged = Document(description=document.description, tasks={}, file=document.file)
    for entry in document.imports:
        merged = _joined(merged, _imported(entry, opened), entry)
    if document.instrument and merged.instrument and document.instrument != merged.instrument:
        raise PipelineDocumentError(
            f"{document.file}: its instrument is {document.instrument!r}, that of its imports "
            f"{merged.instrument!r}; give the import 'instrument: None' to drop it"
        )
    tasks = dict(merged.tasks)
    for label, task in document.tasks.items():
        tasks[label] = _added(tasks[label], task) if label in tasks else task
    return replace(
        document,
        instrument=document.instrument or merged.instrument,
        parameters={**merged.parameters, **document.parameters},
        tasks=tasks,
        contracts=(*merged.contracts, *document.contracts),
        subsets={**merged.subsets, **document.subsets},
        steps=document.steps or merged.steps,
        imports=(),
    ).check()


def _added(imported: TaskEntry, own: TaskEntry) -> TaskEntry:
    if imported.class_name != own.class_name:
        return own
    return replace(own, overrides=(*imported.overrides, *own.overrides))


def _imported(entry: Import, opened: tuple[Path, ...]) -> Document:
    path = Path(expanded(entry.location))
    if "$" in str(path):
        raise PipelineDocumentError(
            f"{entry.place}: the environment variable in {entry.location!r} is not set"
        )
    if path.resolve() in opened:
        circle = " → ".join(str(p) for p in (*opened[opened.index(path.resolve()) :], path.resolve()))
        raise PipelineDocumentError(f"{entry.place}: these documents import each other in a circle: {circle}")
    if not path.exists():
        raise PipelineDocumentError(f"{entry.place}: there is no file {str(path)!r} to import")
    document = load(path, opened)
    if entry.instrument is not None:
        document = replace(document, instrument=entry.instrument)
    if not entry.contracts:
        document = replace(document, contracts=())
    named = entry.include if entry.include is not None else entry.exclude
    if named is None:
        return document
    labels = expand_labels(document, named, str(entry.place))
    if entry.exclude is not None:
        labels = [label for label in document.tasks if label not in labels]
    if entry.edit_subsets:
        document = replace(document, subsets=_edited(document, labels))
    return select(document, labels)


def _edited(document: Document, labels: list[str]) -> dict[str, Subset]:
    subsets = {}
    for name, subset in document.subsets.items():
        if kept := tuple(label for label in subset.labels if label in labels):
            subsets[name] = replace(subset, labels=kept)
    return subsets


def _joined(merged: Document, added: Document, entry: Import) -> Document:
    for kind, here, there in (("task", merged.tasks, added.tasks), ("subset", merged.subsets, added.subsets)):
        for label in here:
            if label in there:
                raise PipelineDocumentError(
                    f"{entry.place}: {kind} {label!r} comes from two imports; exclude it from one of them"
                )
    if merged.instrument and added.instrument and merged.instrument != added.instrument:
        raise PipelineDocumentError(
            f"{entry.place}: imports have different instruments, {merged.instrument!r} and "
            f"{added.instrument!r}; give one 'instrument: None'"
        )
    return replace(
        merged,
        instrument=merged.instrument or added.instrument,
        parameters={**merged.parameters, **added.parameters},
        tasks={**merged.tasks, **added.tasks},
        contracts=(*merged.contracts, *added.contracts),
        subsets={**merged.subsets, **added.subsets},
        steps=(*merged.steps, *added.steps),
    )
