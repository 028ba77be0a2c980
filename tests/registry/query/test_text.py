"""Conditions as text: readable, and read again they mean the same."""

import pytest
from lsst.sphgeom import Region

from registry.dimensions import DimensionUniverse
from registry.query.check import check
from registry.query.tree import KeysAmong

GROUP = DimensionUniverse.default().conform(["visit", "detector"])


@pytest.mark.parametrize(
    "text",
    [
        "visit > 3 AND instrument = 'Cam'",
        "visit = 1 AND (detector = 2 OR band != 'it''s')",
        "visit = 1 AND detector = 2 OR visit.name IS NOT NULL",
        "visit IN (1, 2) OR detector NOT IN (3..9:2)",
        "visit.exposure_time + (2.5 * detector) <= -visit",
        "NOT GLOB(detector.full_name, 'S*')",
        "exposure.can_see_sky AND NOT exposure.has_simulated",
        "visit.timespan OVERLAPS (T'2026-01-01T00:00:00.25/tai', NULL)",
        "NOT visit.timespan OVERLAPS exposure.timespan",
        "visit.timespan OVERLAPS T'2026-01-01T00:00:00/tai'",
        "visit.timespan.begin < T'2026-01-01T00:00:00.000000001/tai'",
        "visit.region OVERLAPS tract.region",
        "run = 'a' AND dataset_id = UUID('03030303-0303-0303-0303-030303030302')",
        "htm7 = 3",
    ],
)
def test_a_condition_prints_as_it_is_written_and_means_the_same_again(text):
    meaning = check(text, GROUP, datasets=["raw"])
    assert str(meaning) == text
    assert check(str(meaning), GROUP, datasets=["raw"]) == meaning


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("NOT (visit = 1 AND NOT band = 'r')", "visit != 1 OR band = 'r'"),
        ("timespan.begin >= exposure.timespan.end", "visit.timespan.begin >= exposure.timespan.end"),
        ("visit IN (:v)", "visit IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 90 more)"),
        ("skymap.hash = :h", "skymap.hash = (3 bytes)"),
        ("visit IN ()", "FALSE"),
    ],
)
def test_a_condition_is_shown_simplified(text, shown):
    assert str(check(text, GROUP, bind={"v": range(100), "h": b"abc"})) == shown


def test_regions_are_shown_with_the_angles_that_were_given():
    text = str(check("visit.region OVERLAPS CIRCLE(275.25, 2, 0.001)", GROUP))
    assert text == "visit.region OVERLAPS REGION('CIRCLE 275.25 2 0.001')"


def test_regions_are_shown_as_ivoa_text():
    text = str(check("NOT visit.region OVERLAPS CIRCLE(10, -5, 1)", GROUP))
    assert text.startswith("NOT visit.region OVERLAPS REGION('CIRCLE ")
    assert check(text, GROUP).region.relate(Region.from_ivoa_pos("CIRCLE 10 -5 1"))
    assert str(KeysAmong("visit", (("Cam", 1), ("Cam", 2)), negated=True)) == "visit NOT IN (2 records)"
