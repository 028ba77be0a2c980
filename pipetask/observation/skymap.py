"""Geometry of a sky map: tracts in a tangent-plane projection, each divided into a grid of patches."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler import Box
from pipetask.errors import SkyMapError
from pipetask.observation.regions import hull, image_region

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from lsst.sphgeom import ConvexPolygon

# Beyond this, the pixels of a tangent plane are 14 % larger at the rim than in the middle.
MAX_TRACT_RADIUS_DEG = 20.0


@dataclass(frozen=True, slots=True)
class Patch:
    """A cell of a tract's grid; ``box`` includes the border, which neighbours share."""

    id: int
    cell_x: int
    cell_y: int
    box: Box


@dataclass(frozen=True, slots=True)
class Tract:
    """A rectangle on the sky with one projection.

    Parameters
    ----------
    id : `int`
        Number in the sky map.
    ra, dec : `float`
        Point of tangency [deg], ICRS.
    x, y : `float`
        The same point in the tract's pixels [pixel], 0-based.
    nx, ny : `int`
        Number of patches.
    """

    id: int
    ra: float
    dec: float
    x: float
    y: float
    nx: int
    ny: int


@dataclass(frozen=True, slots=True)
class SkyMap:
    """Tracts and patches of one name and pixel scale.

    Parameters
    ----------
    name : `str`
        Name in the data IDs.
    pixel_scale : `float`
        Size of a pixel at the point of tangency [arcsec].
    patch_size : `int`
        Width and height of a patch without its border [pixel].
    patch_border : `int`
        What neighbouring patches share, on each side [pixel].
    tracts : `tuple` of `Tract`
        Numbered from 0.
    """

    name: str
    pixel_scale: float
    patch_size: int
    patch_border: int
    tracts: tuple[Tract, ...]

    def wcs(self, tract: int) -> WCS:
        """Return the projection of a tract: from its pixels to ICRS."""
        found = self.tracts[tract]
        return _tangent_plane(found.ra, found.dec, found.x, found.y, self.pixel_scale)

    def box(self, tract: int) -> Box:
        """Return all pixels of a tract."""
        found = self.tracts[tract]
        return Box(0, 0, found.nx * self.patch_size, found.ny * self.patch_size)

    def patches(self, tract: int) -> Iterator[Patch]:
        """Yield the patches of a tract by id, row after row."""
        found, size, border = self.tracts[tract], self.patch_size, self.patch_border
        for id in range(found.nx * found.ny):
            cell_y, cell_x = divmod(id, found.nx)
            x0, y0 = max(cell_x * size - border, 0), max(cell_y * size - border, 0)
            x1 = min((cell_x + 1) * size + border, found.nx * size)
            y1 = min((cell_y + 1) * size + border, found.ny * size)
            yield Patch(id, cell_x, cell_y, Box(x0, y0, x1 - x0, y1 - y0))

    def tract_region(self, tract: int) -> ConvexPolygon | None:
        """Return the outline of a tract on the sky."""
        return image_region(self.wcs(tract), self.box(tract))

    def patch_regions(self, tract: int) -> list[ConvexPolygon | None]:
        """Return the outlines of the patches of a tract, borders included, in the order of `patches`."""
        wcs = self.wcs(tract)
        return [image_region(wcs, patch.box) for patch in self.patches(tract)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, which `from_dict` understands."""
        return asdict(self) | {"tracts": [asdict(tract) for tract in self.tracts]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SkyMap:
        """Return the sky map that `to_dict` told about (as stored in the dataset ``skyMap``)."""
        return cls(**{**values, "tracts": tuple(Tract(**tract) for tract in values["tracts"])})

    def hash(self) -> bytes:
        """Return a digest of the whole geometry."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).digest()


def discrete_skymap(
    name: str,
    regions: Sequence[ConvexPolygon],
    *,
    pixel_scale: float,
    patch_size: int = 4000,
    patch_border: int = 100,
    tract_border: float = 0.0,
) -> SkyMap:
    """Lay one tract around each group of regions that touch.

    Parameters
    ----------
    name : `str`
        Name of the sky map.
    regions : sequence of `lsst.sphgeom.ConvexPolygon`
        Regions of the visits to cover.
    pixel_scale : `float`
        Pixel size [arcsec].
    patch_size, patch_border : `int`
        Size of a patch without border, and the border [pixel].
    tract_border : `float`
        Margin around the regions [deg].

    Raises
    ------
    SkyMapError
        If there are no regions, or one group is too large for a tangent plane.
    """
    if not regions:
        raise SkyMapError(
            "There are no visit regions to lay a sky map around. Define visits first: butler define-visits"
        )
    if not 0 < pixel_scale < np.inf or patch_size < 1 or patch_border < 0:
        raise SkyMapError(
            f"A sky map of {pixel_scale} arcsec pixels in patches of {patch_size} with a border of "
            f"{patch_border} can't be: pixels and patches are larger than 0, borders not smaller."
        )
    tracts = []
    for id, members in enumerate(touching_groups(regions)):
        around = hull([regions[i] for i in members])
        tracts.append(_tract_around(id, around, pixel_scale, patch_size, tract_border))
    return SkyMap(name, pixel_scale, patch_size, patch_border, tuple(tracts))


def touching_groups(regions: Sequence[ConvexPolygon]) -> list[list[int]]:
    """Return groups of indices: regions whose bounding circles overlap, directly or through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    circles = [region.getBoundingCircle() for region in regions]
    centres = np.array([[c.getCenter().x(), c.getCenter().y(), c.getCenter().z()] for c in circles])
    radii = np.array([c.getOpeningAngle().asRadians() for c in circles])
    chord = 2 * math.sin(min(2 * radii.max(), math.pi) / 2)
    pairs = cKDTree(centres).query_pairs(chord, output_type="ndarray")
    distance = 2 * np.arcsin(np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1) / 2)
    pairs = pairs[distance <= radii[pairs[:, 0]] + radii[pairs[:, 1]]]
    n = len(regions)
    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    n_groups, label = connected_components(graph, directed=False)
    return [np.flatnonzero(label == group).tolist() for group in range(n_groups)]


def _tract_around(
    id: int, around: ConvexPolygon, pixel_scale: float, patch_size: int, tract_border: float
) -> Tract:
    from lsst.sphgeom import LonLat

    circle = around.getBoundingCircle()
    radius = circle.getOpeningAngle().asDegrees() + tract_border
    if radius > MAX_TRACT_RADIUS_DEG:
        raise SkyMapError(
            f"One group of visits spans {2 * radius:.1f} degrees; a tangent plane reaches "
            f"{2 * MAX_TRACT_RADIUS_DEG:.0f}. Choose fewer visits with --where"
        )
    centre = LonLat(circle.getCenter())
    ra, dec = round(centre.getLon().asDegrees() % 360, 6), round(centre.getLat().asDegrees(), 6)
    corners = [LonLat(vertex) for vertex in around.getVertices()]
    x, y = _tangent_plane(ra, dec, 0.0, 0.0, pixel_scale).world_to_pixel_values(
        [c.getLon().asDegrees() for c in corners], [c.getLat().asDegrees() for c in corners]
    )
    margin = tract_border * 3600 / pixel_scale
    nx, left = _grid(x, margin, patch_size)
    ny, bottom = _grid(y, margin, patch_size)
    return Tract(id, ra, dec, -left, -bottom, nx, ny)


def _grid(positions: np.ndarray[Any, Any], margin: float, size: int) -> tuple[int, float]:
    """Return how many patches cover the positions, and where the first pixel lies, centred on them."""
    low, high = float(positions.min()) - margin, float(positions.max()) + margin
    n = max(1, math.ceil((high - low) / size))
    return n, float(math.floor((low + high - n * size) / 2))


def _tangent_plane(ra: float, dec: float, x: float, y: float, pixel_scale: float) -> WCS:
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [x + 1, y + 1]
    wcs.wcs.cdelt = [-pixel_scale / 3600, pixel_scale / 3600]
    wcs.wcs.radesys = "ICRS"
    return wcs
