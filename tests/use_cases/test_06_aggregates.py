"""Use case 6: catalogs of patches make that of a tract, those of detectors that of a visit; images a mosaic."""

import numpy as np
import pytest

from pipetask.butler.composites.definition import ALL, Part
from pipetask.errors import MissingPartError

CAM = {"instrument": "Cam"}
DEFINITIONS = """
composites:
  catalog_tract: &rows
    storageClass: SourceCatalog
    dimensions: [tract, band]
    assembler: datastore.composites.tables.stack_rows
    components:
      patches: {datasetType: catalog, subset: true, minimum: all}
  catalog_band:
    <<: *rows
    dimensions: [band]
    components:
      patches: {datasetType: catalog, subset: true}
  src_visit:
    <<: *rows
    dimensions: [visit]
    components:
      detectors: {datasetType: src, subset: true}
  focal_plane:
    python: numpy.ndarray
    dimensions: [visit]
    assembler: mosaics.side_by_side
    components:
      detectors: {datasetType: calexp, subset: true}
"""
MOSAIC = """
import numpy as np

def side_by_side(dataId, componentDict, classObj):
    return np.hstack([exposure.image for exposure in componentDict["detectors"]])
"""


@pytest.fixture
def catalogs(repo, define, make, tmp_path, monkeypatch):
    """Both patches of tract 0 and one of tract 1 have a catalog in g."""
    (tmp_path / "mosaics.py").write_text(MOSAIC)
    monkeypatch.syspath_prepend(tmp_path)
    define(DEFINITIONS)
    for tract, patch in ((0, 1), (0, 0), (1, 0)):
        catalog = make.catalog(10 * tract + patch, first_id=100 * tract + 10 * patch)
        catalog.meta = {"BAND": "g", "TRACT": tract, "PATCH": patch}
        where = {"skymap": "s", "tract": tract, "patch": patch, "band": "g"}
        repo.put(catalog, "catalog", where, run="single")
    return repo


def test_tract_has_the_rows_of_its_patches_in_order(catalogs):
    table = catalogs.get("catalog_tract", skymap="s", tract=0, band="g", collections="single")
    assert table["id"].tolist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]


def test_metadata_are_merged_and_conflicts_reported(catalogs):
    meta = catalogs.get("catalog_tract", skymap="s", tract=0, band="g", collections="single").meta
    assert (meta["BAND"], meta["TRACT"]) == ("g", 0)
    assert meta["conflicts"] == {"PATCH": [0, 1]}


def test_partial_tract_is_refused_where_all_patches_are_needed(catalogs):
    with pytest.raises(MissingPartError, match=r"1 of 2 are absent.*patch: 1"):
        catalogs.get("catalog_tract", skymap="s", tract=1, band="g", collections="single")


def test_band_alone_has_all_tracts(catalogs):
    assert len(catalogs.get("catalog_band", band="g", collections="single")) == 15


def test_nothing_at_all_is_a_missing_part(catalogs):
    with pytest.raises(MissingPartError, match=r"'patches'.*0 in collections single"):
        catalogs.get("catalog_band", band="r", collections="single")


def test_visit_has_the_rows_of_its_detectors(catalogs, make):
    table = catalogs.get("src_visit", {**CAM, "visit": 2}, collections="single")
    expected = np.concatenate([make.catalog(20)["flux"], make.catalog(21)["flux"]])
    np.testing.assert_array_equal(table["flux"], expected)


def test_images_make_a_mosaic_by_an_assembler(catalogs, make):
    mosaic = catalogs.get("focal_plane", {**CAM, "visit": 1}, collections="single")
    np.testing.assert_array_equal(mosaic, np.hstack([make.exposure(10).image, make.exposure(11).image]))


def test_component_is_the_list_ordered_by_data_id(catalogs):
    exposures = catalogs.get("focal_plane.detectors", {**CAM, "visit": 1}, collections="single")
    assert [data_id["detector"] for data_id in exposures.dataIds] == [0, 1]
    assert [exposure.metadata["SEED"] for exposure in exposures] == [10, 11]


def test_aggregates_there_are_are_found(catalogs):
    found = catalogs.query_datasets("catalog_tract", "single", skymap="s")
    assert [(ref.dataId["tract"], ref.dataId["band"]) for ref in found] == [(0, "g")]


def test_what_a_list_needs_is_listed_with_its_source():
    lists = [Part("p", "catalog", subset=True, minimum=minimum) for minimum in (1, 3, ALL)]
    assert [str(part) for part in lists] == [
        "catalog (list)",
        "catalog (list; at least 3)",
        "catalog (list; none absent)",
    ]
