"""Exports and transfers carry definitions of composites, and of composites their parts."""

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetType, Exposure, PhotoCalib
from pipetask.cli.main import butler as butler_command
from pipetask.errors import ExportFormatError

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


def put_again(source, value=3.0):
    """Put the composite with a calibration of its own into run ``again``."""
    with Butler.from_config(source.root, collections=["again", "run"], run="again") as again:
        exposure = again.get("recalibrated", ID)
        exposure.photoCalib = PhotoCalib(value)
        return again.put(exposure, "recalibrated", ID)


def as_it_was_put(target, ref):
    """Whether a search of its run alone finds a composite, with the parts that it was put with."""
    found = target.find_dataset("recalibrated", ID, collections="again")
    got = target.get(found)
    runs = {part.datasetType.name: part.run for part in found.all_parts()}
    return (
        found.id == ref.id
        and runs == {"calexp": "run", "refined": "again"}
        and (got.photoCalib.calibration, got.image[0, 0]) == (3.0, 1.0)
    )


def test_a_composite_that_was_put_is_exported_with_what_it_refers_to(source, target, tmp_path):
    ref = put_again(source)
    with source.export(directory=tmp_path / "out") as export:
        export.saveDatasets(source.query_datasets("recalibrated", "again"))
    for _ in range(2):
        target.import_(directory=tmp_path / "out")
    assert as_it_was_put(target, ref)


def test_a_composite_that_was_put_is_transferred_with_what_it_refers_to(source, target):
    ref = put_again(source)
    for refs in (source.query_datasets("recalibrated", "again"), [source.get_dataset(ref.id)]):
        target.transfer_from(source, refs, register_dataset_types=True, transfer_dimensions=True)
        assert as_it_was_put(target, ref)


def test_the_commands_carry_composites_that_were_put(source, target, tmp_path):
    ref = put_again(source)
    done = CliRunner().invoke(butler_command, ["export", str(source.root), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(butler_command, ["import", str(target.root), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert as_it_was_put(target, ref)
    with Butler.makeRepo(tmp_path / "third") as third:
        options = ["-d", "recalibrated", "--collections", "again", "--register-dataset-types"]
        done = CliRunner().invoke(
            butler_command, ["transfer-datasets", str(source.root), str(third.root), *options]
        )
        assert done.exit_code == 0, done.output
        assert as_it_was_put(third, ref)


def test_a_malformed_entry_of_a_composite_is_told(source, target, tmp_path):
    put_again(source)
    with source.export(directory=tmp_path / "out") as export:
        export.saveDatasets(source.query_datasets("recalibrated", "again"))
    file = tmp_path / "out" / "export.yaml"
    file.write_text(file.read_text().replace("- {dataset_id:", "- {id:"))
    with pytest.raises(ExportFormatError, match=r"entry of 'composite_datasets'.*dataset_id"):
        target.import_(directory=tmp_path / "out")
