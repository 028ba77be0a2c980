"""Sums become fluxes: backgrounds, errors by a convention, flags."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipetask.photometry.annulus import Annulus, ring_statistic
from pipetask.photometry.edges import crosses_edge, edge_sums
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice import NEAR_RING, lattice_sums, margin
from pipetask.photometry.neighbours import Crowd, strips_without_sources
from pipetask.photometry.planes import Floats, Integers, Planes
from pipetask.photometry.shapes import Shape
from pipetask.photometry.sums import Request, Sums
from pipetask.photometry.windows import alike, window_sums

Masked = Literal["exclude", "scale"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Columns of results, the sources last: of shape (radii, n), those of the background (n,)."""

    flux: Floats
    flux_err: Floats
    area: Floats
    flags: Integers
    background: Floats
    background_err: Floats


def measure(
    planes: Planes,
    x: Floats,
    y: Floats,
    shape: Shape,
    request: Request,
    annulus: Annulus | None,
    masked: Masked,
    crowd: Crowd,
) -> Measured:
    """Measure sources with finite centres, ordered by row; ``crowd`` is what rings may have to avoid."""
    if annulus is not None and annulus.neighbour_radius is not None:
        apertures = Request(request.radii, request.method, request.subpixels, request.power)
        sums = _sums(planes, x, y, shape, apertures)
        for part, strip, row in strips_without_sources(planes, y, shape, annulus, crowd):
            ring = Request((), request.method, request.subpixels, request.power, request.ring)
            _put_background(sums, part, strip, x[part], y[part] - row, shape.take(part), ring, annulus)
    else:
        sums = _sums(planes, x, y, shape, request)
        if annulus is not None and request.ring is None:
            _put_background(sums, slice(None), planes, x, y, shape, request, annulus)
    centre = _centre_flags(planes, x, y)
    level: Floats | float = 0.0
    if annulus is not None:
        enough = sums.ring_area >= annulus.minimum_pixels
        sums.background[~enough] = sums.background_err[~enough] = np.nan
        centre |= np.isnan(sums.background) * ApertureFlag.NO_BACKGROUND
        level = sums.background
    empty = ~(sums.area > 0)
    no_flux = empty | ((centre & ApertureFlag.CENTRE_MASKED) != 0)
    flux, spread, area = sums.flux, sums.variance, sums.area
    if masked == "scale":
        factor = np.divide(sums.full, area, out=np.ones_like(area), where=~empty)
        flux, spread, area = flux * factor, spread * factor**request.power, np.where(empty, area, sums.full)
    bad_variance = np.zeros(empty.shape, bool)
    if planes.variance is not None:
        bad_variance = ~(np.isfinite(spread) & (spread >= 0))
    return Measured(
        np.where(no_flux, np.nan, flux - level * area),
        np.sqrt(np.where(no_flux | bad_variance, np.nan, spread)),
        area,
        sums.flags | centre | empty * ApertureFlag.NO_PIXELS | bad_variance * ApertureFlag.BAD_VARIANCE,
        sums.background,
        sums.background_err,
    )


def _put_background(
    sums: Sums,
    part: slice,
    planes: Planes,
    x: Floats,
    y: Floats,
    shape: Shape,
    request: Request,
    annulus: Annulus,
) -> None:
    if annulus.statistic == "mean":
        ring = _sums(planes, x, y, shape, request)
        found = ring.background, ring.background_err, ring.ring_area
    else:
        found = ring_statistic(planes, x, y, shape, annulus)
    sums.background[part], sums.background_err[part], sums.ring_area[part] = found


def _sums(planes: Planes, x: Floats, y: Floats, shape: Shape, request: Request) -> Sums:
    """Sum by the fast path where it can be, by the general one elsewhere."""
    sums = Sums.nothing(len(request.radii), len(x))
    fast = np.zeros(len(x), bool)
    if shape.round and not (request.ring and request.ring.r_out > NEAR_RING):
        size = margin(request)
        rows, columns = planes.shape
        column, row = np.floor(x + 0.5), np.floor(y + 0.5)
        fast = (column >= size) & (column < columns - size) & (row >= size) & (row < rows - size)
        edge = ~fast & crosses_edge(planes, x, y, request)
        for some, summed in ((fast, lattice_sums), (edge, edge_sums)):
            which = np.flatnonzero(some)
            if len(which):
                sums.put(which, summed(planes, x[which], y[which], request))
        fast |= edge
        fast &= np.isfinite(sums.flux).all(axis=0) & np.isfinite(sums.variance).all(axis=0)
        if request.ring:
            fast &= np.isfinite(sums.background)
    which = np.flatnonzero(~fast)
    if len(which):
        which = which[alike(shape.take(which))]
        with np.errstate(invalid="ignore", over="ignore"):
            sums.put(which, window_sums(planes, x[which], y[which], shape.take(which), request))
    return sums


def _centre_flags(planes: Planes, x: Floats, y: Floats) -> Integers:
    """Flag centres that fall on a pixel that cannot be used."""
    flags = np.zeros(len(x), np.int64)
    rows, columns = planes.shape
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    inside = np.flatnonzero((column >= 0) & (column < columns) & (row >= 0) & (row < rows))
    bad = planes.unusable(row[inside].astype(np.int64), column[inside].astype(np.int64))
    flags[inside[bad]] = ApertureFlag.CENTRE_MASKED
    return flags
