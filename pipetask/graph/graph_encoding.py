"""What is written about a graph: a header in plain values, and Arrow tables; see `graph_file`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipetask.graph.codes import Codes
from pipetask.graph.tables import with_edges

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


def header_of(graph: QuantumGraph) -> dict[str, Any]:
    """Say in plain values all but what is in columns."""
    header = graph.header
    return {
        "universe": header.universe.to_yaml(),
        "input_collections": header.input_collections,
        "output": header.output,
        "output_run": header.output_run,
        "data_query": header.data_query,
        "id_base": f"{header.id_base:032x}",
        "change": asdict(header.change),
        "selection": dict(header.selection),
        "temporary": sorted(header.temporary),
        "clobber": header.clobber,
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


def tables_of(graph: QuantumGraph) -> Iterator[tuple[str, pa.Table]]:
    """List the columns, with the names of their members."""
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
        edges = {c.name: graph.edges[task.label, c.name] for c in with_edges(task.connections)}
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


def _code_columns(dimensions: Iterable[str], codes: Codes) -> dict[str, Any]:
    return dict(zip(dimensions, np.ascontiguousarray(codes.T), strict=True))


def _differences(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Replace ascending numbers by small ones, which compress to almost nothing."""
    return np.diff(numbers, prepend=numbers.dtype.type(0))


def _id_column(ids: npt.NDArray[np.uint8]) -> pa.Array:
    content = pa.py_buffer(np.ascontiguousarray(ids))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, content])
