"""Aperture photometry of many sources at once: flux, error, area, local background and flags."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from pipetask.photometry.annulus import Annulus, ring_statistic
from pipetask.photometry.edges import crosses_edge, edge_sums
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice import NEAR_RING, lattice_sums, margin
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.neighbours import strips_without_sources
from pipetask.photometry.pixel_weights import Shape
from pipetask.photometry.planes import Floats, Integers, PhotometryError, Planes, keep_memory
from pipetask.photometry.result import CoreResult
from pipetask.photometry.sections import ImageLike, section_planes
from pipetask.photometry.sums import Request, Ring, Sums
from pipetask.photometry.windows import window_sums

_Number = TypeVar("_Number", np.float64, np.int64)
Errors = Literal["photutils", "sep"]
Masked = Literal["exclude", "scale"]

# Rows of the strips of the image that are worked on one after the other (benchmarks/photometry.py).
_STRIP = 16.0


def aperture_photometry(
    image: ImageLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    radii: float | Sequence[float] | npt.NDArray[np.floating],
    *,
    variance: ImageLike | None = None,
    mask: ImageLike | None = None,
    method: Method = "exact",
    subpixels: int = 5,
    annulus: Annulus | None = None,
    ellipse: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike] | None = None,
    errors: Errors = "photutils",
    masked: Masked = "exclude",
) -> CoreResult:
    """Sum the pixels inside circles or ellipses, weighting each by the part of it that is covered.

    Parameters
    ----------
    image : array_like, shape (ny, nx), real
        Pixel values in any unit, type and byte order. Not modified. NaN and infinity count as masked, and are
        flagged. Anything with a shape, a type and two-dimensional slices will do, such as a section of a file
        that is read when it is asked for: only the surroundings of the sources are read, piece by piece.
    x, y : array_like, shape (n,)
        Centres [pixel], 0-based, the centre of the first pixel at 0.0. They may lie anywhere; see the flags.
    radii : float or sequence of float
        Radius or radii [pixel], larger than 0 and at most 1e8. With ``ellipse``, factors of its semi-axes.
    variance : array_like, shape (ny, nx), optional
        Variance per pixel [unit of image squared].
    mask : array_like, shape (ny, nx), bool or integer, optional
        Pixels that are True or not 0 are left out of sums and areas.
    method : {"exact", "center", "subpixel"}
        Weight of a pixel: the area covered; 1 if its centre is nearer than the radius, else 0; the part of
        its ``subpixels`` times ``subpixels`` sub-pixel centres that are nearer.
    annulus : `Annulus`, optional
        Ring for a local background, which is subtracted times the area.
    ellipse : (a, b, theta), optional
        Semi-axes [pixel] and angle from the x axis to the first, counter-clockwise [rad]; each a number or of
        shape (n,). The ring of ``annulus`` is elliptical too.
    errors : {"photutils", "sep"}
        ``flux_err`` is the root of Σ w²·variance, the standard deviation of Σ w·pixel for independent pixels
        (photutils since 3.0), or of Σ w·variance, a few per cent larger for small apertures (SEP).
    masked : {"exclude", "scale"}
        Leave unusable pixels out (photutils), or scale flux, variance and area up to what the aperture covers
        of the image, as if they were like the others (SEP). Nothing is scaled for what is off the image.

    Returns
    -------
    photometry : `CoreResult`
        NaN where nothing could be measured; the flag says why. A bad source never raises.

    Raises
    ------
    PhotometryError
        If a radius is out of range, shapes differ, or an option is unknown.

    Notes
    -----
    The uncertainty of the annulus background is not part of ``flux_err``.
    """
    x, y = (np.atleast_1d(np.asarray(centre, dtype=np.float64)) for centre in (x, y))
    if x.ndim != 1 or x.shape != y.shape:
        raise PhotometryError(
            f"x and y have shapes {x.shape} and {y.shape}; wanted: two columns of one length"
        )
    for name, value, known in (
        ("method", method, Method),
        ("errors", errors, Errors),
        ("masked", masked, Masked),
    ):
        if value not in get_args(known):
            raise PhotometryError(f"{name} {value!r} is not one of {get_args(known)}")
    if subpixels < 1:
        raise PhotometryError(f"subpixels is {subpixels!r}; wanted: 1 or more")
    each_radius = np.atleast_1d(np.asarray(radii, dtype=np.float64))
    if each_radius.ndim != 1 or not np.all((each_radius > 0) & (each_radius <= 1e8)):
        raise PhotometryError(f"radii are {radii!r}; wanted: numbers above 0, at most 1e8")
    shape, sound = _shapes(ellipse, len(x))
    ring = None
    if annulus is not None and annulus.statistic == "mean":
        ring = Ring(annulus.r_in, annulus.r_out, annulus.method)
    request = Request(tuple(each_radius.tolist()), method, subpixels, 2 if errors == "photutils" else 1, ring)

    keep_memory()
    measured = _Measured.nothing(len(each_radius), len(x))
    finite = np.isfinite(x) & np.isfinite(y) & sound
    measured.flags[:, ~finite] = ApertureFlag.BAD_CENTRE
    order = np.flatnonzero(finite)
    order = order[_along_rows(x[order], y[order], 0.0 if annulus and annulus.neighbour_radius else _STRIP)]
    reach = max(*request.radii, annulus.r_out if annulus else 0.0)
    width, height = shape.scaled(reach).extents
    for part, planes, column, row in section_planes(
        image, variance, mask, x[order], y[order], width[order], height[order]
    ):
        which = order[part]
        measured.put(
            which,
            _measure(planes, x[which] - column, y[which] - row, shape.take(which), request, annulus, masked),
        )
    return measured.result(np.ndim(radii) == 0, variance is not None, annulus is not None)


def _along_rows(x: Floats, y: Floats, height: float) -> npt.NDArray[np.intp]:
    """Order by strips of rows and by columns within them: the pixels of one part lie together in memory."""
    if not height:
        return np.argsort(y)
    far = 2.0**24
    return np.argsort(np.floor(np.clip(y, -far, far) / height) * (2 * far) + np.clip(x, -far, far))


@dataclass(frozen=True, slots=True)
class _Measured:
    """Results with the sources last."""

    flux: Floats
    error: Floats
    area: Floats
    flags: Integers
    background: Floats
    background_err: Floats

    @classmethod
    def nothing(cls, radii: int, count: int) -> "_Measured":
        shape = radii, count
        columns = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape), np.zeros(shape, np.int64)
        return cls(*columns, *np.full((2, count), np.nan))

    def put(self, which: npt.NDArray[np.intp], other: "_Measured") -> None:
        for name in ("flux", "error", "area", "flags"):
            getattr(self, name)[:, which] = getattr(other, name)
        self.background[which], self.background_err[which] = other.background, other.background_err

    def result(self, one: bool, errors: bool, background: bool) -> CoreResult:
        """Columns as the caller gets them."""

        def columns(plane: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
            return plane[0] if one else np.ascontiguousarray(plane.T)

        return CoreResult(
            flux=columns(self.flux),
            flux_err=columns(self.error) if errors else None,
            area=columns(self.area),
            background=self.background if background else None,
            background_err=self.background_err if background else None,
            flags=columns(self.flags),
        )


def _shapes(
    ellipse: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike] | None, count: int
) -> tuple[Shape, npt.NDArray[np.bool_]]:
    """Shapes for radius 1, and which of them make sense."""
    if ellipse is None:
        return Shape.circles(1.0, count), np.ones(count, bool)
    try:
        a, b, theta = (np.broadcast_to(np.asarray(value, np.float64), (count,)) for value in ellipse)
    except ValueError:
        raise PhotometryError(
            f"ellipse has parts of shapes {[np.shape(part) for part in ellipse]}; wanted: a, b and theta, "
            f"each one number or of shape ({count},)"
        ) from None
    sound = np.isfinite(a) & np.isfinite(b) & np.isfinite(theta) & (a > 0) & (b > 0) & (a <= 1e8) & (b <= 1e8)
    a, b, theta = (np.where(sound, part, 1.0) for part in (a, b, theta))
    return Shape(a, b, theta, round=False), sound


def _measure(
    planes: Planes,
    x: Floats,
    y: Floats,
    shape: Shape,
    request: Request,
    annulus: Annulus | None,
    masked: Masked,
) -> _Measured:
    """Measure sources with finite centres, ordered by row."""
    if annulus is not None and annulus.neighbour_radius is not None:
        apertures = Request(request.radii, request.method, request.subpixels, request.power)
        sums = _sums(planes, x, y, shape, apertures)
        for part, strip, row in strips_without_sources(planes, x, y, shape, annulus):
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
    return _Measured(
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
