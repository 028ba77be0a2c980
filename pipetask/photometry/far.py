"""Sums over large circles: inner pixels come as sums from `discs`, those of the boundary are weighed."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, bands
from pipetask.photometry.caps import CapWeights, circle_caps, inner_halves
from pipetask.photometry.discs import Fetched, fetch
from pipetask.photometry.lattice_weights import band_cost
from pipetask.photometry.planes import Floats, Integers, Pixels, Planes, gather
from pipetask.photometry.sample_weights import SampleWeights
from pipetask.photometry.sums import Request, Sums

# Columns of caps whose weights are worked out at once, to fit the cache, and bytes of the boundary pixels
# that are fetched at once (benchmarks/photometry.py).
_COLUMNS = 20_000
_LISTED_BYTES = 1 << 23


class FarSums:
    """A few hundred sources whose circles lie inside the image."""

    def __init__(
        self, planes: Planes, column: Integers, row: Integers, fx: Floats, fy: Floats, request: Request
    ) -> None:
        self._planes, self._request = planes, request
        self._column, self._row, self._fx, self._fy = column, row, fx, fy

    def put(self, sums: Sums, indices: list[int]) -> None:
        """Fill in the sums over the circles with the given places among the radii."""
        if self._request.method == "exact":
            self._put_exact(sums, indices)
        else:
            self._put_sampled(sums, indices)
        if self._planes.mask is None:
            sums.area[indices] = sums.full[indices]

    def _put_inner(
        self, sums: Sums, part: slice, indices: Sequence[int], halves: Sequence[Integers], listed: Integers
    ) -> tuple[Fetched, Fetched | None]:
        """Fill in the sums over pixels that are inside wherever the centre is; fetch the listed ones."""
        planes, where = self._planes, (self._row[part], self._column[part], halves, listed)
        image = fetch(planes.image, planes.mask, *where)
        sums.flux[indices, part], sums.area[indices, part] = image.total, image.count
        for index, half in zip(indices, halves, strict=True):
            sums.full[index, part] = 2 * np.maximum(2 * half - 1, 0).sum() - max(2 * half[0] - 1, 0)
        if planes.variance is None:
            return image, None
        variance = fetch(planes.variance, planes.mask, *where)
        sums.variance[indices, part] = variance.total
        return image, variance

    def _put_exact(self, sums: Sums, indices: Sequence[int]) -> None:
        circles = [circle_caps(self._request.radii[index]) for index in indices]
        halves = [inner_halves(circle.radius) for circle in circles]
        pairs = [caps for circle in circles for caps in (circle.upright, circle.sideways)]
        places = [caps.places(self._planes.shape[1]) for caps in pairs]
        ends = np.cumsum([len(some) for some in places]).tolist()
        lists = [slice(end - len(some), end) for end, some in zip(ends, places, strict=True)]
        listed = np.concatenate(places)
        for together in _parts(len(self._row), _LISTED_BYTES // (8 * len(listed))):
            planes = self._put_inner(sums, together, indices, halves, listed)
            for place, (index, circle) in enumerate(zip(indices, circles, strict=True)):
                step = _COLUMNS // (4 * circle.upright.shape[-1])
                for some in _parts(together.stop - together.start, step):
                    part = slice(together.start + some.start, together.start + some.stop)
                    weights = CapWeights(circle, self._fx[part], self._fy[part])
                    for found, pixels in zip(
                        (weights.upright(), weights.sideways()), lists[2 * place : 2 * place + 2], strict=True
                    ):
                        self._add_caps(sums.take(part), index, found, planes, pixels, some)
        for index, circle in zip(indices, circles, strict=True):
            sums.full[index] = np.pi * circle.radius**2

    def _add_caps(
        self,
        sums: Sums,
        index: int,
        weights: tuple[Floats, Floats, Integers],
        planes: tuple[Fetched, Fetched | None],
        pixels: slice,
        some: slice,
    ) -> None:
        """Add the pixels of a pair of caps, which are among the pixels fetched of some sources."""
        partly, highest, places = weights
        shape = 2, 2, partly.shape[2] + 1, *partly.shape[3:]
        bad = None
        if planes[0].bad is not None:
            bad = planes[0].bad[pixels, some].reshape(shape)
            np.copyto(partly, 0.0, where=bad[:, :, :-1])
            np.copyto(highest, 0.0, where=bad.take(places))
        if self._planes.mask is not None:
            sums.area[index] += np.einsum("abkmn->n", partly) + np.einsum("abmn->n", highest)
        for total, plane in zip((sums.flux, sums.variance), planes, strict=True):
            if plane is None:
                continue
            values = plane.listed[pixels, some].astype(np.float64).reshape(shape)
            if bad is not None:
                np.copyto(values, 0.0, where=bad)
            if total is sums.variance and self._request.power == 2:
                partly *= partly
                highest *= highest
            total[index] += np.einsum("abkmn,abkmn->n", partly, values[:, :, :-1])
            total[index] += np.einsum("abmn,abmn->n", highest, values.take(places))

    def _put_sampled(self, sums: Sums, indices: Sequence[int]) -> None:
        request = self._request
        radii = [request.radii[index] for index in indices]
        cost = band_cost(0.0, request.method, request.subpixels)
        divisions = request.subpixels if request.method == "subpixel" else 1
        circles = [bands(radius, cost) for radius in radii]
        halves = [
            np.repeat([band.first_column for band in some], [band.rows for band in some]) for some in circles
        ]
        self._put_inner(sums, slice(None), indices, halves, np.empty(0, np.int64))
        lattices = SampleWeights.several(radii, self._fx, self._fy, divisions)
        for index, some, lattice in zip(indices, circles, lattices, strict=True):
            for band in some:
                self._add_band(sums, index, lattice, band)

    def _add_band(self, sums: Sums, index: int, lattice: SampleWeights, band: Band) -> None:
        """Add the boundary pixels of a band, fetched for it alone."""
        planes = self._planes
        weights = lattice.weights(band) / lattice.whole
        pixels = self._quadrants(planes.image, band, np.float64)
        total, bad = np.einsum("aibjn->n", weights), None
        sums.full[index] += total
        if planes.mask is not None:
            bad = self._quadrants(planes.mask, band, planes.mask.dtype) != 0
            if bad.any():
                np.copyto(weights, 0.0, where=bad)
                np.copyto(pixels, 0.0, where=bad)
                total = np.einsum("aibjn->n", weights)
        sums.area[index] += total
        sums.flux[index] += np.einsum("aibjn,aibjn->n", weights, pixels)
        if planes.variance is not None:
            if self._request.power == 2:
                weights *= weights
            pixels = self._quadrants(planes.variance, band, np.float64)
            if bad is not None:
                np.copyto(pixels, 0.0, where=bad)
            sums.variance[index] += np.einsum("aibjn,aibjn->n", weights, pixels)

    def _quadrants(self, plane: Pixels, band: Band, dtype: npt.DTypeLike) -> Pixels:
        """Pixels of a band's boundary, laid out like the weights."""
        offsets = np.arange(band.first_row, band.last_row + 1)
        rows = np.concatenate([-offsets, offsets])
        quadrants = np.empty((2, band.rows, 2, band.columns, len(self._row)), dtype)
        left = gather(plane, self._row, self._column - band.last_column, rows, band.columns)
        right = gather(plane, self._row, self._column + band.first_column, rows, band.columns)
        for side, pixels in enumerate((left[:, :, ::-1], right)):
            sources_last = pixels.transpose(1, 2, 0).reshape(2, band.rows, band.columns, -1)
            quadrants[:, :, side] = sources_last
        return quadrants


def _parts(count: int, step: int) -> Iterator[slice]:
    """Cut a number of sources into parts."""
    for start in range(0, count, max(1, step)):
        yield slice(start, min(start + max(1, step), count))
