"""Use case 7: components of the exposures that a coadd was made of, found by what the coadd says they were."""

import pytest
from astropy.table import Table

from pipetask.errors import MissingPartError

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
    repo.put(coadd, "deepCoadd", ID, run="later")


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
