"""Quantum graphs on disk: a zip archive of a JSON header and stored, aligned Arrow tables.

member                   content
header.json              format version, universe, collections, tasks with configurations, dataset types
values/<dimension>       the values that the codes of a dimension stand for
implied/<element>        codes of implied by codes of required dimensions
records/<element>        codes of the required dimensions in ascending order, other columns of records
quanta/<label>           codes of the required dimensions, serial number (as differences)
counts/<label>           per quantum and connection the number of datasets
edges/<label>/<name>     rows of the dataset table (as differences), one quantum after the other
datasets/<name>          codes of the required dimensions, serial number (as differences)
existing/<name>          id and run of the datasets that were there before, number of their artifacts
locations/<name>         records of these artifacts
reused/<name>            ids of datasets of earlier runs that are taken as they are

Members are read from the mapped file when they are needed; nothing in them is ever executed.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipetask.butler import Composite, DatasetType, DimensionUniverse
from pipetask.errors import GraphFileError
from pipetask.graph.archive import MappedArchive, StoredRecords, add_member, add_table
from pipetask.graph.codes import Codes
from pipetask.graph.funnel import Funnel
from pipetask.graph.project import CSR
from pipetask.graph.quantum_graph import Header, QuantumGraph
from pipetask.graph.records import RecordTable
from pipetask.graph.run_collections import ChainChange
from pipetask.graph.tables import (
    WITH_EDGES,
    Connection,
    DatasetTable,
    Existing,
    Implied,
    Locations,
    QuantaColumns,
    Reused,
    TaskQuanta,
)

FORMAT = "pipetask quantum graph"
VERSION = 1

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def save(graph: QuantumGraph, path: str | Path) -> None:
    """Write a graph to a file, which appears under its name when it is complete.

    Raises
    ------
    GraphFileError
        If the file can't be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            add_member(archive, "header.json", json.dumps(_header(graph)).encode())
            for name, table in _tables(graph):
                add_table(archive, name, table)
        temporary.replace(target)
    except BaseException as err:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(err, OSError):
            raise GraphFileError(
                f"Can't save the quantum graph to '{target}': {err.strerror or err}. Name a file in a folder "
                "that exists and may be written to."
            ) from err
        raise


def load(path: str | Path) -> QuantumGraph:
    """Open a graph file.

    Raises
    ------
    GraphFileError
        If the file is not a graph file, or of a later version.
    """
    file = MappedArchive(Path(path))
    header = _read_header(file)
    try:
        return _graph(file, header)
    except (KeyError, TypeError) as err:
        raise GraphFileError(
            f"'{file.path}' was saved by a release with other headers (no {err}). Build the graph again."
        ) from err


def _read_header(file: MappedArchive) -> dict[str, Any]:
    content = file.bytes("header.json").to_pybytes()
    try:
        header: dict[str, Any] = json.loads(content)
    except ValueError as err:
        raise GraphFileError(f"'{file.path}' is not a quantum graph file: its header is no JSON") from err
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise GraphFileError(f"'{file.path}' is not a quantum graph file: its format is not '{FORMAT}'")
    if header["version"] > VERSION:
        raise GraphFileError(
            f"'{file.path}' has format version {header['version']}; this release reads up to {VERSION}. "
            "Upgrade pipetask, or build the graph again."
        )
    return header


class _Lazy(Mapping[K, V]):
    """A mapping whose values are loaded when they are first asked for."""

    def __init__(self, keys: Iterable[K], load: Callable[[K], V]) -> None:
        self._keys = dict.fromkeys(keys)
        self._load = load
        self._loaded: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._loaded:
            if key not in self._keys:
                raise KeyError(key)
            self._loaded[key] = self._load(key)
        return self._loaded[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _header(graph: QuantumGraph) -> dict[str, Any]:
    header = graph.header
    return {
        "format": FORMAT,
        "version": VERSION,
        "universe": header.universe.to_yaml(),
        "input_collections": header.input_collections,
        "output": header.output,
        "output_run": header.output_run,
        "data_query": header.data_query,
        "id_base": f"{header.id_base:032x}",
        "change": asdict(header.change),
        "tasks": [
            {
                "label": task.label,
                "task_class": task.task_class_name,
                "config": task.config,
                "dimensions": task.dimensions.required,
                "count": task.count,
                "connections": [asdict(connection) for connection in task.connections],
            }
            for task in graph.tasks
        ],
        "dataset_types": [
            {
                "name": name,
                "dimensions": table.dataset_type.dimensions.required,
                "storage_class": table.dataset_type.storageClass,
                "is_calibration": table.dataset_type.isCalibration(),
                "runs": table.existing.runs,
                "has_locations": table.existing.locations is not None,
            }
            for name, table in graph.datasets.items()
        ],
        "dimensions": list(graph.values),
        "implied": {name: [table.required, table.implied] for name, table in graph.implied.items()},
        "records": list(graph.records),
        "composites": [composite.to_json() for composite in header.composites.values()],
        "funnel": graph.funnel.to_json(),
        "reused": {"n_quanta": dict(graph.reused.n_quanta), "dataset_types": list(graph.reused.ids)},
    }


def _tables(graph: QuantumGraph) -> Iterator[tuple[str, pa.Table]]:
    for dimension, values in graph.values.items():
        yield f"values/{dimension}", pa.table({"value": pa.array(values)})
    for element, table in graph.implied.items():
        columns = _code_columns(table.required, table.keys) | _code_columns(table.implied, table.values)
        yield f"implied/{element}", pa.table(columns)
    for element, records in graph.records.items():
        keys = _code_columns([f"#{d}" for d in records.element.required], records.source.keys())
        others = records.source.table()
        yield f"records/{element}", pa.table(keys | {name: others[name] for name in others.column_names})
    for task in graph.tasks:
        columns = _code_columns(task.dimensions.required, task.codes)
        yield f"quanta/{task.label}", pa.table(columns | {"+serial": _differences(task.columns.serials)})
        edges = {c.name: graph.edges[task.label, c.name] for c in _with_edges(task.connections)}
        counts = {name: np.diff(csr.indptr).astype(np.int32) for name, csr in edges.items()}
        yield f"counts/{task.label}", pa.table(counts)
        for name, csr in edges.items():
            yield f"edges/{task.label}/{name}", pa.table({"row": _differences(csr.indices)})
    for name, dataset in graph.datasets.items():
        columns = _code_columns(dataset.dataset_type.dimensions.required, dataset.codes)
        yield f"datasets/{name}", pa.table(columns | {"+serial": _differences(dataset.serials)})
        existing = dataset.existing
        columns = {"id": _id_column(existing.ids), "run": existing.run_index}
        if existing.locations is not None:
            columns["n_artifacts"] = np.diff(existing.locations.indptr)
            yield f"locations/{name}", existing.locations.table
        yield f"existing/{name}", pa.table(columns)
    for name, ids in graph.reused.ids.items():
        yield f"reused/{name}", pa.table({"id": _id_column(ids)})


def _with_edges(connections: Iterable[Connection]) -> list[Connection]:
    return [c for c in connections if c.kind in WITH_EDGES]


def _code_columns(dimensions: Iterable[str], codes: Codes) -> dict[str, Any]:
    return dict(zip(dimensions, np.ascontiguousarray(codes.T), strict=True))


def _differences(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Replace ascending numbers by small ones, which compress to almost nothing."""
    return np.diff(numbers, prepend=numbers.dtype.type(0))


def _graph(file: MappedArchive, header: Mapping[str, Any]) -> QuantumGraph:
    universe = DimensionUniverse.from_yaml(header["universe"])
    kinds = {
        plain["name"]: DatasetType(
            plain["name"],
            universe.conform(plain["dimensions"]),
            plain["storage_class"],
            isCalibration=plain["is_calibration"],
        )
        for plain in header["dataset_types"]
    }
    stored = {plain["name"]: plain for plain in header["dataset_types"]}
    counts = _Lazy([plain["label"] for plain in header["tasks"]], lambda label: file.table(f"counts/{label}"))
    tasks, first = [], 0
    for plain in header["tasks"]:
        connections = tuple(Connection(**connection) for connection in plain["connections"])
        dimensions = universe.conform(plain["dimensions"])
        label = plain["label"]
        tasks.append(
            TaskQuanta(
                label,
                plain["task_class"],
                plain["config"],
                dimensions,
                connections,
                first,
                plain["count"],
                partial(_quanta, file, label, dimensions.required),
            )
        )
        first += plain["count"]
    return QuantumGraph(
        Header(
            universe,
            tuple(header["input_collections"]),
            header["output"],
            header["output_run"],
            header["data_query"],
            int(header["id_base"], 16),
            _change(header["change"]),
            {made.name: made for made in map(Composite.from_json, header.get("composites", ()))},
        ),
        tuple(tasks),
        _Lazy(kinds, lambda name: _dataset_table(file, kinds[name], stored[name])),
        _Lazy(
            [(task.label, c.name) for task in tasks for c in _with_edges(task.connections)],
            lambda key: _edges(file, counts[key[0]], *key),
        ),
        _Lazy(header["dimensions"], lambda d: file.table(f"values/{d}")["value"].to_pylist()),
        _Lazy(header["implied"], lambda element: _implied(file, element, *header["implied"][element])),
        Funnel.from_json(header["funnel"]),
        {
            name: RecordTable(universe[name], StoredRecords(file, f"records/{name}"))
            for name in header["records"]
        },
        Reused(
            header["reused"]["n_quanta"],
            _Lazy(header["reused"]["dataset_types"], lambda name: _ids(file.table(f"reused/{name}"))),
        ),
    )


def _change(plain: Mapping[str, Any]) -> ChainChange:
    return ChainChange(plain["replaced"], plain["prune"], tuple(plain["rebased_on"]))


def _quanta(file: MappedArchive, label: str, dimensions: tuple[str, ...]) -> QuantaColumns:
    table = file.table(f"quanta/{label}")
    return QuantaColumns(_codes(table, dimensions), np.cumsum(_array(table["+serial"])))


def _dataset_table(file: MappedArchive, kind: DatasetType, stored: Mapping[str, Any]) -> DatasetTable:
    table = file.table(f"datasets/{kind.name}")
    found = file.table(f"existing/{kind.name}")
    locations = None
    if stored["has_locations"]:
        indptr = np.concatenate([[0], np.cumsum(_array(found["n_artifacts"]))])
        locations = Locations(indptr, file.table(f"locations/{kind.name}").combine_chunks())
    existing = Existing(
        _ids(found),
        _array(found["run"]),
        tuple(stored["runs"]),
        locations,
    )
    codes = _codes(table, kind.dimensions.required)
    return DatasetTable(kind, codes, np.cumsum(_array(table["+serial"])), existing)


def _id_column(ids: npt.NDArray[np.uint8]) -> pa.Array:
    content = pa.py_buffer(np.ascontiguousarray(ids))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, content])


def _ids(table: pa.Table) -> npt.NDArray[np.uint8]:
    ids = table["id"].combine_chunks()
    content = np.frombuffer(ids.buffers()[1] or b"", np.uint8) if len(ids) else np.empty(0, np.uint8)
    return content[ids.offset * 16 : (ids.offset + len(ids)) * 16].reshape(-1, 16)


def _edges(file: MappedArchive, counts: pa.Table, label: str, name: str) -> CSR:
    indptr = np.concatenate([[0], np.cumsum(_array(counts[name]), dtype=np.int64)])
    rows = _array(file.table(f"edges/{label}/{name}")["row"])
    return CSR(indptr, np.cumsum(rows, dtype=np.int32))


def _implied(file: MappedArchive, name: str, required: list[str], implied: list[str]) -> Implied:
    table = file.table(f"implied/{name}")
    return Implied(tuple(required), tuple(implied), _codes(table, required), _codes(table, implied))


def _codes(table: pa.Table, dimensions: Iterable[str]) -> Codes:
    names = list(dimensions)
    codes = np.empty((table.num_rows, len(names)), np.int32, order="F")
    for position, name in enumerate(names):
        codes[:, position] = _array(table[name])
    return codes


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = column.to_numpy()
    return array
