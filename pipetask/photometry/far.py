"""Sums over large circles: boundary pixels are fetched band by band, the inner ones come from `interior`."""

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import Band, bands
from pipetask.photometry.interior import interior_sums
from pipetask.photometry.lattice_weights import LatticeWeights, band_cost, lattice_weights
from pipetask.photometry.planes import Floats, Integers, Pixels, Planes, gather
from pipetask.photometry.sums import Request, Sums


class FarSums:
    """A few hundred sources whose circles lie inside the image."""

    def __init__(
        self, planes: Planes, column: Integers, row: Integers, fx: Floats, fy: Floats, request: Request
    ) -> None:
        self._planes, self._request = planes, request
        self._column, self._row, self._fx, self._fy = column, row, fx, fy

    def put(self, sums: Sums, indices: list[int]) -> None:
        """Fill in the sums over the circles with the given places among the radii."""
        request, planes = self._request, self._planes
        radii = [request.radii[index] for index in indices]
        all_bands = [bands(radius, band_cost(radius, request.method, request.subpixels)) for radius in radii]
        where = self._row, self._column, all_bands
        flux, usable = interior_sums(planes.image, planes.mask, *where)
        variance = None if planes.variance is None else interior_sums(planes.variance, planes.mask, *where)[0]
        lattices = lattice_weights(radii, self._fx, self._fy, request.method, request.subpixels)
        for place, (index, radius, lattice) in enumerate(zip(indices, radii, lattices, strict=True)):
            some = all_bands[place]
            sums.flux[index], sums.area[index] = flux[place], usable[place]
            sums.full[index] = sum(
                (2 * band.rows - (band.first_row == 0)) * max(2 * band.first_column - 1, 0) for band in some
            )
            if variance is not None:
                sums.variance[index] = variance[place]
            for band in some:
                self._add_band(sums, index, lattice, band)
            if request.method == "exact":
                sums.full[index] = np.pi * radius**2
            if planes.mask is None:
                sums.area[index] = sums.full[index]

    def _add_band(self, sums: Sums, index: int, lattice: LatticeWeights, band: Band) -> None:
        """Add the boundary pixels of a band, fetched for it alone."""
        weights, planes = lattice.weights(band), self._planes
        if weights.dtype != np.float64:
            weights = weights / lattice.whole
        pixels = self._quadrants(planes.image, band, np.float64)
        bad = None
        if planes.mask is not None or self._request.method != "exact":
            total = np.einsum("aibjn->n", weights)
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
