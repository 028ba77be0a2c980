"""Aperture photometry of many sources at once: flux, error, area, local background and flags."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pipetask.photometry.annulus import Annulus
from pipetask.photometry.arguments import is_whole, joined_mask, numbers
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.lattice_weights import Method
from pipetask.photometry.measure import Masked, Measured, measure
from pipetask.photometry.neighbours import Crowd
from pipetask.photometry.planes import Floats, PhotometryError, keep_memory
from pipetask.photometry.result import CoreResult
from pipetask.photometry.sections import ImageLike, section_planes
from pipetask.photometry.shapes import SMALLEST, Shape
from pipetask.photometry.sums import Request, Ring

Errors = Literal["photutils", "sep"]

# Sources, over the number of radii, that are worked on together: what is kept of each takes some 300 bytes.
_TOGETHER = 1 << 17

# Least and most rows of the strips of the image that are worked on one after the other, which grow with the
# apertures, and the length over the height of the pieces that strips are cut into (benchmarks/photometry.py).
_STRIP = 16.0, 64.0
_PIECE = 4.0

# Sources further away than this [pixel] are not put in order.
_FAR = 2.0**24


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
        that is read when it is asked for: only the surroundings of the sources are read, piece by piece. The
        mask of a masked array or a `CCDData` counts as ``mask`` does; units are not looked at.
    x, y : array_like, shape (n,)
        Centres [pixel], 0-based, the centre of the first pixel at 0.0. They may lie anywhere; see the flags.
        None and masked ones count as NaN. As of radii and semi-axes, a unit other than pixels is refused.
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
        (photutils since 3.1), or of Σ w·variance, a few per cent larger for small apertures (SEP).
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
        If a radius is out of range, shapes differ, something is not a number, or an option is unknown.

    Notes
    -----
    The uncertainty of the annulus background is not part of ``flux_err``.
    """
    x, y = (np.atleast_1d(numbers(name, centre)) for name, centre in (("x", x), ("y", y)))
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
    if not is_whole(subpixels, 1, 100):
        raise PhotometryError(f"subpixels is {subpixels!r}; wanted: a whole number from 1 to 100")
    if not isinstance(annulus, Annulus | None):
        raise PhotometryError(f"annulus is {annulus!r}; wanted: an Annulus, as in Annulus(6, 10)")
    each_radius = np.atleast_1d(numbers("radii", radii))
    if each_radius.ndim != 1 or not each_radius.size:
        raise PhotometryError(f"radii have the shape {each_radius.shape}; wanted: one number or a row")
    for radius in each_radius:
        if not 0 < radius <= 1e8:
            raise PhotometryError(f"a radius is {radius}; wanted: above 0, at most 1e8")
    mask = joined_mask(image, mask)
    axes = _axes(ellipse, len(x))
    ring = None
    if annulus is not None and annulus.statistic == "mean":
        ring = Ring(annulus.r_in, annulus.r_out, annulus.method)
    each_radius = np.maximum(each_radius, SMALLEST)
    request = Request(tuple(each_radius.tolist()), method, subpixels, 2 if errors == "photutils" else 1, ring)

    keep_memory()
    result = _columns(len(x), len(each_radius), variance is not None, annulus is not None)
    reach = max(*request.radii, annulus.r_out if annulus else 0.0)
    strip = 0.0 if annulus and annulus.neighbour_radius else min(max(_STRIP[0], reach), _STRIP[1])
    step = max(1, _TOGETHER // len(request.radii))
    for start in range(0, max(1, len(x)), step):
        some = np.arange(start, min(start + step, len(x)))
        shape, sound = _shapes(axes, some)
        order = np.flatnonzero(np.isfinite(x[some]) & np.isfinite(y[some]) & sound)
        order = order[_along_rows(x[some[order]], y[some[order]], strip)]
        shape, order = shape.take(order), some[order]
        width, height = shape.scaled(reach).extents
        for part, planes, column, row in section_planes(
            image, variance, mask, x[order], y[order], width, height
        ):
            which, crowd = order[part], Crowd(x, y, column, row)
            place = x[which] - column, y[which] - row
            _put(result, which, measure(planes, *place, shape.take(part), request, annulus, masked, crowd))
    return _of_one_radius(result) if np.ndim(radii) == 0 else result


def _along_rows(x: Floats, y: Floats, height: float) -> npt.NDArray[np.intp]:
    """Order by strips of rows and by pieces of them: the pixels of one part lie together in memory."""
    if not height or not len(x):
        return np.argsort(y)
    piece, strip = (
        np.floor(np.clip(centre, -_FAR, _FAR) * (1 / length))
        for centre, length in ((x, _PIECE * height), (y, height))
    )
    piece -= piece.min()
    strip -= strip.min()
    place = strip * (piece.max() + 1) + piece
    # numpy sorts short integers by their digits, which is several times faster
    if place.max() < 1 << 16:
        return np.argsort(place.astype(np.uint16), kind="stable")
    return np.argsort(place)


def _columns(count: int, radii: int, errors: bool, background: bool) -> CoreResult:
    """Results of shape (n, radii), to be filled in."""
    shape = count, radii
    return CoreResult(
        flux=np.full(shape, np.nan),
        flux_err=np.full(shape, np.nan) if errors else None,
        area=np.zeros(shape),
        background=np.full(count, np.nan) if background else None,
        background_err=np.full(count, np.nan) if background else None,
        flags=np.full(shape, int(ApertureFlag.BAD_CENTRE)),
    )


def _put(result: CoreResult, which: npt.NDArray[np.intp], measured: Measured) -> None:
    for name in CoreResult.__dataclass_fields__:
        column = getattr(result, name)
        if column is not None:
            column[which] = getattr(measured, name).T


def _of_one_radius(result: CoreResult) -> CoreResult:
    columns = (getattr(result, name) for name in CoreResult.__dataclass_fields__)
    return CoreResult(*(column if column is None or column.ndim == 1 else column[:, 0] for column in columns))


def _axes(
    ellipse: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike] | None, count: int
) -> tuple[Floats, Floats, Floats] | None:
    """Semi-axes and angle of each source."""
    if ellipse is None:
        return None
    if not isinstance(ellipse, Sequence | np.ndarray) or isinstance(ellipse, str) or len(ellipse) != 3:
        raise PhotometryError(f"ellipse is {ellipse!r}; wanted: three, a, b and theta")
    names = ("a", "pix"), ("b", "pix"), ("theta", "rad")
    parts = [
        numbers(f"{name} of ellipse", part, unit) for (name, unit), part in zip(names, ellipse, strict=True)
    ]
    if any(part.shape not in ((), (1,), (count,)) for part in parts):
        raise PhotometryError(
            f"ellipse has parts of shapes {[part.shape for part in parts]}; wanted: a, b and theta, each one "
            f"number or of shape ({count},)"
        )
    a, b, theta = (np.broadcast_to(part, (count,)) for part in parts)
    return a, b, theta


def _shapes(
    axes: tuple[Floats, Floats, Floats] | None, some: npt.NDArray[np.intp]
) -> tuple[Shape, npt.NDArray[np.bool_]]:
    """Shapes of some sources for radius 1, and which of them make sense."""
    if axes is None:
        return Shape.circles(1.0, len(some)), np.ones(len(some), bool)
    a, b, theta = (values[some] for values in axes)
    sound = np.isfinite(a) & np.isfinite(b) & np.isfinite(theta) & (a > 0) & (b > 0) & (a <= 1e8) & (b <= 1e8)
    a, b, theta = (np.where(sound, part, 1.0) for part in (a, b, theta))
    return Shape(a, b, np.cos(theta), np.sin(theta), round=False), sound
