"""A graph from its file: what is in columns is read when it is needed; see `graph_file`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipetask.butler import Composite, DatasetType, DimensionUniverse
from pipetask.graph.archive import MappedArchive, StoredRecords
from pipetask.graph.codes import Codes
from pipetask.graph.funnel import Funnel
from pipetask.graph.header import Header
from pipetask.graph.project import CSR
from pipetask.graph.quantum_graph import QuantumGraph
from pipetask.graph.records import RecordTable
from pipetask.graph.run_collections import ChainChange
from pipetask.graph.tables import (
    Connection,
    DatasetTable,
    Existing,
    Implied,
    Locations,
    QuantaColumns,
    Reused,
    TaskQuanta,
    with_edges,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def graph_of(file: MappedArchive, header: Mapping[str, Any]) -> QuantumGraph:
    """Make the graph that a file holds, of which only the header has been read."""
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
            header.get("selection", {}),
            frozenset(header.get("temporary", ())),
            header.get("clobber", True),
        ),
        tuple(tasks),
        _Lazy(kinds, lambda name: _dataset_table(file, kinds[name], stored[name])),
        _Lazy(
            [(task.label, c.name) for task in tasks for c in with_edges(task.connections)],
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
        locations = Locations(indptr, lambda: file.table(f"locations/{kind.name}").combine_chunks())
    existing = Existing(
        _ids(found),
        _array(found["run"]),
        tuple(stored["runs"]),
        locations,
    )
    codes = _codes(table, kind.dimensions.required)
    return DatasetTable(kind, codes, np.cumsum(_array(table["+serial"])), existing)


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
