"""The reference's part of `quantum_graph.py`, run by its own Python, on SQLite after ANALYZE.

    python benchmarks/quantum_graph_peer.py make FOLDER VISITS
    python benchmarks/quantum_graph_peer.py measure FOLDER

Prints JSON; the keys are those of `quantum_graph.py`.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from functools import partial
from importlib.metadata import version
from types import new_class

from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, DataCoordinate, DatasetType, Timespan
from lsst.pipe.base import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, connectionTypes
from lsst.pipe.base.all_dimensions_quantum_graph_builder import AllDimensionsQuantumGraphBuilder
from lsst.pipe.base.pipeline_graph import PipelineGraph
from lsst.sphgeom import Region
from quantum_graph_survey import TASKS, peak_mb, survey, validity


def _fill(body: dict, namespace: dict) -> None:
    namespace.update(body)


def make(folder: str, n_visits: int) -> None:

    records, datasets, calibrations = survey(n_visits)
    keys = {
        "instrument": "name",
        "physical_filter": "name",
        "detector": "id",
        "day_obs": "id",
        "group": "name",
        "exposure": "id",
        "visit": "id",
        "skymap": "name",
        "tract": "id",
        "patch": "id",
    }
    Butler.makeRepo(folder)
    butler = Butler.from_config(folder, writeable=True)
    epoch = Time("1970-01-01T00:00:00", scale="tai", format="isot").tai

    def span(begin: int, end: int) -> Timespan:
        offset = Timespan(epoch, None).nsec[0]
        return Timespan(None, None, _nsec=(begin + offset, end + offset))

    for element, columns in records.items():
        rows = []
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            if "region" in row:
                row["region"] = Region.decode(row["region"])
            if "timespan_begin" in row:
                row["timespan"] = span(row.pop("timespan_begin"), row.pop("timespan_end"))
            if element in keys:
                row[keys[element]] = row.pop(element)
            rows.append(row)
        butler.registry.insertDimensionData(element, *rows)
    universe = butler.dimensions

    def insert(name: str, run: str, columns: dict):
        ids = [
            DataCoordinate.standardize(dict(zip(columns, row, strict=True)), universe=universe)
            for row in zip(*columns.values(), strict=True)
        ]
        butler.collections.register(run)
        return butler.registry.insertDatasets(name, ids, run=run)

    for name, (dimensions, columns) in datasets.items():
        butler.registry.registerDatasetType(
            DatasetType(name, universe.conform(dimensions), "StructuredDataDict")
        )
        insert(name, "inputs", columns)

    butler.registry.registerCollection("calib", CollectionType.CALIBRATION)
    for name, (dimensions, columns) in calibrations.items():
        kind = DatasetType(name, universe.conform(dimensions), "StructuredDataDict", isCalibration=True)
        butler.registry.registerDatasetType(kind)
        for k, (begin, end) in enumerate(validity(n_visits)):
            butler.registry.certify("calib", insert(name, f"calib/{k}", columns), span(begin, end))

    with sqlite3.connect(f"{folder}/gen3.sqlite3") as database:
        database.execute("ANALYZE")


def measure(folder: str) -> dict:

    kinds = {
        "in": connectionTypes.Input,
        "out": connectionTypes.Output,
        "pre": connectionTypes.PrerequisiteInput,
        "calib": connectionTypes.PrerequisiteInput,
    }
    graph = PipelineGraph()
    for label, (dimensions, connections) in TASKS.items():
        body = {
            name: kinds[kind](
                name=kind_name,
                storageClass="StructuredDataDict",
                dimensions=dims,
                multiple=multiple,
                **({"isCalibration": True} if kind == "calib" else {}),
            )
            for name, (kind, kind_name, dims, multiple) in connections.items()
        }
        made = new_class(label, (PipelineTaskConnections,), {"dimensions": dimensions}, partial(_fill, body))
        module = partial(_fill, {"__module__": __name__})
        config = new_class(label, (PipelineTaskConfig,), {"pipelineConnections": made}, module)
        cls = type(
            label, (PipelineTask,), {"ConfigClass": config, "_DefaultName": label, "__module__": __name__}
        )
        globals()[label] = cls
        graph.add_task(label, cls, config())
    butler = Butler.from_config(folder)
    base_mb = peak_mb()
    start = time.perf_counter()
    builder = AllDimensionsQuantumGraphBuilder(
        graph, butler, input_collections=["inputs", "calib"], output_run="out"
    )
    components = builder.finish(output="chain", attach_datastore_records=False)
    build_s = time.perf_counter() - start
    components.set_header_counts()
    return {
        "quanta": components.header.n_quanta,
        "quanta_by_task": dict(components.header.n_task_quanta),
        "seconds": {"build": build_s},
        "peak_mb": {"imports": base_mb, "built": peak_mb()},
        "versions": {name: version(name) for name in ("lsst-pipe-base", "lsst-daf-butler")},
    }


if __name__ == "__main__":
    what, folder, *visits = sys.argv[1:]
    print(json.dumps(make(folder, int(visits[0])) if what == "make" else measure(folder)))
