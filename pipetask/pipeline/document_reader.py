"""Reading a pipeline document from YAML; each value that does not fit is refused with its line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipetask.errors import PipelineDocumentError
from pipetask.located_yaml import Node, parse
from pipetask.pipeline.document import (
    Contract,
    Document,
    Import,
    Override,
    Step,
    Subset,
    TaskEntry,
    Temporary,
    anchored,
    anchored_instrument,
)

KEYS = (
    "description",
    "instrument",
    "imports",
    "parameters",
    "tasks",
    "contracts",
    "subsets",
    "steps",
    "composites",
    "temporary",
)
TASK_KEYS = ("class", "config")
BLOCK_KEYS = ("file", "python", "dataId", "concatenate")
IMPORT_KEYS = (
    "location",
    "include",
    "exclude",
    "rename",
    "importContracts",
    "importSteps",
    "instrument",
    "labeledSubsetModifyMode",
)


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
    top = _given(root.mapping("a pipeline document", KEYS))
    if "description" not in top:
        raise root.error("a pipeline needs a description")
    tasks = top["tasks"].mapping("tasks") if "tasks" in top else {}
    subsets = top["subsets"].mapping("subsets") if "subsets" in top else {}
    return Document(
        description=top["description"].text("description"),
        instrument=_instrument(top["instrument"], folder) if "instrument" in top else "",
        parameters=_parameters(top.get("parameters")),
        tasks={label: _task(label, node, folder) for label, node in tasks.items()},
        contracts=tuple(_contract(node) for node in _items(top, "contracts")),
        subsets={name: _subset(name, node) for name, node in subsets.items()},
        steps=_steps(_items(top, "steps")),
        imports=tuple(_import(node, folder) for node in _items(top, "imports")),
        composites=tuple(
            anchored(node.text("a file of composites"), folder, node.place)
            for node in _items(top, "composites")
        ),
        temporary=_temporary(_items(top, "temporary")),
        file=file,
    )


def _given(entries: Mapping[str, Node]) -> dict[str, Node]:
    """Drop keys without a value: they say as much as those that are not there."""
    return {key: node for key, node in entries.items() if node.value is not None}


def _items(top: Mapping[str, Node], key: str) -> list[Node]:
    return top[key].items() if key in top else []


def _instrument(node: Node, folder: Path) -> str:
    return anchored_instrument(node.text("instrument"), folder, node.place)


def _parameters(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    return {name: value.plain() for name, value in node.mapping("parameters").items()}


def _task(label: str, node: Node, folder: Path) -> TaskEntry:
    what = f"task {label!r}"
    if isinstance(node.value, str):
        return TaskEntry(node.value, (), node.place)
    entry = _given(node.mapping(what, TASK_KEYS))
    if "class" not in entry:
        raise node.error(f"{what} has no class")
    overrides: list[Override] = []
    for block in entry["config"].items() if "config" in entry else []:
        overrides += _overrides(what, block, folder)
    return TaskEntry(entry["class"].text(f"class of {what}"), tuple(overrides), node.place)


def _overrides(what: str, block: Node, folder: Path) -> list[Override]:
    """Read one config block: files are applied first, then Python, then values."""
    given = block.mapping(f"config of {what}")
    special = _given({key: node for key, node in given.items() if key in BLOCK_KEYS})
    held_by = _data_id(special["dataId"], what) if "dataId" in special else None
    concatenate = _flag(special, "concatenate", default=False)
    found: list[Override] = []
    for node in _items(special, "file"):
        path = anchored(node.text(f"config file of {what}"), folder, node.place)
        found.append(Override("file", "", path, node.place, data_id=held_by))
    if "python" in special:
        code = special["python"]
        found.append(Override("python", "", code.text(f"python of {what}"), code.place, data_id=held_by))
    for name, node in given.items():
        if name not in BLOCK_KEYS:
            value = node.plain()
            found.append(Override("value", name, value, node.place, concatenate=concatenate, data_id=held_by))
    return found


def _data_id(node: Node, what: str) -> dict[str, str | int] | None:
    values = {name: value.plain() for name, value in node.mapping(f"dataId of {what}").items()}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise node.error(f"{name!r} in the dataId of {what} takes one name or number, not {value!r}")
    return values or None


def _flag(entry: Mapping[str, Node], key: str, *, default: bool) -> bool:
    value = entry[key].value if key in entry else default
    if not isinstance(value, bool):
        raise entry[key].error(f"{key} is true or false, not {entry[key].plain()!r}")
    return value


def _contract(node: Node) -> Contract:
    if isinstance(node.value, str):
        return Contract(node.value, "", node.place)
    entry = _given(node.mapping("a contract", ("contract", "msg")))
    if "contract" not in entry:
        raise node.error("a contract has no key 'contract'")
    message = entry["msg"].text("msg of a contract") if "msg" in entry else ""
    return Contract(entry["contract"].text("a contract"), message, node.place)


def _subset(name: str, node: Node) -> Subset:
    what = f"subset {name!r}"
    if not isinstance(node.value, dict):
        return Subset(tuple(dict.fromkeys(node.texts(what))), place=node.place)
    entry = _given(node.mapping(what, ("subset", "description")))
    if "subset" not in entry:
        raise node.error(f"{what} has no key 'subset'")
    description = entry["description"].text(f"description of {what}") if "description" in entry else ""
    return Subset(tuple(dict.fromkeys(entry["subset"].texts(what))), description, node.place)


def _step(node: Node) -> Step:
    entry = node.mapping("a step", ("label", "dimensions", "sharding_dimensions"))
    if "label" not in entry:
        raise node.error("a step has no key 'label'")
    dimensions = entry.get("dimensions", entry.get("sharding_dimensions"))
    names = dimensions.texts("dimensions of a step") if dimensions else []
    return Step(entry["label"].text("label of a step"), tuple(names), node.place)


def _steps(nodes: list[Node]) -> tuple[Step, ...]:
    found: dict[str, Step] = {}
    for node in nodes:
        step = _step(node)
        if step.label in found:
            raise node.error(
                f"step {step.label!r} is here twice, first in line {found[step.label].place.line}"
            )
        found[step.label] = step
    return tuple(found.values())


def _temporary(nodes: list[Node]) -> tuple[Temporary, ...]:
    found: dict[str, Temporary] = {}
    for node in nodes:
        entry = {"datasetType": node}
        if not isinstance(node.value, str):
            entry = _given(node.mapping("a temporary", ("datasetType", "optional")))
        if "datasetType" not in entry:
            raise node.error("a temporary has no key 'datasetType'")
        name = entry["datasetType"].text("the name of a temporary")
        found[name] = Temporary(name, _flag(entry, "optional", default=False), node.place)
    return tuple(found.values())


def _import(node: Node, folder: Path) -> Import:
    entry = {"location": node} if isinstance(node.value, str) else node.mapping("an import", IMPORT_KEYS)
    if "location" not in entry:
        raise node.error("an import has no key 'location'")
    if "include" in entry and "exclude" in entry:
        raise node.error("an import takes include or exclude, not both")
    mode = entry["labeledSubsetModifyMode"].value if "labeledSubsetModifyMode" in entry else "DROP"
    if mode not in ("DROP", "EDIT"):
        raise node.error(f"labeledSubsetModifyMode is DROP or EDIT, not {mode!r}")
    instrument = None
    if "instrument" in entry:
        named = entry["instrument"].value not in (None, "", "None")
        instrument = _instrument(entry["instrument"], folder) if named else ""
    return Import(
        location=anchored(entry["location"].text("location of an import"), folder, node.place),
        include=tuple(entry["include"].texts("include")) if "include" in entry else None,
        exclude=tuple(entry["exclude"].texts("exclude")) if "exclude" in entry else None,
        rename=_renamed(entry["rename"]) if "rename" in entry else {},
        contracts=_flag(entry, "importContracts", default=True),
        steps=_flag(entry, "importSteps", default=True),
        edit_subsets=mode == "EDIT",
        instrument=instrument,
        place=node.place,
    )


def _renamed(node: Node) -> dict[str, str]:
    names = {old: new.text("a new label") for old, new in node.mapping("rename").items()}
    for label in names.values():
        if label in names or list(names.values()).count(label) > 1:
            raise node.error(
                f"rename cannot give the label {label!r} twice, or to a task that is renamed too"
            )
    return names
