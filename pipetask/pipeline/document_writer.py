"""Writing a pipeline document as YAML that reads back as an equal one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from pipetask.pipeline.document import Document, Override, TaskEntry


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
    if document.composites:
        top["composites"] = list(document.composites)
    if document.temporary:
        top["temporary"] = [
            {"datasetType": each.dataset_type, "optional": True} if each.is_optional else each.dataset_type
            for each in document.temporary
        ]
    return yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _task_as_plain(entry: TaskEntry) -> Any:
    if not entry.overrides:
        return entry.class_name
    return {"class": entry.class_name, "config": _blocks(entry.overrides)}


def _blocks(overrides: Iterable[Override]) -> list[dict[str, Any]]:
    """Group overrides into config blocks without changing their order."""
    blocks: list[dict[str, Any]] = []
    before: Override | None = None
    for override in overrides:
        key = override.name if override.kind == "value" else override.kind
        if before is None or key in blocks[-1] or not _share_a_block(before, override):
            blocks.append({})
            if override.data_id is not None:
                blocks[-1]["dataId"] = dict(override.data_id)
            if override.concatenate:
                blocks[-1]["concatenate"] = True
        blocks[-1][key] = override.value
        before = override
    return blocks


def _share_a_block(one: Override, other: Override) -> bool:
    same_terms = (one.data_id, one.concatenate) == (other.data_id, other.concatenate)
    return one.kind == other.kind == "value" and same_terms


class _Dumper(yaml.SafeDumper):
    """Writes values that occur twice twice: aliases are hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write texts of several lines, as Python code, as they are."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
