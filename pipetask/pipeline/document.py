"""What a pipeline document says, as values that never change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from pipetask.butler import suggest
from pipetask.errors import PipelineDocumentError
from pipetask.located_yaml import Place

_FILE_URI = "file://"


@dataclass(frozen=True, slots=True)
class Override:
    """One change to a task's configuration: a field's value, a file to run, or Python code to run.

    Parameters
    ----------
    kind : `str`
        What ``value`` is.
    name : `str`
        The field, dotted; empty for files and code.
    value
        Of the field's type; a path or code for the other kinds.
    place : `Place`, optional
        Where it was written.
    concatenate : `bool`, optional
        Add the value to the list or dictionary that the field holds, instead of replacing it.
    data_id : mapping, optional
        The data IDs that it holds for; by default all.
    """

    kind: Literal["value", "file", "python"]
    name: str
    value: Any  # whatever the field takes
    place: Place = field(default=Place("", 0), compare=False)
    concatenate: bool = field(default=False, kw_only=True)
    data_id: Mapping[str, str | int] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A task of a pipeline: its class by dotted name, and the overrides in the order of application."""

    class_name: str
    overrides: tuple[Override, ...] = ()
    place: Place = field(default=Place("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """A condition on the configurations of several tasks."""

    expression: str
    msg: str = ""
    place: Place = field(default=Place("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Subset:
    """Task labels under one name."""

    labels: tuple[str, ...]
    description: str = ""
    place: Place = field(default=Place("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A subset that is run as one campaign, split by the values of some dimensions."""

    label: str
    dimensions: tuple[str, ...] = ()
    place: Place = field(default=Place("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Temporary:
    """A dataset type that is of use within a run only."""

    dataset_type: str
    is_optional: bool = False
    """Whether a pipeline that doesn't make and read it will do, because tasks were left out."""
    place: Place = field(default=Place("", 0), compare=False)


@dataclass(frozen=True, slots=True)
class Import:
    """Another document to take tasks from."""

    location: str
    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    rename: Mapping[str, str]
    """New labels of tasks by the old ones, which ``include`` and ``exclude`` speak of."""
    contracts: bool
    steps: bool
    edit_subsets: bool
    instrument: str | None
    """Instead of the imported one; empty drops that, `None` keeps it."""
    place: Place


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a pipeline document; never modified."""

    description: str
    tasks: Mapping[str, TaskEntry]
    instrument: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)  # any YAML value
    contracts: tuple[Contract, ...] = ()
    subsets: Mapping[str, Subset] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    imports: tuple[Import, ...] = ()
    composites: tuple[str, ...] = ()
    """Definition files of the composites that tasks read and make."""
    temporary: tuple[Temporary, ...] = ()
    file: str = field(default="", compare=False)

    def check(self) -> Document:
        """Return this document; an error if its names cannot be used or lead nowhere."""
        if "parameters" in self.tasks:
            raise PipelineDocumentError(
                f"{self.tasks['parameters'].place}: a task cannot be called 'parameters': that is how "
                "parameters are set; rename it"
            )
        for name, subset in self.subsets.items():
            if name in self.tasks:
                raise PipelineDocumentError(
                    f"{subset.place}: {name!r} is the label of a task and of a subset; rename one of them"
                )
            for label in subset.labels:
                if label not in self.tasks:
                    raise PipelineDocumentError(
                        f"{subset.place}: subset {name!r} contains {label!r}, which is no task of the "
                        f"pipeline{suggest(label, self.tasks)}"
                    )
        for step in self.steps:
            if step.label not in self.subsets:
                raise PipelineDocumentError(
                    f"{step.place}: step {step.label!r} is no subset{suggest(step.label, self.subsets)}"
                )
        if not self.tasks:
            raise PipelineDocumentError(f"{self.file}: a pipeline needs at least one task")
        return self

    def with_override(self, label: str, override: Override) -> Document:
        """Return a document with one more override of the task ``label``."""
        entry = self.tasks[label]
        changed = replace(entry, overrides=(*entry.overrides, override))
        return replace(self, tasks={**self.tasks, label: changed})


def anchored(path: str, folder: Path, place: Place | str) -> str:
    """Return a path that no longer depends on the working folder; environment variables stay as they are.

    Raises
    ------
    PipelineDocumentError
        If it is the URI of something remote; the message begins with ``place``.
    """
    refuse_remote(path, place)
    return path if path.startswith(("$", "~", "/", _FILE_URI)) else str(folder.absolute() / path)


def anchored_instrument(name: str, folder: Path, place: Place | str) -> str:
    """Return the name of an instrument; that of a camera's file no longer depends on the working folder."""
    return anchored(name, folder, place) if name.endswith((".yaml", ".yml")) else name


def refuse_remote(path: str, place: Place | str) -> None:
    """Raise an error that begins with ``place`` if a path is the URI of something that is no local file."""
    if "://" in path and not path.startswith(_FILE_URI):
        raise PipelineDocumentError(
            f"{place}: {path!r} is no local file: pipelines and what they name are read from files only; "
            "copy it and name the copy"
        )


def expanded(path: str) -> str:
    """Return a path, or that of a ``file://`` URI, with environment variables and ``~`` filled in."""
    filled = os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111  (may be no valid path yet)
    return unquote(filled.removeprefix(_FILE_URI)) if filled.startswith(_FILE_URI) else filled
