"""A small repository: one instrument, four detectors, exposures and visits 1 to 3, two runs."""

import os
import shutil

import numpy as np
import pytest
from astropy.time import Time

from pipetask.butler import Butler, DatasetType, Timespan
from pipetask.butler.new_repository import new_repository


def day(number):
    return Time(f"2030-01-0{number}T00:00:00", scale="tai")


def fill(butler):
    """Put the records, dataset types and runs of a small repository into an empty one."""
    insert = butler.registry.insert_dimension_records
    cam = {"instrument": "Cam"}
    insert("instrument", [{**cam, "detector_max": 4}])
    insert("detector", [{**cam, "detector": i, "full_name": f"D{i}"} for i in range(4)])
    insert("physical_filter", [{**cam, "physical_filter": "Cam-r", "band": "r"}])
    insert("day_obs", [{**cam, "day_obs": 20300101, "timespan": Timespan(day(1), day(2))}])
    insert("group", [{**cam, "group": str(i)} for i in (1, 2, 3)])
    common = {**cam, "physical_filter": "Cam-r", "day_obs": 20300101}
    for i in (1, 2, 3):
        times = Timespan(day(i), day(i + 1))
        insert("exposure", [{**common, "exposure": i, "group": str(i), "obs_id": f"e{i}", "timespan": times}])
        insert(
            "visit", [{**common, "visit": i, "name": f"v{i}", "timespan": times, "exposure_time": 10.0 * i}]
        )
    types = [
        DatasetType("notes", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions),
        DatasetType("table", ["visit", "detector"], "SourceCatalog", universe=butler.dimensions),
        DatasetType("calexp", ["visit", "detector"], "ExposureF", universe=butler.dimensions),
        DatasetType("config", [], "StructuredDataDict", universe=butler.dimensions),
        DatasetType(
            "flat",
            ["instrument", "detector"],
            "StructuredDataDict",
            universe=butler.dimensions,
            isCalibration=True,
        ),
    ]
    for dataset_type in types:
        butler.register_dataset_type(dataset_type)
    for run in ("first", "second"):
        butler.collections.register(run)


@pytest.fixture(scope="session")
def repository_folder(tmp_path_factory):
    """A repository without datasets, made once; tests work on copies."""
    folder = tmp_path_factory.mktemp("template") / "repo"
    with Butler.makeRepo(folder) as butler:
        fill(butler)
    return folder


@pytest.fixture
def repo_backend():
    """Kind of database that repositories have; modules whose tests are to run on both override it."""
    return "sqlite"


@pytest.fixture
def postgresql_repository(request, tmp_path):
    """Makes empty repositories whose registry is in PostgreSQL, in schemas that are emptied, not made anew."""

    def make(name):
        server, empty = (request.getfixturevalue(each) for each in ("postgresql_server", "emptied"))
        url = server.of_schema(f"{name}_{os.getpid()}")
        empty(url)
        made = new_repository(tmp_path / name, url)
        made.write_config()
        return Butler(made.repository)

    return make


@pytest.fixture
def repo(repo_backend, request, tmp_path):
    """Writeable butler of a repository without datasets."""
    if repo_backend == "postgresql":
        with request.getfixturevalue("postgresql_repository")("repo") as butler:
            fill(butler)
            yield butler
        return
    shutil.copytree(request.getfixturevalue("repository_folder"), tmp_path / "repo")
    with Butler.from_config(tmp_path / "repo", writeable=True) as butler:
        yield butler


@pytest.fixture
def image_of_ones():
    from pipetask.butler import Exposure

    return Exposure(np.ones((6, 8), dtype=np.float32))
