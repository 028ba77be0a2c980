"""Overlaps on the sky are kept exact, whichever side comes first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsst.sphgeom import Angle, ConvexPolygon, LonLat, UnitVector3d

from registry.records.overlaps import _records_near
from registry.registry import Registry
from registry.spatial import Regions, circle, encode


def pairs(registry, a, b):
    columns = registry.overlap_columns(a, b)
    keys = [columns[name].tolist() for name in ("visit", "tract")]
    return set(zip(*keys, strict=True))


@pytest.fixture
def add_tracts(camera_registry, sky_square):
    registry = camera_registry
    registry.insert_dimension_records("skymap", [{"name": "sky"}])

    def add(tracts, **options):
        registry.insert_dimension_records(
            "tract",
            {
                "skymap": ["sky"] * len(tracts),
                "tract": list(tracts),
                "region": [sky_square(*s) for s in tracts.values()],
            },
            **options,
        )

    return add


def test_records_of_either_side_find_each_other(camera_registry, add_tracts, sky_square):
    add_tracts({0: (10, 0, 0.3), 1: (11.5, 0, 0.3), 2: (50, 0, 1)})
    # Visits 1-4 are squares of half width 0.45 at ra 10, 11, 12, 13.
    assert pairs(camera_registry, "visit", "tract") == {(1, 0), (2, 1), (3, 1)}
    camera_registry.insert_dimension_records(
        "visit",
        [
            {
                "instrument": "Cam",
                "id": 5,
                "physical_filter": "g1",
                "day_obs": 20260101,
                "region": sky_square(50.5, 0.5, 0.1),
            }
        ],
    )
    assert pairs(camera_registry, "tract", "visit") == {(1, 0), (2, 1), (3, 1), (5, 2)}


def test_replacing_a_region_replaces_its_overlaps(camera_registry, add_tracts):
    add_tracts({0: (10, 0, 0.3)})
    add_tracts({0: (13, 0, 0.3)}, conflict="replace")
    assert pairs(camera_registry, "visit", "tract") == {(4, 0)}


def test_the_last_of_two_replacements_counts(camera_registry, add_tracts, sky_square):
    regions = [sky_square(10, 0, 0.3), sky_square(13, 0, 0.3)]
    add_tracts({0: (11, 0, 0.3)})
    tracts = {"skymap": ["sky"] * 2, "tract": [0, 0], "region": regions}
    camera_registry.insert_dimension_records("tract", tracts, conflict="replace")
    assert pairs(camera_registry, "visit", "tract") == {(4, 0)}


def test_skipping_a_record_keeps_its_overlaps(camera_registry, add_tracts):
    add_tracts({0: (10, 0, 0.3)})
    add_tracts({0: (13, 0, 0.3), 1: (11, 0, 0.3)}, conflict="skip")
    assert pairs(camera_registry, "visit", "tract") == {(1, 0), (2, 1)}


def test_records_without_region_overlap_nothing(camera_registry, add_tracts):
    camera_registry.insert_dimension_records("skymap", [{"name": "other"}])
    camera_registry.insert_dimension_records("tract", [{"skymap": "other", "id": 0}])
    add_tracts({0: (10, 0, 0.3)})
    assert pairs(camera_registry, "visit", "tract") == {(1, 0)}


def test_a_small_insert_looks_only_near_itself(camera_registry, add_tracts):
    add_tracts({i: (i / 2, 30, 0.2) for i in range(40)})
    regions = Regions([encode(circle(5, 30, 0.1))])
    near = _records_near(camera_registry._db, camera_registry._schema, "tract", regions)
    assert {row[1] for row in near} <= set(range(8, 13))
    assert 10 in {row[1] for row in near}


# Anywhere, poles and ra = 0 too; sizes differ by much.
places = st.lists(
    st.tuples(st.floats(0, 359.9), st.floats(-90, 90), st.floats(0.01, 40)), min_size=1, max_size=6
)


def triangle(ra, dec, size):
    centre = UnitVector3d(LonLat.fromDegrees(ra, dec))
    north = UnitVector3d.orthogonalTo(centre)
    corners = []
    for angle in (0.0, 2.1, 4.2):
        direction = north.rotatedAround(centre, Angle(angle))
        s, c = np.sin(np.radians(size)), np.cos(np.radians(size))
        corners.append(
            UnitVector3d(
                c * centre.x() + s * direction.x(),
                c * centre.y() + s * direction.y(),
                c * centre.z() + s * direction.z(),
            )
        )
    return ConvexPolygon(corners)


@settings(max_examples=20, deadline=None)
@given(visits=places, tracts=places, tracts_first=st.booleans())
def test_any_regions_agree_with_comparing_all_pairs(visits, tracts, tracts_first):
    visit_regions, tract_regions = ([triangle(*place) for place in side] for side in (visits, tracts))
    with Registry.create("sqlite://") as registry:
        insert = registry.insert_dimension_records
        insert("instrument", [{"name": "Cam"}])
        insert("physical_filter", [{"instrument": "Cam", "name": "g", "band": "g"}])
        insert("day_obs", [{"instrument": "Cam", "id": 1}])
        insert("skymap", [{"name": "sky"}])

        def add_visits():
            for i, region in enumerate(visit_regions):
                row = {"instrument": "Cam", "id": i, "physical_filter": "g", "day_obs": 1, "region": region}
                insert("visit", [row])

        def add_tracts():
            n = len(tract_regions)
            insert("tract", {"skymap": ["sky"] * n, "tract": range(n), "region": tract_regions})

        for step in (add_tracts, add_visits) if tracts_first else (add_visits, add_tracts):
            step()
        expected = {
            (i, j)
            for i, a in enumerate(visit_regions)
            for j, b in enumerate(tract_regions)
            if a.overlaps(b) is not False
        }
        assert pairs(registry, "visit", "tract") == expected
