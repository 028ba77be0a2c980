"""The tasks of docs/making_a_pipelinetask.md, each run by its pipeline on simulated images."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner
from photutils.aperture import ApertureStats, CircularAnnulus, CircularAperture, aperture_photometry

from pipetask import Butler, DatasetType, Mask
from pipetask.cli.main import butler as butler_command
from pipetask.cli.main import pipetask as pipetask_command
from pipetask.observation.register_instrument import register_instrument

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "pipelines" / "guide"
RADIUS = 4
IMAGE = (320, 320)


@dataclass(frozen=True)
class Survey:
    """A repository with calibrated images and catalogs in u/me/aperture, and hand-made masks in u/me/masks."""

    root: Path

    def command(self, name, *arguments, exit_code=0):
        group = {"pipetask": pipetask_command, "butler": butler_command}[name]
        done = CliRunner().invoke(group, [str(part) for part in arguments])
        assert done.exit_code == exit_code, done.output
        return done.output

    def run(
        self,
        section,
        *options,
        pipeline=None,
        output=None,
        where="visit=1001",
        inputs="u/me/masks,u/me/aperture",
        exit_code=0,
    ):
        """Run the pipeline of a section into a collection of its name, or into another."""
        return self.command(
            *("pipetask", "run", "-b", self.root, "-p", pipeline or PIPELINES / f"{section}.yaml", *options),
            *("-i", inputs, "-o", f"u/me/{output or section}", "-d", where, "--register-dataset-types"),
            exit_code=exit_code,
        )

    def get(self, name, collection="aperture", **data_id):
        with Butler.from_config(self.root, collections=f"u/me/{collection}") as butler:
            return butler.get(name, data_id, instrument="SimCam")

    def flux(self, detector=0, visit=1001, method="exact"):
        """What photutils measures at the sources of an image."""
        image, catalog = (self.get(name, visit=visit, detector=detector) for name in ("calexp", "src"))
        circles = CircularAperture(np.c_[catalog["x"], catalog["y"]], RADIUS)
        return np.asarray(aperture_photometry(image.image, circles, method=method)["aperture_sum"])


def masked(catalog, detector=0):
    """Which sources lie in the masks of the fixture."""
    return np.floor(np.asarray(catalog["y"]) + 0.5) < 100 + 50 * detector


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def survey(request, processed, tmp_path_factory):
    """The repository, its registry on each kind of database."""
    folder = tmp_path_factory.mktemp("guide")
    if request.param == "sqlite":
        yield _with_masks(shutil.copytree(processed.folder / "repo", folder / "repo"))
    else:
        server = request.getfixturevalue("postgresql_server")
        url = server.new_schema()
        yield _with_masks(_on_postgresql(folder, processed.folder / "repo", url))
        server.drop(url)


def _on_postgresql(folder, processed, url):
    """Import everything of a repository into one whose registry is on PostgreSQL."""
    with (
        Butler.from_config(processed) as source,
        source.export(directory=folder / "exported", transfer="direct") as exported,
    ):
        exported.saveDatasets(source.query_all_datasets("*"))
        for name in source.collections.query("*"):
            exported.saveCollection(name)
    database, _, schema = url.rpartition("schema=")
    with Butler.makeRepo(folder / "repo", registry_db=database.rstrip("?&"), schema=schema) as butler:
        butler.import_(directory=folder / "exported", transfer="hardlink")
        register_instrument(butler, ROOT / "examples" / "cameras" / "simcam.yaml")
    return folder / "repo"


def _with_masks(root):
    with Butler.from_config(root, run="u/me/masks", writeable=True) as butler:
        kind = DatasetType(
            "ApAreaMask", ["visit", "detector", "abstract_filter"], "Mask", universe=butler.dimensions
        )
        butler.register_dataset_type(kind)
        for visit, detector in ((1001, 0), (1001, 1), (1002, 0)):  # detector 1 of visit 1002 was forgotten
            mask = Mask.zeros(IMAGE)
            mask.array[: 100 + 50 * detector] = 1
            butler.put(mask, "ApAreaMask", instrument="SimCam", visit=visit, detector=detector)
    return Survey(root)


@pytest.fixture(autouse=True)
def guide_is_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")


def test_a_plain_task_works_on_objects_and_is_nothing_for_a_pipeline(survey, tmp_path):
    from guide.plain_task import ApertureTask, ApertureTaskConfig

    config = ApertureTaskConfig()
    config.apRad = 2
    image = survey.get("calexp", visit=1001, detector=0)
    image.image[:] = 1
    made = ApertureTask(config).run(image, Table({"x": [100.0, 200.5], "y": [50.0, 60.0]}))
    # Pixels whose centre is nearer than 2: 3 x 3 around a pixel's centre, 3 x 4 about the middle of a side.
    assert list(made["apFlux"]) == [9, 12]
    pipeline = tmp_path / "plain.yaml"
    pipeline.write_text("description: ''\ntasks:\n  aperture: guide.plain_task.ApertureTask\n")
    line = survey.command("pipetask", "build", "-p", pipeline, exit_code=2)
    assert "guide.plain_task.ApertureTask" in line
    assert "PipelineTask" in line


def test_a_config_without_connections_says_what_is_missing():
    from pipetask import PipelineTaskConfig

    with pytest.raises(TypeError, match="pipelineConnections"):
        type(PipelineTaskConfig)("ApertureTaskConfig", (PipelineTaskConfig,), {"__module__": "guide"})


def test_a_pipeline_task_is_run_on_every_image(survey):
    survey.run("pipeline_task", where="visit IN (1001, 1002)")
    for visit in (1001, 1002):
        for detector in (0, 1):
            measured = survey.get("customAperture", "pipeline_task", visit=visit, detector=detector)
            assert measured.colnames == ["apFlux"]
            expected = survey.flux(detector, visit, method="center")  # a pixel counts or it doesn't
            np.testing.assert_allclose(measured["apFlux"], expected, rtol=1e-5)


def test_the_installed_command_runs_it_too(survey, processed):
    from copy import copy

    shell = copy(processed)
    shell.environment = processed.environment | {"PYTHONPATH": str(ROOT / "examples")}
    shell(
        *("pipetask", "run", "-b", survey.root, "-p", PIPELINES / "pipeline_task.yaml", "-j", 2),
        *("-i", "u/me/aperture", "-o", "u/me/installed", "-d", "visit=1003", "--register-dataset-types"),
    )
    assert survey.get("customAperture", "installed", visit=1003, detector=1).colnames == ["apFlux"]


def test_schemas_come_in_and_go_out_before_anything_is_measured(survey):
    survey.run("schemas")
    catalog = survey.get("customAperture", "schemas", visit=1001, detector=0)
    source = survey.get("src", visit=1001, detector=0)
    assert catalog.colnames == [*source.colnames, "apFlux"]
    np.testing.assert_allclose(catalog["apFlux"], survey.flux(), rtol=1e-10)
    schema = survey.get("customAperture_schema", "schemas")
    assert len(schema) == 0
    assert schema.dtype == catalog.dtype
    assert schema["apFlux"].description == catalog["apFlux"].description != ""


def test_a_missing_schema_is_named(survey):
    data_id = {"instrument": "SimCam", "visit": 1001, "detector": 0}
    datasets = {name: survey.get(name, visit=1001, detector=0) for name in ("calexp", "src")}
    with Butler.from_config(survey.root, run="u/me/without_schema", writeable=True) as butler:
        for name, value in datasets.items():
            butler.put(value, name, data_id)
    line = survey.run("schemas", output="no_schema", inputs="u/me/without_schema", exit_code=2)
    assert "src_schema" in line


def test_a_constructor_with_initInput_says_how_it_is_spelt():
    from guide.schemas import ApertureTask

    from pipetask.errors import TaskDefinitionError

    with pytest.raises(TaskDefinitionError, match="'initInputs'"):
        type("Misspelt", (ApertureTask,), {"__init__": lambda self, config, initInput: None})


def test_the_background_is_used_if_configured(survey):
    survey.run("optional_input")
    image, catalog, background = (
        survey.get(name, visit=1001, detector=0) for name in ("calexp", "src", "calexpBackground")
    )
    places = np.c_[catalog["x"], catalog["y"]]
    shapes = CircularAperture(places, RADIUS), CircularAnnulus(places, 1.5 * RADIUS, 2.5 * RADIUS)
    inside, ring = (ApertureStats(image.image + background.image(), shape) for shape in shapes)
    measured = survey.get("customAperture", "optional_input", visit=1001, detector=0)
    expected = inside.sum - ring.mean * inside.sum_aper_area.value
    np.testing.assert_allclose(measured["apFlux"], expected, rtol=1e-6)
    assert np.median(np.abs(measured["apFlux"] - survey.flux())) > 0


def test_the_background_is_not_needed_unless_configured(survey):
    build = ("pipetask", "build", "-p", PIPELINES / "optional_input.yaml", "--show", "inputs")
    assert "calexpBackground" in survey.command(*build)
    assert "calexpBackground" not in survey.command(*build, "-c", "aperture:doLocalBackground=False")


def test_a_template_names_all_outputs_and_a_direct_name_comes_first(survey, tmp_path):
    override = tmp_path / "local_background.py"
    override.write_text(
        "config.doLocalBackground = True\n"
        "config.connections.outputName = 'customAperture_localBg'\n"
        "config.connections.outputSchema = 'different_name_schema'\n"
    )
    survey.run("templates", "-C", f"aperture:{override}")
    assert len(survey.get("different_name_schema", "templates")) == 0
    named = survey.get("customAperture_localBg", "templates", visit=1001, detector=1)
    assert "apFlux" in named.colnames


def test_a_template_without_default_is_a_type_error():
    from guide.templates import ApertureTaskConnections

    from pipetask import connectionTypes

    with pytest.raises(TypeError, match="suffix"):
        type(ApertureTaskConnections)(
            "Longer",
            (ApertureTaskConnections,),
            {"extra": connectionTypes.Output(name="{outputName}{suffix}", storageClass="SourceCatalog")},
        )


def test_sources_in_masked_areas_are_not_measured(survey):
    survey.run("area_mask")
    for detector in (0, 1):
        catalog = survey.get("customAperture", "area_mask", visit=1001, detector=detector)
        inside = masked(catalog, detector)
        assert inside.any()
        expected = np.where(inside, np.nan, survey.flux(detector))
        np.testing.assert_allclose(catalog["apFlux"], expected, rtol=1e-10)


def test_a_missing_mask_is_a_hard_error_that_names_its_type(survey):
    line = survey.run("area_mask", where="visit=1002", exit_code=2)
    assert "ApAreaMask" in line
    assert "detector: 1" in line


@pytest.mark.parametrize(
    "section", ["focal_plane", "deferred", "adjust_quantum", "adjust_quantum_in_full", "run_quantum"]
)
def test_the_catalogs_of_a_focal_plane_become_one(section, survey):
    survey.run(section)
    catalog = survey.get("customAperture_visit", section, visit=1001)
    sources = [survey.get("src", visit=1001, detector=n) for n in (0, 1)]
    expected = np.concatenate([np.where(masked(s, n), np.nan, survey.flux(n)) for n, s in enumerate(sources)])
    np.testing.assert_allclose(catalog["apFlux"], expected, rtol=1e-10)
    np.testing.assert_array_equal(catalog["id"], np.concatenate([s["id"] for s in sources]))
    schema = survey.get("customAperture_visit_schema", section)
    assert schema.dtype == catalog.dtype
    kept = sources[0].colnames if section == "focal_plane" else ["id", "x", "y", "ra", "dec"]
    assert catalog.colnames == [*kept, "apFlux"]


def test_backgrounds_pair_with_their_images(survey):
    survey.run("optional_input")
    single = [survey.get("customAperture", "optional_input", visit=1001, detector=n) for n in (0, 1)]
    expected = np.concatenate([np.where(masked(c, n), np.nan, c["apFlux"]) for n, c in enumerate(single)])
    for section in ("focal_plane", "deferred", "run_quantum"):
        survey.run(section, "-c", "focalPlane:doLocalBackground=True", output=f"{section}_local")
        flux = survey.get("customAperture_visit", f"{section}_local", visit=1001)["apFlux"]
        np.testing.assert_allclose(flux, expected, rtol=1e-10, err_msg=section)


@pytest.mark.parametrize("section", ["adjust_quantum", "adjust_quantum_in_full"])
def test_detectors_without_a_mask_are_left_out(section, survey):
    survey.run(section, where="visit=1002")
    catalog = survey.get("customAperture_visit", section, visit=1002)
    source = survey.get("src", visit=1002, detector=0)
    np.testing.assert_array_equal(catalog["id"], source["id"])
    expected = np.where(masked(source), np.nan, survey.flux(0, 1002))
    np.testing.assert_allclose(catalog["apFlux"], expected, rtol=1e-10)


def test_a_visit_without_any_mask_is_a_hard_error(survey):
    line = survey.run("focal_plane", where="visit=1003", exit_code=2)
    assert "ApAreaMask" in line


def test_a_catalog_without_rows_adds_none(survey):
    empty = survey.get("src", visit=1001, detector=1)[:0]
    with Butler.from_config(survey.root, run="u/me/empty", writeable=True) as butler:
        butler.put(empty, "src", instrument="SimCam", visit=1001, detector=1)
    survey.run("deferred", output="with_empty", inputs="u/me/empty,u/me/masks,u/me/aperture")
    catalog = survey.get("customAperture_visit", "with_empty", visit=1001)
    assert len(catalog) == len(survey.get("src", visit=1001, detector=0))


def test_one_ref_does_not_take_a_struct(survey, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "puts_a_struct.py").write_text(
        "from guide import run_quantum\n\n\n"
        "class ApertureTask(run_quantum.ApertureTask):\n"
        "    def runQuantum(self, butlerQC, inputRefs, outputRefs):\n"
        "        result = self.run([], [], [], [])\n"
        "        butlerQC.put(result, outputRefs.outputCatalog)\n"
    )
    pipeline = tmp_path / "puts_a_struct.yaml"
    original = (PIPELINES / "run_quantum.yaml").read_text()
    pipeline.write_text(original.replace("guide.run_quantum", "puts_a_struct"))
    shown = survey.run("struct", pipeline=pipeline, exit_code=1)
    assert "outputCatalog" in shown


def test_a_skymap_in_the_dimensions_is_joined_as_a_plain_product(survey, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "with_skymap.py").write_text(
        "from dataclasses import replace\n\n"
        "from guide import pipeline_task\n\n"
        "DIMENSIONS = ('visit', 'detector', 'abstract_filter', 'skymap')\n"
        "declared = pipeline_task.ApertureTaskConnections\n\n\n"
        "class Connections(declared, dimensions=DIMENSIONS):\n"
        "    outputCatalog = replace(declared.outputCatalog, name='perSkymap', dimensions=DIMENSIONS)\n\n\n"
        "class Config(pipeline_task.ApertureTaskConfig, pipelineConnections=Connections):\n"
        "    pass\n\n\n"
        "class ApertureTask(pipeline_task.ApertureTask):\n"
        "    ConfigClass = Config\n"
    )
    pipeline = tmp_path / "with_skymap.yaml"
    pipeline.write_text("description: ''\ntasks:\n  skymapped: with_skymap.ApertureTask\n")
    assert "skymap" in survey.run("skymapped", pipeline=pipeline, exit_code=3)
    for name, size in (("coarse", 300), ("fine", 150)):
        survey.command("butler", "register-skymap", survey.root, name, "--patch-size", size)
    survey.run("skymapped", pipeline=pipeline)
    found = survey.command(
        *("butler", "query-datasets", survey.root, "perSkymap", "--collections", "u/me/skymapped"),
        *("--format", "json"),
    )
    made = sorted((row["skymap"], row["visit"], row["detector"]) for row in json.loads(found))
    assert made == [("coarse", 1001, 0), ("coarse", 1001, 1), ("fine", 1001, 0), ("fine", 1001, 1)]


def test_every_module_of_the_guide_has_its_pipeline():
    modules = {path.stem for path in (ROOT / "examples" / "guide").glob("*.py")} - {"__init__", "plain_task"}
    assert modules == {path.stem for path in PIPELINES.glob("*.yaml")}
    assert (
        "guide" not in sys.modules or Path(sys.modules["guide"].__file__).parent.parent == ROOT / "examples"
    )
