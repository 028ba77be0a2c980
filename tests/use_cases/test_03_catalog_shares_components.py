"""Use case 3: a catalog carries WCS and calibration of its exposure: the same objects as the exposure has."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from pipetask.butler import Exposure, PhotoCalib

CAM = {"instrument": "Cam"}
ID = {**CAM, "visit": 1, "detector": 1}
DEFINITIONS = """
composites:
  extended_src:
    storageClass: SourceCatalog
    dimensions: [visit, detector]
    base: src
    components:
      wcs: calexp.wcs
      photoCalib: calexp.photoCalib
  shared_calexp:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components:
      wcs: calexp.wcs
      photoCalib: calexp.photoCalib
  contained_src:
    python: catalogs.SourceCatalogWithInfo
    dimensions: [visit, detector]
    components:
      sourceCatalog: src
      wcs: calexp.wcs
      photoCalib: calexp.photoCalib
"""
CONTAINER = '''
class SourceCatalogWithInfo:
    """Set and got by methods."""

    def setSourceCatalog(self, catalog):
        self._catalog = catalog

    def getSourceCatalog(self):
        return self._catalog

    def setWcs(self, wcs):
        self._wcs = wcs

    def getWcs(self):
        return self._wcs

    def setPhotoCalib(self, photoCalib):
        self._photo_calib = photoCalib

    def getPhotoCalib(self):
        return self._photo_calib
'''


@pytest.fixture
def composites(repo, define, tmp_path, monkeypatch):
    """The three composites are defined."""
    (tmp_path / "catalogs.py").write_text(CONTAINER)
    monkeypatch.syspath_prepend(tmp_path)
    define(DEFINITIONS)
    return repo


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["extended_src", "shared_calexp", "contained_src"]))
)
def test_all_composites_hold_the_same_objects_in_whichever_order_they_are_loaded(composites, order):
    got = {name: composites.get(name, ID, collections="single") for name in order}
    wcs = got["shared_calexp"].wcs
    assert got["extended_src"].wcs is wcs
    assert got["contained_src"].getWcs() is wcs
    assert got["extended_src"].photoCalib is got["shared_calexp"].photoCalib


def test_catalog_has_its_rows_and_the_components_of_the_exposure(composites, make):
    catalog = composites.get("extended_src", ID, collections="single")
    np.testing.assert_array_equal(catalog["flux"], make.catalog(11)["flux"])
    assert catalog.photoCalib == PhotoCalib(2.0)
    assert catalog.wcs.wcs.crval.tolist() == make.wcs(10.0).wcs.crval.tolist()


def test_rows_are_the_callers_own(composites):
    first = composites.get("extended_src", ID, collections="single")
    first["flux"][0] = -1.0
    assert composites.get("extended_src", ID, collections="single")["flux"][0] > 0


def test_shared_arrays_are_locked_and_a_copy_is_not(repo, define):
    define(
        """
composites:
  with_variance:
    storageClass: ExposureF
    dimensions: [visit, detector]
    base: calexp
    components: {variance: new_variance}
"""
    )
    repo.put(np.full((40, 50), 4.0, np.float32), "new_variance", ID, run="later")
    shared = repo.get("with_variance", ID, collections=["later", "single"])
    with pytest.raises(ValueError, match="read-only"):
        shared.variance[0, 0] = 0
    assert repo.get("with_variance", ID, collections=["later", "single"]).variance is shared.variance
    own = repo.get("with_variance", ID, collections=["later", "single"], copy=True)
    own.variance[0, 0] = 0
    assert shared.variance[0, 0] == 4.0


def test_components_are_read_without_the_pixels(composites):
    random = np.random.default_rng(1)
    pixels = random.normal(size=(1000, 1200)).astype(np.float32)
    where = {**CAM, "visit": 1, "detector": 0}
    with composites.from_config(composites.root, run="later") as butler:
        plain = butler.get("calexp", where, collections="single")
        butler.put(
            Exposure(pixels, variance=pixels**2, wcs=plain.wcs, photoCalib=plain.photoCalib), "calexp", where
        )
        butler.get("extended_src", where, collections=["later", "single"], copy=True)  # modules are loaded
    with composites.from_config(composites.root, collections=["later", "single"]) as butler:
        before = _bytes_read()
        catalog = butler.get("extended_src", where)
        assert _bytes_read() - before < 0.05 * pixels.nbytes
    assert catalog.photoCalib == PhotoCalib(2.0)


def test_container_is_put_by_its_getters_and_unchanged_parts_are_references(composites):
    with composites.from_config(composites.root, run="later", collections=["later", "single"]) as butler:
        held = butler.get("contained_src", ID)
        ref = butler.put(held, "contained_src", ID)
        assert {part.run for part in ref.all_parts()} == {"single"}
        assert [each.datasetType.name for each in butler.query_all_datasets("later")] == ["contained_src"]


def _bytes_read():
    """Return how many bytes this process has read in all."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))
