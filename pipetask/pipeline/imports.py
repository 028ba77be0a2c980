"""Following the imports of a pipeline document: one document of several files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipetask.butler import suggest
from pipetask.errors import PipelineDocumentError
from pipetask.pipeline.document import Document, Import, Step, TaskEntry, Temporary, expanded
from pipetask.pipeline.document_reader import read
from pipetask.pipeline.selection import expand_labels, renamed, select

log = logging.getLogger(__name__)

_MOST_CHARACTERS = 10_000_000  # far above any pipeline; a device never ends


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
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_MOST_CHARACTERS + 1)
    except FileNotFoundError as err:
        raise PipelineDocumentError(f"There is no pipeline file {str(path)!r}") from err
    except (OSError, UnicodeDecodeError) as err:
        raise PipelineDocumentError(f"Cannot read the pipeline file {str(path)!r}: {err}") from err
    if len(text) > _MOST_CHARACTERS:
        raise PipelineDocumentError(
            f"The file {str(path)!r} is no pipeline: it has more than {_MOST_CHARACTERS} characters"
        )
    return resolve(read(text, str(path), path.parent), (*opened, path.resolve()))


def resolve(document: Document, opened: tuple[Path, ...] = ()) -> Document:
    """Return the document with all that its imports say taken in.

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
        steps=_all_steps(merged.steps, document.steps),
        composites=tuple(dict.fromkeys((*merged.composites, *document.composites))),
        temporary=_all_temporary(merged.temporary, document.temporary),
        imports=(),
    ).check()


def _added(imported: TaskEntry, own: TaskEntry) -> TaskEntry:
    if imported.class_name != own.class_name:
        return own
    return replace(own, overrides=(*imported.overrides, *own.overrides))


def _imported(entry: Import, opened: tuple[Path, ...]) -> Document:
    document = _opened(entry, opened)
    if entry.instrument is not None:
        document = replace(document, instrument=entry.instrument)
    if not entry.contracts:
        document = replace(document, contracts=())
    if not entry.steps:
        document = replace(document, steps=())
    for label in entry.rename:
        if label not in document.tasks:
            known = suggest(label, document.tasks)
            raise PipelineDocumentError(
                f"{entry.place}: cannot rename {label!r}, which is no task of {document.file}{known}"
            )
    labels = list(document.tasks)
    if entry.include is not None:
        labels = expand_labels(document, _found(document, entry.include, entry), str(entry.place))
    elif entry.exclude is not None:
        excluded = expand_labels(document, _found(document, entry.exclude, entry), str(entry.place))
        labels = [label for label in labels if label not in excluded]
    document = select(document, labels, edit_subsets=entry.edit_subsets)
    for label in entry.rename.values():
        if label in document.tasks:
            raise PipelineDocumentError(
                f"{entry.place}: cannot rename a task to {label!r}: {document.file} has a task of that label"
            )
    return renamed(document, entry.rename)


def _found(document: Document, names: Iterable[str], entry: Import) -> list[str]:
    """Return the names that are tasks or subsets; warn of the others, which may be of another version."""
    known = {*document.tasks, *document.subsets}
    for name in names:
        if name not in known:
            log.warning(
                "%s: %r is no task or subset of %s, and is passed over%s",
                entry.place,
                name,
                document.file,
                suggest(name, known),
            )
    return [name for name in names if name in known]


def _opened(entry: Import, opened: tuple[Path, ...]) -> Document:
    path = Path(expanded(entry.location))
    if "$" in str(path):
        raise PipelineDocumentError(
            f"{entry.place}: the environment variable in {entry.location!r} is not set"
        )
    if path.resolve() in opened:
        circle = " → ".join(str(p) for p in (*opened[opened.index(path.resolve()) :], path.resolve()))
        raise PipelineDocumentError(f"{entry.place}: these documents import each other in a circle: {circle}")
    if not path.exists():
        hint = "; name labels under include, not after '#'" if "#" in path.name else ""
        raise PipelineDocumentError(f"{entry.place}: there is no file {str(path)!r} to import{hint}")
    return load(path, opened)


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
        steps=_all_steps(merged.steps, added.steps),
        composites=tuple(dict.fromkeys((*merged.composites, *added.composites))),
        temporary=_all_temporary(merged.temporary, added.temporary),
    )


def _all_temporary(first: Iterable[Temporary], more: Iterable[Temporary]) -> tuple[Temporary, ...]:
    return tuple({each.dataset_type: each for each in (*first, *more)}.values())


def _all_steps(first: Iterable[Step], more: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps of two documents in order; a step of both must be the same in both."""
    steps = {step.label: step for step in first}
    for step in more:
        other = steps.setdefault(step.label, step)
        if other != step:
            raise PipelineDocumentError(
                f"{step.place}: step {step.label!r} has dimensions {', '.join(step.dimensions) or 'none'} "
                f"here and {', '.join(other.dimensions) or 'none'} in {other.place}; import without its "
                "steps (importSteps: false)"
            )
    return tuple(steps.values())
