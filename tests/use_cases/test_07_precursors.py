"""Use case 7: components of the exposures that a coadd was made of, found by what the coadd says they were."""

from pathlib import Path
from urllib.parse import urlparse

import pytest
from astropy.table import Table

from pipetask.butler import Butler, DatasetRef, FileDataset
from pipetask.errors import MissingPartError
from pipetask.reports.lineage import trace
from pipetask.reports.lineage_drawing import lineage_dot, lineage_page, lineage_text

CAM = {"instrument": "Cam"}
ID = {"skymap": "s", "tract": 0, "patch": 0, "band": "r"}
DEFINITION = """
composites:
  coaddInputs:
    python: types.SimpleNamespace
    dimensions: [tract, patch, band]
    components:
      coadd: deepCoadd.bbox
      psf: {datasetType: calexp.psf, dataIdsFrom: deepCoadd.inputs}
      wcs: {datasetType: calexp.wcs, dataIdsFrom: deepCoadd.inputs}
"""


def put_coadd(repo, make, **columns):
    coadd = make.exposure(1)
    coadd.inputs = Table(columns)
    return repo.put(coadd, "deepCoadd", ID, run="later")


def without_its_file(repo, ref):
    Path(urlparse(repo.getURI(ref)).path).unlink()


def test_inputs_are_found_by_their_data_ids(repo, define, make):
    define(DEFINITION)
    put_coadd(repo, make, instrument=["Cam", "Cam"], visit=[2, 1], detector=[1, 0])
    got = repo.get("coaddInputs", ID, collections=["later", "single"])
    assert [data_id["visit"] for data_id in got.psf.dataIds] == [2, 1]
    assert [psf.sigma for psf in got.psf] == [1.7, 1.7]
    assert got.wcs[0].wcs.crval.tolist() == [10.0, 0.0]


def test_inputs_are_found_by_their_ids_whatever_is_searched(repo, define, make):
    define(DEFINITION)
    refs = repo.query_datasets("calexp", "single", visit=1)
    put_coadd(repo, make, id=[str(ref.id) for ref in refs])
    got = repo.get("coaddInputs", ID, collections="later")
    assert [ref.id for ref in got.psf.refs] == [ref.id for ref in refs]


def test_input_that_is_gone_is_named(repo, define, make):
    define(DEFINITION)
    put_coadd(repo, make, instrument=["Cam"], visit=[2], detector=[1])
    gone = repo.query_datasets("calexp", "single", visit=2, detector=1)
    repo.pruneDatasets(gone, purge=True, unstore=True)
    with pytest.raises(MissingPartError, match=r"'psf'.*'deepCoadd\.inputs' names.*'visit': 2.*not there"):
        repo.get("coaddInputs", ID, collections=["later", "single"])


def test_coadd_without_a_table_of_inputs_is_told(repo, define, make):
    define(DEFINITION)
    repo.put(make.exposure(1), "deepCoadd", ID, run="later")
    with pytest.raises(MissingPartError, match=r"'deepCoadd\.inputs' is empty"):
        repo.get("coaddInputs", ID, collections=["later", "single"])


PRECURSORS = """
composites:
  coaddPrecursors:
    python: types.SimpleNamespace
    dimensions: [tract, patch, band]
    components: {psf: {datasetType: calexp.psf, dataIdsFrom: deepCoadd.inputs}}
"""


@pytest.mark.parametrize("by_id", [False, True])
def test_precursors_are_found_without_the_file_of_the_coadd(repo, define, make, by_id):
    define(PRECURSORS)
    refs = repo.query_datasets("calexp", "single", order_by=["-visit", "detector"])
    columns = {name: [ref.dataId[name] for ref in refs] for name in ("instrument", "visit", "detector")}
    without_its_file(
        repo, put_coadd(repo, make, **({"id": [str(ref.id) for ref in refs]} if by_id else columns))
    )
    got = repo.get("coaddPrecursors", ID, collections=["later", "single"])
    assert [ref.id for ref in got.psf.refs] == [ref.id for ref in refs]


def test_a_coadd_whose_file_was_taken_in_is_asked_itself(repo, define, make):
    define(PRECURSORS)
    coadd = put_coadd(repo, make, instrument=["Cam"], visit=[2], detector=[1])
    repo.collections.register("taken_in")
    taken_in = DatasetRef(coadd.datasetType, coadd.dataId, "taken_in")
    repo.ingest(FileDataset(Path(urlparse(repo.getURI(coadd)).path), [taken_in]), transfer="copy")
    assert repo.registry.named_inputs([taken_in.id]) == {taken_in.id: []}
    got = repo.get("coaddPrecursors", ID, collections=["taken_in", "single"])
    assert [ref.dataId["visit"] for ref in got.psf.refs] == [2]


def test_the_copy_in_the_registry_goes_along_with_a_transfer(repo, define, make, tmp_path):
    refs = repo.query_datasets("calexp", "single", visit=2)
    coadd = put_coadd(repo, make, id=[str(ref.id) for ref in refs], weight=[1.0, 0.5])
    with Butler.makeRepo(tmp_path / "copy") as copy:
        copy.transfer_from(repo, [coadd], register_dataset_types=True, transfer_dimensions=True)
        (named,) = copy.registry.named_inputs([coadd.id]).values()
    assert [(each.id, each.values["weight"]) for each in named] == [(refs[0].id, 1.0), (refs[1].id, 0.5)]


def test_the_copy_in_the_registry_goes_along_with_an_export(repo, define, make, tmp_path):
    define(DEFINITION)
    refs = repo.query_datasets("calexp", "single", visit=2)
    columns = {
        "id": [str(refs[0].id), ""],
        "visit": [2, 1],
        "weight [s]": [1.0, 0.5],
        "on: off": ["yes", "12"],
    }
    coadd = put_coadd(repo, make, **columns)
    with repo.export(directory=tmp_path / "exported") as export:
        export.saveDatasets([coadd])
    with Butler.makeRepo(tmp_path / "copy") as copy:
        for _ in range(2):
            copy.import_(directory=tmp_path / "exported")
        assert copy.registry.named_inputs([coadd.id]) == repo.registry.named_inputs([coadd.id])
        (named,) = copy.registry.named_inputs([coadd.id]).values()
    assert [(each.id, each.values["weight [s]"], each.values["on: off"]) for each in named] == [
        (refs[0].id, 1.0, "yes"),
        (None, 0.5, "12"),
    ]


def test_the_copy_is_gone_with_the_coadd(repo, make):
    (ref,) = repo.query_datasets("calexp", "single", visit=2, detector=0)
    coadd = put_coadd(repo, make, id=[str(ref.id)])
    assert repo.registry.datasets_naming([ref.id]) == [(coadd.id, ref.id)]
    repo.pruneDatasets([coadd], purge=True, unstore=True)
    assert repo.registry.datasets_naming([ref.id]) == []


def test_lineage_goes_from_a_coadd_to_its_inputs_and_back(repo, make):
    refs = repo.query_datasets("calexp", "single", visit=2, order_by="detector")
    coadd = put_coadd(repo, make, id=[str(ref.id) for ref in refs])
    up = trace(repo, [coadd.id])
    assert set(up.datasets) == {coadd.id, *(ref.id for ref in refs)}
    assert list(up.links()) == [(ref.id, coadd.id) for ref in refs]
    down = trace(repo, [refs[0].id], up=False)
    assert list(down.datasets) == [refs[0].id, coadd.id]


def test_lineage_shows_inputs_that_are_named_by_their_data_ids_alone(repo, make):
    columns = {"instrument": ["Cam", "Cam"], "visit": [2, 1], "detector": [1, 0], "weight": [0.5, 1.0]}
    coadd = put_coadd(repo, make, **columns)
    up = trace(repo, [coadd.id])
    assert list(up.datasets) == [coadd.id]
    assert not up.purged
    assert lineage_text(up).splitlines()[1:] == [
        "  {instrument: 'Cam', visit: 2, detector: 1} (named by data ID)",
        "  {instrument: 'Cam', visit: 1, detector: 0} (named by data ID)",
    ]
    assert up.document()["named_by_data_id"][0] == {
        "dataset": str(coadd.id),
        "data_id": {"instrument": "Cam", "visit": 2, "detector": 1},
    }
    for draw in (lineage_dot, lineage_page):
        assert "named by data ID" in draw(up)
