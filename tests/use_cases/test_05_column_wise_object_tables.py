"""Use case 5: catalogs of two bands side by side in one table."""

import numpy as np
import pytest
from astropy.table import Table

from pipetask.errors import AssemblyError, CompositePutError, MissingPartError

ID = {"skymap": "s", "tract": 0, "patch": 0}
DEFINITION = """
composites:
  object:
    storageClass: SourceCatalog
    dimensions: [tract, patch]
    assembler: datastore.composites.tables.join_columns
    components:
      g: {datasetType: catalog, dataId: {band: g}}
      r: {datasetType: catalog, dataId: {band: r}}
"""


@pytest.fixture
def catalogs(repo, define, make):
    """Objects 1 to 5 in g, 3 to 7 in r."""
    define(DEFINITION)
    repo.put(make.catalog(1), "catalog", {**ID, "band": "g"}, run="single")
    repo.put(make.catalog(2, first_id=3), "catalog", {**ID, "band": "r"}, run="single")
    return repo


def test_rows_are_matched_by_id_and_columns_named_after_their_part(catalogs, make):
    table = catalogs.get("object", ID, collections="single")
    assert table.colnames == ["id", "g_flux", "r_flux"]
    assert table["id"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(table["g_flux"][:5], make.catalog(1)["flux"])
    np.testing.assert_array_equal(table["r_flux"][2:], make.catalog(2)["flux"])


def test_what_is_absent_is_masked(catalogs):
    table = catalogs.get("object", ID, collections="single")
    assert table["g_flux"].mask.tolist() == [False] * 5 + [True] * 2
    assert table["r_flux"].mask.tolist() == [True] * 2 + [False] * 5


def test_units_and_descriptions_are_kept(catalogs):
    column = catalogs.get("object", ID, collections="single")["r_flux"]
    assert (str(column.unit), column.description) == ("adu", "Sum of the pixels")


def test_absent_band_is_named(repo, define, make):
    define(DEFINITION)
    repo.put(make.catalog(1), "catalog", {**ID, "band": "g"}, run="single")
    with pytest.raises(MissingPartError, match="part 'r'"):
        repo.get("object", ID, collections="single")


def test_cannot_be_put_without_a_disassembler_but_is_stored_whole_under_another_type(catalogs):
    table = catalogs.get("object", ID, collections="single")
    with pytest.raises(CompositePutError, match=r"no disassembler.*another dataset type"):
        catalogs.put(table, "object", ID, run="later")
    catalogs.put(table, "merged", ID, run="later")
    assert catalogs.get("merged", ID, collections="later").colnames == table.colnames


def test_columns_are_chosen_by_what_the_parts_call_them(catalogs):
    table = catalogs.get("object", ID, collections="single", parameters={"columns": ["id"]})
    assert table.colnames == ["id"]


@pytest.mark.parametrize(
    ("catalog", "reason"),
    [(Table({"flux": [1.0]}), "no column 'id'"), (Table({"id": [1, 1]}), "rows of equal 'id'")],
)
def test_catalog_that_cannot_be_matched_is_named(catalogs, catalog, reason):
    catalogs.put(catalog, "catalog", {**ID, "band": "r"}, run="later")
    with pytest.raises(AssemblyError, match=rf"'object'.*'r'.*{reason}"):
        catalogs.get("object", ID, collections=["later", "single"])
