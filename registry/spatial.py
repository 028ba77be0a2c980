"""Regions on the sky: their encoding, their bounding circles, and which of them overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from lsst.sphgeom import (
    Angle,
    Circle,
    ConvexPolygon,
    HealpixPixelization,
    HtmPixelization,
    LonLat,
    Region,
    UnitVector3d,
)

from registry import polygons
from registry.errors import DataIdError

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Integers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Encoded: TypeAlias = "Sequence[bytes | None]"
Circles: TypeAlias = "tuple[Floats, Floats]"
"""Centres, shape (n, 3), unit vectors, and radii, shape (n,) [rad]; NaN where there is no region."""

MARGIN: Final = 1e-7
"""Added to radii [rad]: exact relations may count regions as overlapping that miss each other by less."""

_SMALL: Final = 0.35  # [rad]; two circles of this size that touch lie in one hemisphere
_LARGE: Final = 1.0  # [rad]; a circle around the corners holds a polygon only if it is less than half the sky

# Circles are searched by classes of size, each a factor of 2⁴ wide, since one large circle alone would make
# everything a neighbour.
_OCTAVES = 4

_AT_ONCE = 4_000_000  # distances in memory


def encode(region: Region) -> bytes:
    """Return the bytes that stand for a region in the database."""
    return region.encode()


def decode(encoded: bytes) -> Region:
    """Return the region that the bytes stand for."""
    try:
        return Region.decode(encoded)
    except RuntimeError:
        raise _no_region(encoded) from None


def _no_region(encoded: bytes) -> DataIdError:
    more = "…" if len(encoded) > 12 else ""
    return DataIdError(f"{encoded[:12]!r}{more} is no encoded region ({len(encoded)} bytes).")


def polygon(ra: Sequence[float] | Floats, dec: Sequence[float] | Floats) -> ConvexPolygon:
    """Return the convex polygon of corners [deg]; their order does not matter."""
    corners = [UnitVector3d(LonLat.fromDegrees(float(x), float(y))) for x, y in zip(ra, dec, strict=True)]
    return ConvexPolygon(corners)


def point(ra: float, dec: float) -> Circle:
    """Return the region that holds one position [deg] only."""
    return Circle(UnitVector3d(LonLat.fromDegrees(ra, dec)))


def circle(ra: float, dec: float, radius: float) -> Circle:
    """Return the circle around a position [deg]."""
    return Circle(UnitVector3d(LonLat.fromDegrees(ra, dec)), Angle.fromDegrees(radius))


@cache
def pixelization(system: str, level: int) -> HtmPixelization | HealpixPixelization:
    """Return a hierarchical pixelisation of the sky: ``htm`` or ``healpix``, at a level."""
    return {"htm": HtmPixelization, "healpix": HealpixPixelization}[system](level)


def bounding_circle(region: Region) -> tuple[Floats, float]:
    """Return centre (unit vector) and radius [rad] of a circle around a region."""
    bounds = region.getBoundingCircle()
    centre = bounds.getCenter()
    return np.array([centre.x(), centre.y(), centre.z()]), bounds.getOpeningAngle().asRadians()


def bounding_circles(encoded: Encoded) -> Circles:
    """Return circles around encoded regions.

    Parameters
    ----------
    encoded : sequence of `bytes` or `None`
        The regions.

    Returns
    -------
    centres : `numpy.ndarray`, shape (n, 3)
        Unit vectors; NaN where there is no region, or an empty one.
    radii : `numpy.ndarray`, shape (n,)
        Radii [rad]; NaN likewise.

    Raises
    ------
    DataIdError
        If one is no region.
    """
    centres = np.full((len(encoded), 3), np.nan)
    radii = np.full(len(encoded), np.nan)
    for indices, corners in polygons.corners(encoded):
        wrong = np.flatnonzero(~polygons.are_unit_vectors(corners).all(axis=1))
        if len(wrong):
            raise _no_region(encoded[indices[wrong[0]]] or b"")
        found, sizes = polygons.circles_around(corners)
        small = sizes < _LARGE
        centres[indices[small]], radii[indices[small]] = found[small], sizes[small]
    for i in np.flatnonzero(np.isnan(radii)).tolist():  # others by the library, one by one
        if (each := encoded[i]) is not None:
            centre, radius = bounding_circle(decode(each))
            if not (polygons.are_unit_vectors(centre) and np.isfinite(radius)):
                raise _no_region(each)
            if radius >= 0:  # an empty region has a negative one
                centres[i], radii[i] = centre, radius
    return centres, radii


class Regions:
    """Encoded regions, and what a search for overlaps needs to know of each.

    Parameters
    ----------
    encoded : sequence of `bytes` or `None`
        The regions.
    circles : `tuple` of arrays, optional
        What `bounding_circles` says about them, if it is known.
    """

    def __init__(self, encoded: Encoded, circles: Circles | None = None) -> None:
        self.encoded = encoded
        self.circles = bounding_circles(encoded) if circles is None else circles

    @cached_property
    def polygons(self) -> list[tuple[Integers, Floats]]:
        """The polygons among them, as `registry.polygons.corners` gives these."""
        return list(polygons.corners(self.encoded))

    @cached_property
    def inner_radii(self) -> Floats:
        """Radii [rad] of circles inside, with the centres of those around; negative if none is known."""
        radii = np.full(len(self.encoded), -np.pi)
        for indices, corners in self.polygons:
            centres, around = (values[indices] for values in self.circles)
            # The sides of a tiny polygon have no direction that rounding leaves.
            radii[indices] = np.minimum(polygons.circles_inside(corners, centres), around)
        return np.nan_to_num(radii, nan=-np.pi)


def overlapping_pairs(regions_a: Regions, regions_b: Regions) -> tuple[Integers, Integers]:
    """Return all pairs of regions that overlap, one of each side.

    Returns
    -------
    a, b : `numpy.ndarray`, shape (n,), int64
        Indices of each pair, ordered by ``a``, then ``b``. Regions that share only a border overlap.
    """
    a, b, angles = candidate_pairs(regions_a.circles, regions_b.circles)
    keep = angles < regions_a.inner_radii[a] + regions_b.inner_radii[b] - MARGIN
    unclear = np.flatnonzero(~keep)
    overlap, apart = _small_polygons_overlap(regions_a, a[unclear], regions_b, b[unclear])
    keep[unclear[overlap]] = True
    unclear = unclear[~(overlap | apart)]
    decoded_a, decoded_b = _decoded(regions_a.encoded, a[unclear]), _decoded(regions_b.encoded, b[unclear])
    keep[unclear] = [x.overlaps(y) is not False for x, y in zip(decoded_a, decoded_b, strict=True)]
    return a[keep], b[keep]


def _small_polygons_overlap(
    regions_a: Regions, a: Integers, regions_b: Regions, b: Integers
) -> tuple[polygons.Flags, polygons.Flags]:
    """Tell for pairs that surely overlap, and for those that surely don't; other shapes are neither."""
    overlap, apart = np.zeros((2, len(a)), bool)
    for corners_a, place_a in _small_polygons(regions_a):
        for corners_b, place_b in _small_polygons(regions_b):
            of_both = np.flatnonzero((place_a[a] >= 0) & (place_b[b] >= 0))
            overlap[of_both], apart[of_both] = polygons.surely_overlap(
                corners_a, place_a[a[of_both]], corners_b, place_b[b[of_both]]
            )
    return overlap, apart


def _small_polygons(regions: Regions) -> Iterator[tuple[Floats, Integers]]:
    """Yield corners of polygons, and by region its place among these; -1 for regions that are none."""
    for indices, corners in regions.polygons:
        small = regions.circles[1][indices] < _SMALL
        places = np.full(len(regions.encoded), -1)
        places[indices[small]] = np.flatnonzero(small)
        yield corners, places


def _decoded(encoded: Encoded, indices: Integers) -> Iterator[Region]:
    """Yield the regions of indices, each decoded once."""
    known = {i: decode(encoded[i] or b"") for i in np.unique(indices).tolist()}
    return map(known.__getitem__, indices.tolist())


def candidate_pairs(circles_a: Circles, circles_b: Circles) -> tuple[Integers, Integers, Floats]:
    """Return pairs of circles that touch, as indices ordered by ``a``, then ``b``, and distances [rad]."""
    known_a, known_b = (np.flatnonzero(np.isfinite(radii)) for _, radii in (circles_a, circles_b))
    found: list[tuple[Integers, Integers]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for some_a in _by_size(circles_a[1], known_a):
        for some_b in _by_size(circles_b[1], known_b):
            reach = circles_a[1][some_a].max() + circles_b[1][some_b].max() + MARGIN
            chord = 2 * np.sin(min(reach, np.pi) / 2) + MARGIN
            near_a, near_b = _neighbours(circles_a[0][some_a], circles_b[0][some_b], chord)
            found.append((some_a[near_a], some_b[near_b]))
    a, b = (np.concatenate(side) for side in zip(*found, strict=True))
    chord = np.linalg.norm(circles_a[0][a] - circles_b[0][b], axis=1)
    angle = 2 * np.arcsin(np.minimum(chord / 2, 1.0))
    touch = angle <= circles_a[1][a] + circles_b[1][b] + MARGIN
    a, b, angle = a[touch], b[touch], angle[touch]
    order = np.lexsort((b, a))
    return a[order], b[order], angle[order]


def _neighbours(a: Floats, b: Floats, distance: float) -> tuple[Integers, Integers]:
    """Return the pairs of unit vectors that are at most a distance apart."""
    # Cubes a little wider than the distance: what is so near lies in the same cube or in one beside it. Those
    # of a column follow each other, so that three of them are one range of the sorted numbers.
    width = max(distance * (1 + 1e-6), 1e-5)
    n = int(2 / width) + 3
    steps = np.array([n * n, n, 1])
    cubes_a, cubes_b = (((1 + np.floor((1 + each) / width)).astype(np.int64) @ steps) for each in (a, b))
    order = np.argsort(cubes_a, kind="stable")
    cubes_a = cubes_a[order]
    found_a, found_b = [], []
    for column in (i * n * n + j * n for i in (-1, 0, 1) for j in (-1, 0, 1)):
        first = np.searchsorted(cubes_a, cubes_b + column - 1, "left")
        counts = np.searchsorted(cubes_a, cubes_b + column + 1, "right") - first
        for some in np.array_split(np.arange(len(b)), 1 + counts.sum() // _AT_ONCE):
            # The places first, first + 1, …, of each range, one range after the other.
            many = counts[some]
            places = np.arange(many.sum()) + np.repeat(first[some] - many.cumsum() + many, many)
            near_a, near_b = order[places], np.repeat(some, many)
            apart = a[near_a] - b[near_b]
            near = np.einsum("ij,ij->i", apart, apart) <= distance**2
            found_a.append(near_a[near])
            found_b.append(near_b[near])
    return np.concatenate(found_a), np.concatenate(found_b)


def _by_size(radii: Floats, known: Integers) -> list[Integers]:
    """Split indices by radius, so that one large circle does not widen the search around small ones."""
    if not len(known):
        return []
    size = np.floor(np.log2(np.maximum(radii[known], 1e-6)) / _OCTAVES)
    return [known[size == each] for each in np.unique(size)]
