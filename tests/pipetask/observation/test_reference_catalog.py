"""Reference catalogs are divided by triangles of the sky; nothing is lost, and bad tables are refused."""

import numpy as np
import pytest
from astropy.table import Table
from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

from pipetask import PipetaskError
from pipetask.observation.reference_catalog import ingest_reference_catalog


@pytest.fixture
def stars():
    rng = np.random.default_rng(9)
    return Table(
        {"ra": rng.uniform(149, 151, 300), "dec": rng.uniform(1, 3, 300), "mag_g": rng.uniform(15, 20, 300)}
    )


def test_each_star_is_in_the_shard_of_its_triangle(empty_repo, stars):
    report = ingest_reference_catalog(empty_repo, stars, "gaia")
    refs = empty_repo.query_datasets("gaia", report.run, limit=None)
    assert len(refs) == report.shards > 5
    parts = {ref.dataId["htm7"]: empty_repo.get(ref) for ref in refs}
    assert sorted(i for part in parts.values() for i in part["id"]) == list(range(1, 301))
    pixels = HtmPixelization(7)
    for number, part in parts.items():
        for star in part:
            place = LonLat.fromDegrees(float(star["ra"]), float(star["dec"]))
            assert pixels.index(UnitVector3d(place)) == number


def test_columns_are_renamed_and_ids_kept(empty_repo, stars, tmp_path):
    stars["source"] = np.arange(300) + 1000
    stars.rename_columns(["ra", "dec"], ["RAJ2000", "DEJ2000"])
    stars.write(tmp_path / "stars.txt", format="ascii.ecsv")
    names = {"RAJ2000": "ra", "DEJ2000": "dec", "source": "id"}
    report = ingest_reference_catalog(
        empty_repo, tmp_path / "stars.txt", "other", columns=names, format="ascii.ecsv"
    )
    part = empty_repo.get(empty_repo.query_datasets("other", report.run, limit=None)[0])
    assert {"id", "ra", "dec", "mag_g"} == set(part.colnames)
    assert part["id"].min() >= 1000


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.remove_column("dec"), "no column dec"),
        (lambda t: t["ra"].__setitem__(3, np.nan), "Row 3 .* ra=nan"),
        (lambda t: t["dec"].__setitem__(5, 95), "Row 5 .* dec=95"),
        (lambda t: t.remove_rows(slice(None)), "no rows; nothing was stored"),
    ],
)
def test_tables_without_positions_are_refused(empty_repo, stars, change, words):
    change(stars)
    with pytest.raises(PipetaskError, match=words):
        ingest_reference_catalog(empty_repo, stars, "bad")


def test_a_file_that_is_no_table_is_named(empty_repo, tmp_path):
    with pytest.raises(PipetaskError, match=r"nothing\.fits can't be read"):
        ingest_reference_catalog(empty_repo, tmp_path / "nothing.fits", "bad")
