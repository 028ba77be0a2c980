"""Geometry of discrete sky maps."""

import numpy as np
import pytest
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from pipetask.errors import SkyMapError
from pipetask.observation.skymap import SkyMap, discrete_skymap, touching_groups


def square(ra, dec, size):
    half = size / 2
    width = half / np.cos(np.radians(dec))
    corners = [
        (ra - width, dec - half),
        (ra + width, dec - half),
        (ra + width, dec + half),
        (ra - width, dec + half),
    ]
    return ConvexPolygon.convexHull([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


def test_regions_that_touch_through_others_are_one_group():
    regions = [square(10, 0, 1), square(80, 40, 1), square(10.9, 0, 1), square(11.8, 0, 1), square(15, 0, 1)]
    assert touching_groups(regions) == [[0, 2, 3], [1], [4]]


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (359.99, -89.5), (120, 60)])
def test_every_region_lies_in_the_patches_of_its_tract(ra, dec):
    regions = [square(ra, dec, 0.3), square(ra, min(dec + 0.2, 89), 0.3)]
    skymap = discrete_skymap("m", regions, pixel_scale=1.0, patch_size=400, patch_border=20)
    outlines = [skymap.tract_region(tract.id) for tract in skymap.tracts]
    for region in regions:
        assert any(region.isWithin(outline) for outline in outlines)


def test_the_grid_is_no_larger_than_needed():
    # 0.5 degree of 1 arcsec pixels is 1800 pixels: 4 patches of 500, or 3 of 600 with a little more.
    skymap = discrete_skymap("m", [square(10, 0, 0.5)], pixel_scale=1.0, patch_size=500, patch_border=0)
    assert (skymap.tracts[0].nx, skymap.tracts[0].ny) == (4, 4)
    small = discrete_skymap("m", [square(10, 0, 0.001)], pixel_scale=1.0, patch_size=500)
    assert (small.tracts[0].nx, small.tracts[0].ny) == (1, 1)


def test_patches_tile_the_tract_and_share_borders():
    skymap = discrete_skymap("m", [square(10, 0, 0.5)], pixel_scale=1.0, patch_size=500, patch_border=30)
    covered = np.zeros((2000, 2000), dtype=int)
    for patch in skymap.patches(0):
        assert patch.id == patch.cell_y * 4 + patch.cell_x
        covered[
            patch.box.y0 : patch.box.y0 + patch.box.height, patch.box.x0 : patch.box.x0 + patch.box.width
        ] += 1
    assert covered.min() == 1
    assert covered.max() == 4
    assert (covered[:, 1000] >= 2).all()


def test_the_projection_maps_the_point_of_tangency_and_the_scale():
    skymap = discrete_skymap("m", [square(40, -20, 0.4)], pixel_scale=0.5)
    tract, wcs = skymap.tracts[0], skymap.wcs(0)
    here = wcs.pixel_to_world(tract.x, tract.y)
    assert (here.ra.deg, here.dec.deg) == pytest.approx((tract.ra, tract.dec))
    north = wcs.pixel_to_world(tract.x, tract.y + 100)
    assert north.dec.deg - here.dec.deg == pytest.approx(50 / 3600, rel=1e-6)
    assert wcs.pixel_to_world(tract.x + 10, tract.y).ra.deg < here.ra.deg


def test_a_margin_widens_the_tract():
    narrow = discrete_skymap("m", [square(10, 0, 0.5)], pixel_scale=1.0, patch_size=100)
    wide = discrete_skymap("m", [square(10, 0, 0.5)], pixel_scale=1.0, patch_size=100, tract_border=0.1)
    assert (wide.tracts[0].nx - narrow.tracts[0].nx) * 100 == pytest.approx(720, abs=100)


def test_a_sky_map_survives_being_stored():
    skymap = discrete_skymap("m", [square(10, 0, 0.5), square(50, 0, 1)], pixel_scale=0.7)
    assert SkyMap.from_dict(skymap.to_dict()) == skymap
    assert SkyMap.from_dict(skymap.to_dict()).hash() == skymap.hash()
    assert len(skymap.hash()) <= 40


def test_nothing_to_cover_and_too_much_to_cover_are_refused():
    with pytest.raises(SkyMapError, match="no visit regions"):
        discrete_skymap("m", [], pixel_scale=1.0)
    with pytest.raises(SkyMapError, match="spans"):
        discrete_skymap("m", [square(10 + i, 0, 2) for i in range(60)], pixel_scale=1.0)


@pytest.mark.parametrize(
    "wrong", [{"pixel_scale": float("nan")}, {"pixel_scale": 0.0}, {"patch_size": 0}, {"patch_border": -1}]
)
def test_sizes_that_make_no_grid_are_refused(wrong):
    with pytest.raises(SkyMapError, match="larger than 0"):
        discrete_skymap("m", [square(10, 0, 0.5)], **{"pixel_scale": 1.0, **wrong})
