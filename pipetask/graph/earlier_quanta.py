"""Quanta of earlier runs whose results may be used again, and how a configuration has changed since."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import find_existing
from pipetask.graph.plan import Cause
from pipetask.task.code_version import code_version, source_digest
from pipetask.task.input_digests import artifact_digest

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.pipeline.nodes import TaskNode
    from pipetask.pipeline.pipeline_graph import PipelineGraph


@dataclass(frozen=True, slots=True)
class Earlier:
    """A quantum that was done, and what its results depend on."""

    id: UUID
    run: str
    task_class: str
    code: str
    config: str
    inputs: Mapping[str, str]
    n_outputs: int


@dataclass(frozen=True, slots=True)
class Version:
    """What all quanta of a task have in common now: to be compared with what earlier ones had."""

    code: str
    config: str
    init_inputs: Mapping[str, str]


class EarlierQuanta:
    """Finds quanta of earlier runs.

    Parameters
    ----------
    butler, codebooks
        Where to look.
    pipeline
        The tasks of today.
    collections
        Runs, and collections of datasets of runs, in the order of preference.
    inputs
        Where init-inputs that nobody makes are searched.
    """

    def __init__(
        self,
        butler: Butler,
        codebooks: Codebooks,
        pipeline: PipelineGraph,
        collections: Sequence[str],
        inputs: Sequence[str],
    ) -> None:
        self._butler = butler
        self._codebooks = codebooks
        self._pipeline = pipeline
        self._found = butler.registry.collections.resolve(collections)
        self._inputs = inputs
        self._by_label: dict[str, dict[str, list[Earlier]]] = {}
        self._versions: dict[str, Version] = {}
        self._config_causes: dict[tuple[str, str], tuple[Cause, ...]] = {}

    def of_task(self, node: TaskNode) -> Mapping[str, Sequence[Earlier]]:
        """Return the quanta of a task by data ID (JSON), the preferred ones first."""
        if node.label not in self._by_label:
            found: dict[str, list[Earlier]] = {}
            for run in self._runs(node):
                for quantum, version in self._butler.registry.provenance.versions(run, node.label):
                    earlier = Earlier(
                        quantum.id,
                        run,
                        quantum.task_class,
                        version.code,
                        version.config,
                        json.loads(version.inputs),
                        version.n_outputs,
                    )
                    found.setdefault(quantum.data_id, []).append(earlier)
            self._by_label[node.label] = found
        return self._by_label[node.label]

    def _runs(self, node: TaskNode) -> list[str]:
        """List the runs themselves, and those that datasets of other collections are from."""
        runs: dict[str, None] = {}
        metadata = self._pipeline.dataset_types[node.metadata_dataset].dataset_type
        for info in self._found:
            if info.kind == "RUN":
                runs[info.name] = None
            elif info.kind == "TAGGED":
                there = find_existing(self._butler.registry, self._codebooks, metadata, [info.name])
                runs |= dict.fromkeys(there.table.existing.runs)
        return list(runs)

    def version(self, node: TaskNode) -> Version:
        """Tell the version of a task as it is now."""
        if node.label not in self._versions:
            init = {name: self._content(edge.dataset_type) for name, edge in node.init_inputs.items()}
            code, config = code_version(node.task_class_name), source_digest(node.config.saveToString())
            self._versions[node.label] = Version(code, config, init)
        return self._versions[node.label]

    def _content(self, name: str) -> str:
        """Digest what an init-input holds, or will hold if its maker is as it was; empty if unknown."""
        producer = self._pipeline.dataset_types[name].producer
        if producer is None:
            return self._stored_content(name, self._inputs)
        node = self._pipeline.tasks[producer]
        version = self.version(node)
        for quanta in self.of_task(node).values():
            for earlier in quanta:
                given = {connection: earlier.inputs.get(connection) for connection in version.init_inputs}
                if version == Version(earlier.code, earlier.config, given) and (  # type: ignore[arg-type]
                    content := self._stored_content(name, [earlier.run])
                ):
                    return content
        return ""

    def _stored_content(self, name: str, collections: Sequence[str]) -> str:
        ref = self._butler.registry.find_dataset(name, {}, collections=collections)
        if ref is None:
            return ""
        records = self._butler.artifacts([ref.id]).get(ref.id, [])
        return artifact_digest(record.checksum or record.path for record in records)

    def changes_of_task(self, node: TaskNode, earlier: Earlier) -> Iterator[Cause]:
        """Say what about the task itself has changed."""
        now = self.version(node)
        if earlier.task_class != node.task_class_name:
            yield Cause("code", f"the class was {earlier.task_class}, is {node.task_class_name}")
        elif not now.code:
            yield Cause("code", f"the source of {node.task_class_name} can't be read")
        elif earlier.code != now.code:
            versions = f"{_short(earlier.code)} → {_short(now.code)}"
            yield Cause("code", f"{node.task_class_name} has changed ({versions})")
        if earlier.config != now.config:
            yield from self._config_changes(node, earlier.run)
        for connection, content in now.init_inputs.items():
            if not content or earlier.inputs.get(connection) != content:
                name = node.init_inputs[connection].dataset_type
                yield Cause(
                    "upstream" if self._pipeline.dataset_types[name].producer else "input",
                    f"init-input '{name}' is not known to be the same",
                )

    def _config_changes(self, node: TaskNode, run: str) -> tuple[Cause, ...]:
        key = (node.label, run)
        if key not in self._config_causes:
            before = self._config_text(node, run)
            changes = field_changes(before, node.config.saveToString()) if before else []
            texts = changes or ["another configuration"]
            self._config_causes[key] = tuple(Cause("config", text) for text in texts)
        return self._config_causes[key]

    def _config_text(self, node: TaskNode, run: str) -> str:
        try:
            text: str = self._butler.get(node.config_dataset, collections=[run]).saveToString()
        except Exception:  # removed, or its class of then does not fit the class of today
            return ""
        return text


def field_changes(before: str, after: str) -> list[str]:
    """Say which fields differ between two configurations in the form in which pex_config saves them."""
    old, new = _fields(before), _fields(after)
    return [
        f"{name} {old.get(name, '(none)')} → {new.get(name, '(none)')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _fields(text: str) -> dict[str, str]:
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            name = ast.unparse(statement.targets[0]).partition(".")[2]
            found[name] = ast.unparse(statement.value)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            name = ast.unparse(statement.value.func).partition(".")[2]
            found[name] = ", ".join(ast.unparse(word.value) for word in statement.value.keywords)
    return found


def _short(version: str) -> str:
    return version if "==" in version else version[:8] or "unknown"


def data_id_key(values: Mapping[str, Any]) -> str:
    """Write a data ID as the registry keeps it with quanta."""
    return json.dumps(dict(values))
