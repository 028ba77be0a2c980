"""Twenty-six ways to get nothing to do: the first sentence names the cause, another one what mends it."""

import numpy as np
import pytest

from pipetask.errors import (
    EmptyGraphError,
    MissingPrerequisiteError,
    NoWorkFound,
    OutputCollectionError,
    PipetaskError,
    RegistryError,
)
from pipetask.graph.builder import QuantumGraphBuilder
from pipetask.graph.data_id_tables import DataIdTable
from pipetask.graph.run_collections import resolve

SENSOR, VISIT, PATCH = ("exposure", "detector"), ("visit", "detector"), ("tract", "patch")
RAW = {"raw": ("in", "raw", SENSOR), "post": ("out", "post", SENSOR)}
CAM = "instrument = 'Cam' AND "


@pytest.fixture
def repository(new_registry, repository_on):
    """An empty repository on each kind of database."""
    repo = repository_on(new_registry())
    yield repo
    repo.registry.close()


@pytest.fixture
def isr(task):
    return {"isr": task(SENSOR, **RAW)}


@pytest.fixture
def with_bias(task):
    bias = ("pre", "bias", ("detector",), {"isCalibration": True})
    return {"isr": task(SENSOR, **RAW, bias=bias)}


@pytest.fixture
def warp(task):
    calexps = ("in", "calexp", VISIT, {"multiple": True})
    return {"warp": task(("visit", *PATCH), calexps=calexps, warp=("out", "warp", ("visit", *PATCH)))}


def build(repository, tasks, collections=("raws",), **options):
    graph = repository.pipeline(**tasks)
    options = {"output_run": "out", **options}
    return QuantumGraphBuilder(graph, repository.butler, input_collections=collections, **options).build()


def said(repository, tasks, collections=("raws",), error=EmptyGraphError, **options):
    """What the error of a fault says; an empty graph ends with exit code 3."""
    with pytest.raises(error) as caught:
        build(repository, tasks, collections, **options)
    assert caught.value.exit_code == (3 if error is EmptyGraphError else 2)
    text = str(caught.value)
    return text.splitlines()[0]


def calexps(repository, *visits):
    n = len(visits)
    repository.datasets("calexp", VISIT, "calexps", instrument=["Cam"] * n, visit=visits, detector=[0] * n)


def sky_map(repository, square, lon):
    repository.records(
        "skymap", skymap=["map"], hash=[b"1" * 20], tract_max=[1], patch_nx_max=[1], patch_ny_max=[1]
    )
    region = [square(lon)]
    repository.records("tract", skymap=["map"], tract=[0], region=region)
    repository.records("patch", skymap=["map"], tract=[0], patch=[0], cell_x=[0], cell_y=[0], region=region)


# Records


def test_an_empty_repository(repository, isr):
    text = said(repository, isr, ())
    assert text.startswith("There are no instrument records in this repository.")
    assert "butler register-instrument" in text


def test_no_visits_defined(repository, task):
    repository.records("instrument", instrument=["Cam"])
    repository.records("physical_filter", instrument=["Cam"], physical_filter=["g1"], band=["g"])
    repository.records("detector", instrument=["Cam"], detector=[0], full_name=["a"])
    repository.records("day_obs", instrument=["Cam"], day_obs=[7])
    repository.records("group", instrument=["Cam"], group=["x"])
    exposure = {"instrument": ["Cam"], "exposure": [1]}
    repository.records("exposure", **exposure, obs_id=["1"], group=["x"], physical_filter=["g1"], day_obs=[7])
    repository.datasets("raw", SENSOR, "raws", **exposure, detector=[0])
    raws = ("in", "raw", SENSOR, {"multiple": True})
    text = said(repository, {"calibrate": task(VISIT, raws=raws, out=("out", "calexp", VISIT))})
    assert text.startswith("There are no visit")
    assert "butler define-visits" in text


def test_visits_defined_for_other_exposures_only(observed, task):
    camera = {"instrument": ["Cam"], "exposure": [3]}
    observed.records(
        "exposure", **camera, obs_id=["3"], group=["x"], physical_filter=["g1"], day_obs=[20260101]
    )
    observed.datasets("raw", SENSOR, "new", **camera, detector=[0])
    raws = ("in", "raw", SENSOR, {"multiple": True})
    text = said(observed, {"calibrate": task(VISIT, raws=raws, out=("out", "calexp", VISIT))}, ("new",))
    assert text.startswith(
        "No data ID fits the visit_definition records and the 'raw' datasets in collection new"
    )
    assert "butler define-visits" in text


def test_no_sky_map_registered(observed, warp):
    calexps(observed, 1)
    text = said(observed, warp, ("calexps",))
    assert text.startswith("There are no")
    assert "butler register-skymap" in text


def test_no_overlap_on_the_sky(observed, square, warp):
    sky_map(observed, square, (50, 52))
    observed.records(
        "visit_detector_region", instrument=["Cam"], visit=[1], detector=[0], region=[square((0, 1))]
    )
    calexps(observed, 1)
    text = said(observed, warp, ("calexps",))
    assert text.startswith("No visit_detector_region and patch overlap on the sky.")
    assert "sky map" in text


def test_visits_without_regions(observed, square, warp):
    sky_map(observed, square, (0, 2))
    calexps(observed, 1)
    text = said(observed, warp, ("calexps",))
    assert text.startswith("There are no visit_detector_region records")
    assert "butler define-visits" in text


# The data query


def test_a_band_that_no_filter_has(observed, isr):
    text = said(observed, isr, where=CAM + "band = 'z'")
    assert text.startswith("Nothing in this repository matches `band = 'z'` in the data query.")
    assert "There is band 'g', 'r'." in text
    assert "butler query-dimension-records band" in text


def test_a_misspelt_instrument(observed, isr):
    text = said(observed, isr, where="instrument = 'Cm' AND detector = 0", error=RegistryError)
    assert "'Cm'" in text
    assert "did you mean 'Cam'?" in text


def test_a_detector_that_the_camera_lacks(observed, isr):
    text = said(observed, isr, where=CAM + "detector = 77")
    assert text.startswith("Nothing in this repository matches `detector = 77")
    assert "There is detector 0, 1" in text


def test_an_exposure_that_no_record_has(observed, isr):
    text = said(observed, isr, where=CAM + "exposure IN (98, 99)")
    assert text.startswith("Nothing in this repository matches `exposure IN (98, 99)")
    assert "butler query-dimension-records exposure" in text


def test_a_time_without_exposures(observed, isr):
    where = CAM + "exposure.timespan OVERLAPS (T'2030-01-01', T'2030-01-02')"
    text = said(observed, isr, where=where)
    assert text.startswith("Nothing in this repository matches `exposure.timespan OVERLAPS")
    assert "butler query-dimension-records exposure" in text


def test_a_query_that_contradicts_itself(observed, isr):
    text = said(observed, isr, where=CAM + "detector = 0 AND detector = 1")
    assert text.startswith("No data ID fits")
    assert "`detector = 0`" in text
    assert "`detector = 1`" in text
    assert "raw" not in text
    assert "(-d)" in text


def test_a_query_for_data_without_inputs(observed, isr):
    observed.records("detector", instrument=["Cam"], detector=[7], full_name=["spare"])
    text = said(observed, isr, where=CAM + "detector = 7")
    assert text.startswith(
        "No data ID fits `detector = 7` in the data query and the 'raw' datasets in collection raws"
    )
    assert "butler query-datasets raw --collections raws" in text


def test_a_table_of_data_ids_that_fits_nothing(observed, isr):
    table = DataIdTable("mine.csv", {"exposure": np.array([98]), "detector": np.array([0])})
    text = said(observed, isr, data_id_tables=[table])
    assert text.startswith("No data ID fits")
    assert "the table of data IDs 'mine.csv'" in text


# Collections


def test_an_empty_collection(observed, isr):
    observed.registry.collections.register("empty")
    text = said(observed, isr, ("empty",))
    assert text.startswith("There are no 'raw' datasets in collection empty.")
    assert "-i empty,raws" in text


def test_the_wrong_collection(observed, isr):
    calexps(observed, 1)
    assert said(observed, isr, ("calexps",)).startswith("There are no 'raw' datasets in collection calexps.")


def test_a_chain_without_the_run(observed, isr):
    observed.registry.collections.register("masks")
    observed.registry.collections.register("defaults", "CHAINED")
    observed.registry.collections.set_chain("defaults", ["masks"])
    text = said(observed, isr, ("defaults",))
    assert text.startswith("There are no 'raw' datasets in collection defaults. There are some in raws")
    assert "-i defaults,raws" in text


def test_a_tagged_collection_without_the_dataset(observed, isr):
    observed.registry.collections.register("good", "TAGGED")
    assert said(observed, isr, ("good",)).startswith("There are no 'raw' datasets in collection good.")


def test_a_collection_that_nobody_made(observed, isr):
    text = said(observed, isr, ("rows",), error=RegistryError)
    assert text.startswith("No collection 'rows'")
    assert "did you mean 'raws'?" in text


def test_inputs_in_another_order_than_in_the_chain(observed):
    collections = observed.registry.collections
    collections.register("more")
    collections.register("out", "CHAINED")
    collections.set_chain("out", ["more", "raws"])
    with pytest.raises(OutputCollectionError) as caught:
        resolve(observed.butler, inputs=["raws", "more"], output="out")
    assert str(caught.value).startswith("Collection 'out' exists with the inputs more,raws, not raws,more.")


def test_a_dataset_type_that_nobody_registered(observed, task):
    text = said(observed, {"t": task(SENSOR, raw=("in", "rwa", SENSOR), post=RAW["post"])})
    assert text.startswith(
        "There are no 'rwa' datasets in collection raws. Nobody registered a dataset type 'rwa'"
    )
    assert "did you mean 'raw'?" in text


def test_two_inputs_that_never_exist_together(observed, task):
    for name, exposure in (("mask", 1), ("dark", 2)):
        observed.datasets(name, SENSOR, "masks", instrument=["Cam"], exposure=[exposure], detector=[0])
    both = task(SENSOR, **RAW, mask=("in", "mask", SENSOR), dark=("in", "dark", SENSOR))
    text = said(observed, {"isr": both}, ("raws", "masks"))
    assert text.startswith(
        "No data ID fits the 'mask' datasets in collections raws, masks and the 'dark' datasets"
    )
    assert "'raw'" not in text


# Prerequisites and calibrations


def test_a_calibration_out_of_its_validity(observed, with_bias):
    ids = observed.datasets(
        "bias", ("detector",), "biases", isCalibration=True, instrument=["Cam"] * 2, detector=[0, 1]
    )
    observed.certify("calib", ids, 300, 400)
    text = said(observed, with_bias, ("raws", "calib"), error=MissingPrerequisiteError)
    assert text.startswith(
        "Task 'isr' needs 1 prerequisite 'bias' for {instrument: 'Cam', detector: 0, exposure: 1}"
    )
    assert "those for its data ID are valid in" in text
    assert text.endswith("Certify one for it with: butler certify-calibrations")


def test_calibrations_that_were_never_certified(observed, with_bias):
    observed.datasets(
        "bias", ("detector",), "biases", isCalibration=True, instrument=["Cam"] * 2, detector=[0, 1]
    )
    text = said(observed, with_bias, error=MissingPrerequisiteError)
    assert "These hold no 'bias' at all. There are some in biases" in text


def test_a_prerequisite_that_is_nowhere(observed, task):
    text = said(
        observed,
        {"isr": task(SENSOR, **RAW, mask=("pre", "mask", ("detector",)))},
        error=MissingPrerequisiteError,
    )
    assert text.startswith("Task 'isr' needs 1 prerequisite 'mask'")
    assert "Nobody registered a dataset type 'mask'." in text


def test_a_reference_catalog_of_another_part_of_the_sky(sky, task):
    sky.datasets("ref", ("htm7",), "refs", htm7=[32768])
    calexps(sky, 1)
    match = task(
        VISIT,
        calexp=("in", "calexp", VISIT),
        ref=("pre", "ref", ("htm7",), {"multiple": True}),
        out=("out", "matched", VISIT),
    )
    text = said(sky, {"match": match}, ("calexps", "refs"), error=MissingPrerequisiteError)
    assert text.startswith(
        "Task 'match' needs 1 prerequisite 'ref' for {instrument: 'Cam', detector: 0, visit: 1}"
    )
    assert "The ones that exist are for htm7 32768" in text


# Tasks


def test_a_veto_by_adjust_quantum(observed, task):
    def veto(self, inputs, outputs, label, data_id):
        raise NoWorkFound("too cloudy")

    text = said(observed, {"isr": task(SENSOR, **RAW, adjust=veto)})
    assert text.startswith("No quantum of task 'isr' is left after adjustQuantum: 4 were dropped")
    assert "too cloudy" in text
    assert "--why isr 'instrument=Cam, detector=0, exposure=1'" in text


def test_too_few_inputs_for_every_quantum(observed, task):
    raws = ("in", "raw", SENSOR, {"multiple": True, "minimum": 5})
    text = said(observed, {"isr": task(("exposure",), raws=raws, out=("out", "o", ("exposure",)))})
    assert text.startswith("No quantum of task 'isr' is left with enough inputs and prerequisites")
    assert "lack input 'raws'" in text


def test_everything_done_before(observed, isr):
    every = {"instrument": ["Cam"] * 4, "exposure": [1, 1, 2, 2], "detector": [0, 1, 0, 1]}
    observed.datasets("isr_metadata", SENSOR, "done", storage_class="TaskMetadata", **every)
    text = said(observed, isr, skip_existing_in=["done"])
    assert text == "Nothing is left to do: all 4 quanta were done before."


def test_an_init_input_that_is_nowhere(observed, task):
    text = said(observed, {"isr": task(SENSOR, **RAW, schema=("init_in", "schema", ()))}, error=PipetaskError)
    assert text.startswith("Task 'isr'")
    assert "needs init-input 'schema' (connection 'schema'), which is not in collections raws." in text
