"""Fast sums: circles inside the image, in chunks whose pixels are fetched once and kept in the cache.

Pixels are laid out like the weights (`lattice_weights`): four quadrants, the sources last. Radii up to
`NEAR` share one window per plane; beyond, boundary pixels are fetched band by band, and the inner ones of all
radii come from one folded window (`interior`). A source with a pixel that is not finite gets sums that are
not finite: the general path (`windows`) does those again.
"""

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, bands, reach
from pipetask.photometry.flags import ApertureFlag
from pipetask.photometry.interior import interior_sums
from pipetask.photometry.lattice_weights import Floats, Method, band_cost, lattice_weights
from pipetask.photometry.planes import Integers, Pixels, Planes, gather
from pipetask.photometry.sums import Request, Ring, Sums

# Apertures up to this radius, and rings up to the other, share the window of a source.
NEAR = 16.0
NEAR_RING = 40.0

# Bytes that the window of a chunk may take, and bounds of the number of sources in it
# (benchmarks/photometry.py).
_WINDOW_BYTES = 1 << 21
_CHUNK = 32, 512

# Areas below this part of the full one lack a pixel.
TOUCHED = 1 - 1e-12


def margin(request: Request) -> int:
    """Distance from the edge that the pixel of a centre needs."""
    largest = max((*request.radii, request.ring.r_out if request.ring else 0.0))
    return reach(largest)


def lattice_sums(planes: Planes, x: Floats, y: Floats, request: Request) -> Sums:
    """Sum over circles whose windows lie inside the image; fastest if the sources are ordered by row."""
    column, row = np.floor(x + 0.5), np.floor(y + 0.5)
    return pixel_sums(planes, (column.astype(np.int64), row.astype(np.int64)), (x - column, y - row), request)


def pixel_sums(
    planes: Planes, pixel: tuple[Integers, Integers], offset: tuple[Floats, Floats], request: Request
) -> Sums:
    """Sum over circles given by their central pixel and the centre's offset from its centre, as (x, y)."""
    sums = Sums.nothing(len(request.radii), len(pixel[0]))
    near = [radius for radius in request.radii if radius <= NEAR]
    ring = request.ring.r_out if request.ring else 0.0
    side = 2 * reach(max((*near, ring, 1.0))) + 2
    step = min(max(_WINDOW_BYTES // (8 * side**2), _CHUNK[0]), _CHUNK[1])
    for start in range(0, len(pixel[0]), step):
        part = slice(start, start + step)
        column, row = pixel[0][part], pixel[1][part]
        sums.put(part, _Chunk(planes, column, row, offset[0][part], offset[1][part], request).sums())
    return sums


class _Circle:
    """The weights of one radius for a chunk of sources, and the sums they make of quadrants of pixels."""

    def __init__(self, radius: float, fx: Floats, fy: Floats, method: Method, subpixels: int) -> None:
        self.radius, self._exact, self._count = radius, method == "exact", len(fx)
        self.bands = bands(radius, band_cost(radius, method, subpixels))
        self._lattice = lattice_weights(radius, fx, fy, method, subpixels)
        self._weights: dict[Band, Floats] = {}

    def weights(self, band: Band) -> Floats:
        """Weights of a band, worked out once."""
        if band not in self._weights:
            self._weights[band] = self._lattice.weights(band)
        return self._weights[band]

    def boundary(self, quadrants: Floats) -> Floats:
        """Σ w·pixel over the boundary bands."""
        total = np.zeros(self._count)
        for band in self.bands:
            total += np.einsum("aibjn,aibjn->n", self.weights(band), quadrants[_place(band)])
        return total

    def sum(self, quadrants: Floats) -> Floats:
        """Σ w·pixel."""
        total = self.boundary(quadrants)
        for band in self.bands:
            if band.first_column:
                total += np.einsum("aibjn->n", quadrants[_inner(band)])
        return total

    def full_area(self) -> Floats:
        """Σ w over all pixels."""
        if self._exact:
            return np.full(self._count, np.pi * self.radius**2)
        total = np.zeros(self._count)
        for band in self.bands:
            total += np.einsum("aibjn->n", self.weights(band))
            total += (2 * band.rows - (band.first_row == 0)) * max(2 * band.first_column - 1, 0)
        return total

    def squared(self) -> None:
        """Square the weights; sums are with the squares from here on."""
        for band in self.bands:
            weights = self.weights(band)
            weights *= weights


def _place(band: Band) -> tuple[slice, slice, slice, slice]:
    every = slice(None)
    return (
        every,
        slice(band.first_row, band.last_row + 1),
        every,
        slice(band.first_column, band.last_column + 1),
    )


def _inner(band: Band) -> tuple[slice, slice, slice, slice]:
    every = slice(None)
    return every, slice(band.first_row, band.last_row + 1), every, slice(0, band.first_column)


class _Chunk:
    """A few hundred sources."""

    def __init__(
        self, planes: Planes, column: Integers, row: Integers, fx: Floats, fy: Floats, request: Request
    ) -> None:
        self._planes, self._request = planes, request
        self._column, self._row, self._fx, self._fy = column, row, fx, fy
        self._sums = Sums.nothing(len(request.radii), len(row))

    def sums(self) -> Sums:
        """All sums of the chunk."""
        near = [index for index, radius in enumerate(self._request.radii) if radius <= NEAR]
        far = [index for index, radius in enumerate(self._request.radii) if radius > NEAR]
        with np.errstate(invalid="ignore", over="ignore"):
            if near or self._request.ring:
                self._near(near)
            if far:
                self._far(far)
        return self._sums

    def _circle(self, radius: float, method: Method) -> _Circle:
        return _Circle(radius, self._fx, self._fy, method, self._request.subpixels)

    def _window(self, plane: Pixels, size: int, bad: npt.NDArray[np.bool_] | None) -> Floats:
        """Pixels about each source in quadrants, the bad ones and the copies of the central ones nought."""
        where = self._row, self._column - size, np.arange(-size, size + 1), 2 * size + 1
        pixels = gather(plane, *where)
        if bad is not None:
            cut = (bad.shape[1] - pixels.shape[1]) // 2
            inside = slice(cut, bad.shape[1] - cut)
            np.putmask(pixels, bad[:, inside, inside], 0)
        return _quadrants(pixels, size)

    def _near(self, indices: list[int]) -> None:
        request, sums, mask = self._request, self._sums, self._planes.mask
        radii = [request.radii[index] for index in indices]
        size = reach(max((*radii, request.ring.r_out if request.ring else 0.0)))
        bad, usable = None, None
        if mask is not None:
            where = self._row, self._column - size, np.arange(-size, size + 1), 2 * size + 1
            found = gather(mask, *where) != 0
            if found.any():
                bad, usable = found, _quadrants(~found, size)
        image = self._window(self._planes.image, size, bad)
        variance = None
        if self._planes.variance is not None and radii:
            variance = self._window(self._planes.variance, reach(max(radii)), bad)
        for index, radius in zip(indices, radii, strict=True):
            circle = self._circle(radius, request.method)
            sums.flux[index] = circle.sum(image)
            sums.full[index] = circle.full_area()
            sums.area[index] = sums.full[index] if usable is None else circle.sum(usable)
            if variance is not None:
                if request.power == 2:
                    circle.squared()
                sums.variance[index] = circle.sum(variance)
            self._flag(index)
        if request.ring:
            self._ring(request.ring, image, usable)

    def _flag(self, index: int) -> None:
        touched = self._sums.area[index] < self._sums.full[index] * TOUCHED
        self._sums.flags[index] = touched * np.int64(ApertureFlag.MASKED)

    def _ring(self, ring: Ring, image: Floats, usable: Floats | None) -> None:
        """Sum over the ring, whose hole is blanked first so that a bright star leaves no trace."""
        outer = self._circle(ring.r_out, ring.method)
        inner = self._circle(ring.r_in, ring.method) if ring.r_in > 0 else None

        def blank(quadrants: Floats) -> None:
            for band in inner.bands if inner else ():
                quadrants[_inner(band)] = 0.0

        def total(quadrants: Floats) -> Floats:
            return outer.sum(quadrants) - inner.boundary(quadrants) if inner else outer.sum(quadrants)

        blank(image)
        if usable is None:
            area = outer.full_area()
            if inner:
                area -= inner.full_area()
        else:
            blank(usable)
            area = total(usable)
        filled = area > 1e-10 * ring.r_out**2  # beyond what rounding leaves of nothing
        mean = np.divide(total(image), area, out=np.full(len(area), np.nan), where=filled)
        square = total(image * image)
        spread = square - mean * mean * area
        # few digits are left where the level is high above its scatter: there the level comes off first
        if (spread < 1e-6 * square).any():
            image -= mean
            if usable is None:
                blank(image)
                _blank_copies(image)
            else:
                image *= usable
            spread = total(image * image)
        spread = np.sqrt(np.maximum(spread, 0.0))
        self._sums.background[:] = mean
        self._sums.background_err[:] = np.divide(spread, area, out=np.full(len(area), np.nan), where=filled)
        self._sums.ring_area[:] = np.where(filled, area, 0.0)

    def _far(self, indices: list[int]) -> None:
        request, sums, planes = self._request, self._sums, self._planes
        circles = [self._circle(request.radii[index], request.method) for index in indices]
        where = self._row, self._column, [circle.bands for circle in circles]
        flux, usable = interior_sums(planes.image, planes.mask, *where)
        variance = None if planes.variance is None else interior_sums(planes.variance, planes.mask, *where)[0]
        for place, (index, circle) in enumerate(zip(indices, circles, strict=True)):
            sums.full[index] = circle.full_area()
            sums.flux[index], sums.area[index] = flux[place], usable[place]
            if variance is not None:
                sums.variance[index] = variance[place]
            for band in circle.bands:
                self._far_band(index, circle, band)
            if planes.mask is None:
                sums.area[index] = sums.full[index]
            self._flag(index)

    def _far_band(self, index: int, circle: _Circle, band: Band) -> None:
        """Add the boundary pixels of a band, fetched for it alone."""
        weights = circle.weights(band)
        sums, planes = self._sums, self._planes
        bad = None if planes.mask is None else self._pieces(planes.mask, band) != 0
        if bad is not None and not bad.any():
            bad = None
        sums.flux[index] += _weighted(weights, self._pieces(planes.image, band), bad)
        if planes.mask is not None:
            ones = np.ones_like(bad) if bad is not None else None
            sums.area[index] += (
                np.einsum("aibjn->n", weights) if ones is None else _weighted(weights, ones, bad)
            )
        if planes.variance is not None:
            if self._request.power == 2:
                weights *= weights
            sums.variance[index] += _weighted(weights, self._pieces(planes.variance, band), bad)

    def _pieces(self, plane: Pixels, band: Band) -> Pixels:
        """Pixels of a band's boundary, shape (n, down and up rows, left then right columns)."""
        offsets = np.arange(band.first_row, band.last_row + 1)
        rows = np.concatenate([-offsets, offsets])
        left = gather(plane, self._row, self._column - band.last_column, rows, band.columns)
        right = gather(plane, self._row, self._column + band.first_column, rows, band.columns)
        return np.concatenate([left[:, :, ::-1], right], axis=2)


def _weighted(weights: Floats, pieces: Pixels, bad: npt.NDArray[np.bool_] | None) -> Floats:
    """Σ w·pixel over the usable pixels of a band, given as `_Chunk._pieces` does."""
    if bad is not None:
        np.putmask(pieces, bad, 0)
    quadrants = np.empty((pieces.shape[1], pieces.shape[2], len(pieces)))
    np.copyto(quadrants, pieces.transpose(1, 2, 0))
    total: Floats = np.einsum("aibjn,aibjn->n", weights, quadrants.reshape(weights.shape))
    return total


def _quadrants(pixels: Pixels, size: int) -> Floats:
    """Change windows (n, rows, columns) to quadrants."""
    quadrants = np.empty((2, size + 1, 2, size + 1, len(pixels)))
    down, up = slice(size, None, -1), slice(size, None)
    for row, rows in enumerate((down, up)):
        for column, columns in enumerate((down, up)):
            np.copyto(quadrants[row, :, column], pixels[:, rows, columns].transpose(1, 2, 0))
    _blank_copies(quadrants)
    return quadrants


def _blank_copies(quadrants: Floats) -> None:
    quadrants[0, 0] = 0.0
    quadrants[:, :, 0, 0] = 0.0
