"""Exports and transfers carry definitions of composites, and of composites their parts."""

import numpy as np
import pytest
import yaml

from pipetask.butler import Butler, DatasetType, Exposure, PhotoCalib

ID = {"instrument": "Cam", "detector": 0}
DEFINITION = """
composites:
  recalibrated:
    storageClass: ExposureF
    dimensions: [detector]
    base: calexp
    components: {photoCalib: refined}
"""


@pytest.fixture
def source(tmp_path):
    butler = Butler.makeRepo(tmp_path / "source")
    butler.registry.insert_dimension_records("instrument", [{"instrument": "Cam"}])
    butler.registry.insert_dimension_records("detector", [{**ID, "full_name": "D0"}])
    for name, storage_class in (("calexp", "ExposureF"), ("refined", "PhotoCalib")):
        butler.register_dataset_type(
            DatasetType(name, ["detector"], storage_class, universe=butler.dimensions)
        )
    (tmp_path / "composites.yaml").write_text(DEFINITION)
    butler.composites.register_file(tmp_path / "composites.yaml")
    butler.collections.register("run")
    butler.put(Exposure(np.ones((2, 3), np.float32), photoCalib=PhotoCalib(1.0)), "calexp", ID, run="run")
    butler.put(PhotoCalib(2.0), "refined", ID, run="run")
    yield butler
    butler.close()


@pytest.fixture
def target(tmp_path):
    butler = Butler.makeRepo(tmp_path / "target")
    yield butler
    butler.close()


@pytest.mark.parametrize("is_put", [False, True])
def test_an_export_holds_definitions_and_parts(source, target, tmp_path, is_put):
    if is_put:
        with Butler.from_config(source.root, collections=["again", "run"], run="again") as again:
            again.put(again.get("recalibrated", ID), "recalibrated", ID)
    with source.export(directory=tmp_path / "out") as export:
        export.saveDatasets(source.query_datasets("recalibrated", ["again", "run"] if is_put else "run"))
    said = yaml.load((tmp_path / "out" / "export.yaml").read_text(), Loader=yaml.BaseLoader)
    assert {entry["name"] for entry in said["data"] if entry["type"] == "dataset_type"} == {
        "calexp",
        "refined",
    }
    for _ in range(2):  # importing again changes nothing
        target.import_(directory=tmp_path / "out")
    assert target.composites.all() == source.composites.all()
    got = target.get("recalibrated", ID, collections="run")
    assert (got.photoCalib.calibration, got.image[0, 0]) == (2.0, 1.0)


def test_a_transfer_registers_definitions_if_it_registers_types(source, target):
    refs = source.query_datasets("recalibrated", "run")
    target.transfer_from(source, refs, register_dataset_types=True, transfer_dimensions=True)
    assert target.get("recalibrated", ID, collections="run").photoCalib.calibration == 2.0
