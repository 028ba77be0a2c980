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
        if lattice.whole != 1:
            weights = weights / lattice.whole
        bad = None if planes.mask is None else self._pieces(planes.mask, band) != 0
        if bad is not None and not bad.any():
            bad = None
        sums.flux[index] += _weighted(weights, self._pieces(planes.image, band), bad)
        if planes.mask is not None or self._request.method != "exact":
            total = np.einsum("aibjn->n", weights)
            sums.full[index] += total
            sums.area[index] += total if bad is None else _weighted(weights, np.ones_like(bad), bad)
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
    """Σ w·pixel over the usable pixels of a band, given as `FarSums._pieces` does."""
    if bad is not None:
        np.putmask(pieces, bad, 0)
    quadrants = np.empty((pieces.shape[1], pieces.shape[2], len(pieces)))
    np.copyto(quadrants, pieces.transpose(1, 2, 0))
    total: Floats = np.einsum("aibjn,aibjn->n", weights, quadrants.reshape(weights.shape))
    return total
