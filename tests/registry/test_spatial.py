"""Overlaps on the sky: candidates and exact pairs against all pairs, one by one."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsst.sphgeom import DISJOINT, Angle, Circle, UnitVector3d

from registry import spatial
from registry.spatial import (
    Regions,
    bounding_circles,
    candidate_pairs,
    circle,
    decode,
    encode,
    overlapping_pairs,
    pixelization,
    point,
    polygon,
)

ra, dec = st.floats(0, 360), st.floats(-90, 90)
circles = st.builds(circle, ra, dec, st.one_of(st.floats(0, 1), st.floats(0, 180)))
boxes = st.builds(
    lambda x, y, size: polygon([x, x + size, x + size, x], [y, y, y + size, y + size]),
    st.floats(0, 350), st.floats(-70, 60), st.floats(0.01, 5),
)  # fmt: skip
regions = st.lists(st.one_of(circles, boxes, st.none(), st.just(Circle.empty())), max_size=8)


def encoded(regions):
    return [None if region is None else encode(region) for region in regions]


@settings(max_examples=50, deadline=None)
@given(a=regions, b=regions)
def test_overlapping_pairs_are_all_that_are_not_disjoint(a, b):
    expected = [
        (i, j)
        for i, x in enumerate(a)
        for j, y in enumerate(b)
        if x is not None and y is not None and not x.relate(y) & DISJOINT
    ]
    a, b = encoded(a), encoded(b)
    i, j = overlapping_pairs(Regions(a), Regions(b))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected


@settings(max_examples=50, deadline=None)
@given(boxes)
def test_the_bounding_circle_holds_the_region_and_the_encoding_keeps_it(region):
    centres, radii = bounding_circles([encode(region), None])
    corners = np.array([[v.x(), v.y(), v.z()] for v in region.getVertices()])
    angles = np.arctan2(np.linalg.norm(np.cross(corners, centres[0]), axis=1), corners @ centres[0])
    assert np.all(angles <= radii[0] + 1e-9)
    assert np.linalg.norm(centres[0]) == pytest.approx(1)
    assert np.isnan(radii[1])
    assert decode(encode(region)) == region


@pytest.mark.parametrize("at_once", [10, 4_000_000])
def test_circles_that_touch_are_found_anywhere_on_the_sky(monkeypatch, at_once):
    monkeypatch.setattr(spatial, "_AT_ONCE", at_once)
    rng = np.random.default_rng(3)

    def scattered(n, largest):
        vectors = rng.normal(size=(n, 3)) * [1, 1, 3]  # denser at the poles
        vectors[:6] = [*np.eye(3), *-np.eye(3)]
        centres = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return centres, rng.uniform(0, largest, n) ** 3

    a, b = scattered(400, 0.6), scattered(300, 1.2)
    i, j, angles = candidate_pairs(a, b)
    distance = np.arccos(np.clip(a[0] @ b[0].T, -1, 1))
    touching = distance <= a[1][:, None] + b[1]
    assert set(zip(*map(np.ndarray.tolist, np.nonzero(touching)), strict=True)) <= set(
        zip(i.tolist(), j.tolist(), strict=True)
    )
    assert np.all(distance[i, j] <= (a[1][:, None] + b[1])[i, j] + 2e-7)
    np.testing.assert_allclose(angles, distance[i, j], atol=2e-8)


def test_a_large_region_among_small_ones_finds_all():
    small = encoded([circle(x, 0, 0.01) for x in range(0, 90, 10)])
    large = encoded([circle(0, 0, 45), circle(30, 0, 0.001)])
    i, j = overlapping_pairs(Regions(small), Regions(large))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (4, 0)]


def test_large_polygons_are_held_too():
    octant = polygon([0, 90, 0], [0, 0, 90])
    wide = polygon([0, 120, 240], [20, 20, 20])  # its sides rise to declination 36 half-way
    centres, radii = bounding_circles(encoded([octant, wide]))
    for region, centre, radius in zip([octant, wide], centres, radii, strict=True):
        assert Circle(UnitVector3d(*centre), Angle(radius + 1e-9)).contains(region)
    spots = encoded([circle(60, 30, 0.1), circle(60, 40, 0.1), circle(200, -10, 0.1)])
    i, j = overlapping_pairs(Regions(encoded([octant, wide]), (centres, radii)), Regions(spots))
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1)]


def test_points_and_corners_are_in_degrees():
    assert polygon([10, 11, 11, 10], [0, 0, 1, 1]).contains(point(10.5, 0.5).getCenter())
    assert not circle(10, 0, 1).overlaps(point(11.001, 0))
    assert circle(10, 0, 1).overlaps(point(10.999, 0))


def test_pixels_of_the_sky_have_their_systems_numbers():
    assert pixelization("htm", 7).universe().ranges() == [(8 * 4**7, 16 * 4**7)]
    assert pixelization("healpix", 3).universe().ranges() == [(0, 12 * 4**3)]


def test_overlaps_need_no_library_that_takes_long_to_load():
    code = (
        "import sys; from registry import spatial as s; c = s.bounding_circles([s.encode(s.circle(1, 2, 3))])"
    )
    code += "; s.candidate_pairs(c, c)"
    code += "; print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_neighbours_on_a_grid_overlap_at_their_common_borders():
    squares = encoded(
        [polygon([x, x + 1, x + 1, x], [y, y, y + 1, y + 1]) for x in range(12) for y in range(9)]
    )
    library = [[not decode(a).relate(decode(b)) & DISJOINT for b in squares] for a in squares]
    found = np.zeros((len(squares), len(squares)), bool)
    found[overlapping_pairs(Regions(squares), Regions(squares))] = True
    assert found.tolist() == library


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-90, 90), st.floats(1e-12, 0.2))
def test_polygons_that_nearly_touch_overlap_as_the_library_says(seed, dec, size):
    rng = np.random.default_rng(seed)

    def polygons(corners):
        found = []
        for _ in range(12):
            turn = rng.uniform(0, 2 * np.pi) + np.sort(rng.uniform(0, 2 * np.pi, corners))
            ra = 40 + size * np.cos(turn) / max(np.cos(np.radians(dec)), 0.01) + size * rng.uniform(-3, 3)
            with contextlib.suppress(ValueError):  # corners that are too close to each other
                found.append(polygon(ra, np.clip(dec + size * np.sin(turn), -90, 90)))
        return encoded(found)

    a, b = polygons(3), polygons(7)
    expected = [
        (i, j) for i, x in enumerate(a) for j, y in enumerate(b) if not decode(x).relate(decode(y)) & DISJOINT
    ]
    assert (
        list(zip(*(each.tolist() for each in overlapping_pairs(Regions(a), Regions(b))), strict=True))
        == expected
    )
