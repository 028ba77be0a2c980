"""What a pipeline document says: reading it from YAML, writing it as YAML."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from pipetask.butler import suggest
from pipetask.errors import PipelineDocumentError
from pipetask.located_yaml import Node, Place, parse

KEYS = ("description", "instrument", "imports", "parameters", "tasks", "contracts", "subsets", "steps")
TASK_KEYS = ("class", "config")
IMPORT_KEYS = ("location", "include", "exclude", "importContracts", "instrument", "labeledSubsetModifyMode")


@dataclass(frozen=True, slots=True)
class Override:
    """One change to a task's configuration: a field's value, a file to run, or Python code to run."""

    kind: Literal["value", "file", "python"]
    name: str
    value: Any  # of the field's type; a path or code for the other kinds
    place: Place = field(default=Place("", 0), compare=False)


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


@dataclass(frozen=True, slots=True)
class Step:
    """A subset that is run as one campaign, split by the values of some dimensions."""

    label: str
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """Another document to take tasks from."""

    location: str
    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None
    contracts: bool
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
    file: str = field(default="", compare=False)

    def check(self) -> Document:
        """Return this document; an error if subsets or steps name what is not there."""
        for name, subset in self.subsets.items():
            if name in self.tasks:
                raise PipelineDocumentError(f"{self.file}: {name!r} is the label of a task and of a subset")
            for label in subset.labels:
                if label not in self.tasks:
                    raise PipelineDocumentError(
                        f"{self.file}: subset {name!r} contains {label!r}, which is no task of the pipeline"
                        f"{suggest(label, self.tasks)}"
                    )
        for step in self.steps:
            if step.label not in self.subsets:
                raise PipelineDocumentError(
                    f"{self.file}: step {step.label!r} is no subset{suggest(step.label, self.subsets)}"
                )
        if not self.tasks:
            raise PipelineDocumentError(f"{self.file}: a pipeline needs at least one task")
        return self

    def with_override(self, label: str, override: Override) -> Document:
        """Return a document with one more override of the task ``label``."""
        entry = self.tasks[label]
        changed = replace(entry, overrides=(*entry.overrides, override))
        return replace(self, tasks={**self.tasks, label: changed})


def read(text: str, file: str, folder: Path) -> Document:
    """Read a document without following its imports.

    Parameters
    ----------
    text : `str`
        The YAML text.
    file : `str`
        What to call it in messages.
    folder : `pathlib.Path`
        What relative file names in it start from.
    """
    root = parse(text, file, PipelineDocumentError)
    top = root.mapping("a pipeline document", KEYS)
    if "description" not in top:
        raise root.error("a pipeline needs a description")
    tasks = top["tasks"].mapping("tasks") if "tasks" in top else {}
    subsets = top["subsets"].mapping("subsets") if "subsets" in top else {}
    return Document(
        description=top["description"].text("description"),
        instrument=top["instrument"].text("instrument") if "instrument" in top else "",
        parameters=_parameters(top.get("parameters")),
        tasks={label: _task(label, node, folder) for label, node in tasks.items()},
        contracts=tuple(_contract(node) for node in _items(top, "contracts")),
        subsets={name: _subset(name, node) for name, node in subsets.items()},
        steps=tuple(_step(node) for node in _items(top, "steps")),
        imports=tuple(_import(node, folder) for node in _items(top, "imports")),
        file=file,
    )


def _items(top: Mapping[str, Node], key: str) -> list[Node]:
    return top[key].items() if key in top else []


def _parameters(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    return {name: value.plain() for name, value in node.mapping("parameters").items()}


def _task(label: str, node: Node, folder: Path) -> TaskEntry:
    what = f"task {label!r}"
    if isinstance(node.value, str):
        return TaskEntry(node.value, (), node.place)
    entry = node.mapping(what, TASK_KEYS)
    if "class" not in entry:
        raise node.error(f"{what} has no class")
    overrides: list[Override] = []
    for block in entry["config"].items() if "config" in entry else []:
        overrides += _overrides(what, block, folder)
    return TaskEntry(entry["class"].text(f"class of {what}"), tuple(overrides), node.place)


def _overrides(what: str, block: Node, folder: Path) -> list[Override]:
    """Read one config block: files are applied first, then Python, then values."""
    given = dict(block.mapping(f"config of {what}"))
    if "dataId" in given:
        raise given["dataId"].error(f"config of {what} depends on a data ID, which is not supported")
    files, python = given.pop("file", None), given.pop("python", None)
    found: list[Override] = []
    if files is not None:
        for node in files.items():
            path = anchored(node.text(f"config file of {what}"), folder)
            found.append(Override("file", "", path, node.place))
    if python is not None:
        found.append(Override("python", "", python.text(f"python of {what}"), python.place))
    found += [Override("value", name, node.plain(), node.place) for name, node in given.items()]
    return found


def anchored(path: str, folder: Path) -> str:
    """Return a path that no longer depends on the working folder; environment variables stay as they are."""
    return path if path.startswith(("$", "~", "/")) else str(folder.absolute() / path)


def expanded(path: str) -> str:
    """Return a path with environment variables and ``~`` filled in."""
    return os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111  (may be no valid path yet)


def _contract(node: Node) -> Contract:
    if isinstance(node.value, str):
        return Contract(node.value, "", node.place)
    entry = node.mapping("a contract", ("contract", "msg"))
    if "contract" not in entry:
        raise node.error("a contract has no key 'contract'")
    message = entry["msg"].text("msg of a contract") if "msg" in entry else ""
    return Contract(entry["contract"].text("a contract"), message, node.place)


def _subset(name: str, node: Node) -> Subset:
    what = f"subset {name!r}"
    if not isinstance(node.value, dict):
        return Subset(tuple(dict.fromkeys(node.texts(what))))
    entry = node.mapping(what, ("subset", "description"))
    if "subset" not in entry:
        raise node.error(f"{what} has no key 'subset'")
    description = entry["description"].text(f"description of {what}") if "description" in entry else ""
    return Subset(tuple(dict.fromkeys(entry["subset"].texts(what))), description)


def _step(node: Node) -> Step:
    entry = node.mapping("a step", ("label", "dimensions", "sharding_dimensions"))
    if "label" not in entry:
        raise node.error("a step has no key 'label'")
    dimensions = entry.get("dimensions", entry.get("sharding_dimensions"))
    names = dimensions.texts("dimensions of a step") if dimensions else []
    return Step(entry["label"].text("label of a step"), tuple(names))


def _import(node: Node, folder: Path) -> Import:
    entry = {"location": node} if isinstance(node.value, str) else node.mapping("an import", IMPORT_KEYS)
    if "location" not in entry:
        raise node.error("an import has no key 'location'")
    if "include" in entry and "exclude" in entry:
        raise node.error("an import takes include or exclude, not both")
    mode = entry["labeledSubsetModifyMode"].value if "labeledSubsetModifyMode" in entry else "DROP"
    if mode not in ("DROP", "EDIT"):
        raise node.error(f"labeledSubsetModifyMode is DROP or EDIT, not {mode!r}")
    contracts = entry["importContracts"].value if "importContracts" in entry else True
    if not isinstance(contracts, bool):
        raise entry["importContracts"].error(f"importContracts is true or false, not {contracts!r}")
    instrument = None
    if "instrument" in entry:
        instrument = entry["instrument"].value or ""
        instrument = "" if instrument == "None" else str(instrument)
    return Import(
        location=anchored(entry["location"].text("location of an import"), folder),
        include=tuple(entry["include"].texts("include")) if "include" in entry else None,
        exclude=tuple(entry["exclude"].texts("exclude")) if "exclude" in entry else None,
        contracts=contracts,
        edit_subsets=mode == "EDIT",
        instrument=instrument,
        place=node.place,
    )


def to_yaml(document: Document) -> str:
    """Write a document, imports resolved, as YAML that reads back as an equal one."""
    top: dict[str, Any] = {"description": document.description}
    if document.instrument:
        top["instrument"] = document.instrument
    if document.parameters:
        top["parameters"] = dict(document.parameters)
    top["tasks"] = {label: _task_as_plain(entry) for label, entry in document.tasks.items()}
    if document.contracts:
        top["contracts"] = [
            {"contract": c.expression, "msg": c.msg} if c.msg else c.expression for c in document.contracts
        ]
    if document.subsets:
        top["subsets"] = {
            name: {"subset": list(s.labels), "description": s.description}
            if s.description
            else list(s.labels)
            for name, s in document.subsets.items()
        }
    if document.steps:
        top["steps"] = [{"label": s.label, "dimensions": list(s.dimensions)} for s in document.steps]
    return yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _task_as_plain(entry: TaskEntry) -> Any:
    if not entry.overrides:
        return entry.class_name
    return {"class": entry.class_name, "config": _blocks(entry.overrides)}


def _blocks(overrides: Iterable[Override]) -> list[dict[str, Any]]:
    """Group overrides into config blocks without changing their order."""
    blocks: list[dict[str, Any]] = []
    kind = ""
    for override in overrides:
        key = override.name if override.kind == "value" else override.kind
        if override.kind != "value" or kind != "value" or key in blocks[-1]:
            blocks.append({})
        blocks[-1][key] = override.value
        kind = override.kind
    return blocks


class _Dumper(yaml.SafeDumper):
    """Writes values that occur twice twice: aliases are hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
