"""A repository of exposures that composites are made of, and graphs on it."""

import numpy as np
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from pipetask.butler import Butler, DatasetType, Exposure, PhotoCalib, Timespan
from pipetask.execution.run_graph import run_graph
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.pipeline.pipeline import Pipeline

DETECTOR = ("instrument", "visit", "detector")
VISITS, DETECTORS, TRACTS = (1, 2), (0, 1), (0, 1)
SKY = ConvexPolygon(
    [UnitVector3d(LonLat.fromDegrees(*corner)) for corner in ((0, 0), (1, 0), (1, 1), (0, 1))]
)
DEFINITIONS = """
composites:
  jointcal_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector, tract]
    base: calexp
    components:
      photoCalib: jointcal_calib
  final_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components:
      photoCalib: {datasetType: visit_calib, writeOnce: true}
"""


class CompositeRepo:
    """A repository of exposures: pixels of visit v, detector d are 10 v + d, their calibration is 1."""

    def __init__(self, root, registry_db=None):
        self.butler = Butler.makeRepo(root, registry_db=registry_db)
        insert = self.butler.registry.insert_dimension_records
        cam = {"instrument": "Cam"}
        insert("instrument", [cam])
        insert("detector", [{**cam, "detector": d, "full_name": f"D{d}"} for d in DETECTORS])
        insert("physical_filter", [{**cam, "physical_filter": "Cam-r", "band": "r"}])
        insert("day_obs", [{**cam, "day_obs": 20300101}])
        common = {**cam, "day_obs": 20300101, "physical_filter": "Cam-r"}
        insert(
            "visit",
            [
                {**common, "visit": v, "name": f"v{v}", "timespan": Timespan.from_ns(10 * v, 10 * v + 1)}
                for v in VISITS
            ],
        )
        insert("skymap", [{"skymap": "map", "hash": b"1" * 20, "tract_max": 2}])
        insert("tract", [{"skymap": "map", "tract": t, "region": SKY} for t in TRACTS])
        insert(
            "visit_detector_region",
            [{**cam, "visit": v, "detector": d, "region": SKY} for v in VISITS for d in DETECTORS],
        )
        for name, dimensions, storage_class in (
            ("calexp", DETECTOR, "ExposureF"),
            ("visit_calib", ["visit"], "PhotoCalib"),
        ):
            self.register(name, dimensions, storage_class)
        self.butler.collections.register("data")
        for v in VISITS:
            for d in DETECTORS:
                exposure = Exposure(np.full((4, 5), 10 * v + d, np.float32), photoCalib=PhotoCalib(1.0))
                self.butler.put(exposure, "calexp", {**cam, "visit": v, "detector": d}, run="data")

    def register(self, name, dimensions, storage_class, *, is_calibration=False):
        kind = DatasetType(
            name,
            dimensions,
            storage_class,
            universe=self.butler.dimensions,
            isCalibration=is_calibration,
        )
        self.butler.register_dataset_type(kind)

    def define(self, text, folder):
        path = folder / "composites.yaml"
        path.write_text(text)
        return self.butler.composites.register_file(path)

    def pipeline(self, text, **config):
        pipeline = Pipeline.from_string(text)
        for name, value in config.items():
            pipeline = pipeline.with_config_override(*name.split("__"), value)
        return pipeline

    def builder(self, text, run="out/run", where="skymap = 'map'", inputs=("data",), config=None, **options):
        return QuantumGraphBuilder(
            self.pipeline(text, **(config or {})).graph_in(self.butler),
            self.butler,
            input_collections=inputs,
            output_run=run,
            output="out",
            where=where,
            **options,
        )

    def run(self, graph, processes=1, **options):
        return run_graph(graph, self.butler, processes=processes, register_dataset_types=True, **options)
