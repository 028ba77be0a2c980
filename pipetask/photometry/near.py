"""Sums over small circles and rings, from one window of pixels about each source.

The pixels stay as they are fetched, those of a source together; the weights are worked out for many sources
at once, with the sources last, and then turned to the order of the pixels.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipetask.photometry.bands import reach
from pipetask.photometry.lattice_weights import LatticeWeights, Method, band_cost, lattice_weights
from pipetask.photometry.planes import Floats, Integers, Pixels, Planes, gather_squares
from pipetask.photometry.ring_patterns import has_pattern, ring_patterns
from pipetask.photometry.ring_sums import chosen_ring, weighted_ring
from pipetask.photometry.sums import Request, Ring, Sums
from pipetask.photometry.window_weights import by_source, less_hole, middle_slice, window_weights

# Sources whose rings are summed at once: their pixels as floats fit the cache (benchmarks/photometry.py).
_BLOCK = 300

_Windows = TypeVar("_Windows", Pixels, npt.NDArray[np.bool_] | None)


class NearSums:
    """A few hundred sources whose windows lie inside the image."""

    def __init__(
        self, planes: Planes, column: Integers, row: Integers, fx: Floats, fy: Floats, request: Request
    ) -> None:
        self._planes, self._request = planes, request
        self._column, self._row, self._fx, self._fy = column, row, fx, fy

    def put(self, sums: Sums, indices: Sequence[int]) -> None:
        """Fill in the sums over the circles with the given places among the radii, and over the ring."""
        request, ring = self._request, self._request.ring
        radii = [request.radii[index] for index in indices]
        size = reach(max(*radii, ring.r_out if ring else 0.0, 1.0))
        bad = self._bad(size)
        image = _finite(self._fetched(self._planes.image, size), bad)
        # together where they can be: the tables of all radii are made at once
        weighed = [] if ring is None or has_pattern(ring) else [r for r in (ring.r_out, ring.r_in) if r > 0]
        if ring is not None and ring.method == request.method:
            lattices = self._lattices([*radii, *weighed], request.method)
            circles, ring_lattices = lattices[: len(radii)], lattices[len(radii) :]
        else:
            circles = self._lattices(radii, request.method)
            ring_lattices = self._lattices(weighed, ring.method) if ring else []
        if indices:
            self._put_circles(sums, indices, circles, image, bad)
        if ring is not None:
            side = reach(ring.r_out)
            self._put_ring(sums, ring, weighed, ring_lattices, _middle(image, side), _middle(bad, side))

    def _put_circles(
        self,
        sums: Sums,
        indices: Sequence[int],
        lattices: Sequence[LatticeWeights],
        image: Pixels,
        bad: npt.NDArray[np.bool_] | None,
    ) -> None:
        request, variance = self._request, None
        radii = [request.radii[index] for index in indices]
        if self._planes.variance is not None:
            variance = _finite(self._fetched(self._planes.variance, reach(max(radii))), bad)
        for index, radius, lattice in zip(indices, radii, lattices, strict=True):
            cost, size = band_cost(radius, request.method, request.subpixels), reach(radius)
            weights = by_source(window_weights(radius, lattice, cost), lattice.whole)
            sums.full[index] = np.pi * radius**2 if request.method == "exact" else _total(weights)
            hidden = _middle(bad, size)
            if hidden is not None and hidden.any():
                np.copyto(weights, 0.0, where=hidden.reshape(weights.shape))
                sums.area[index] = _total(weights)
            else:
                sums.area[index] = sums.full[index]
            sums.flux[index] = _product(weights, _middle(image, size))
            if variance is not None:
                if request.power == 2:
                    weights *= weights
                sums.variance[index] = _product(weights, _middle(variance, size))

    def _put_ring(
        self,
        sums: Sums,
        ring: Ring,
        radii: Sequence[float],
        lattices: Sequence[LatticeWeights],
        image: Pixels,
        bad: npt.NDArray[np.bool_] | None,
    ) -> None:
        parts = [slice(start, start + _BLOCK) for start in range(0, len(image), _BLOCK)]
        if not radii:
            inside = ring_patterns(ring, self._fx, self._fy)
            if bad is not None:
                inside &= ~bad.reshape(inside.shape)
            for part in parts:
                found = chosen_ring(image[part], inside[part])
                sums.background[part], sums.background_err[part], sums.ring_area[part] = found
            return
        costs = [band_cost(radius, ring.method, self._request.subpixels) for radius in radii]
        window = less_hole(*map(window_weights, radii, lattices, costs))
        for part in parts:
            weights = by_source(window[..., part], lattices[0].whole)
            if bad is not None:
                np.copyto(weights, 0.0, where=bad[part].reshape(weights.shape))
            found = weighted_ring(ring, image[part], weights)
            sums.background[part], sums.background_err[part], sums.ring_area[part] = found

    def _fetched(self, plane: Pixels, size: int) -> Pixels:
        return gather_squares(plane, self._row, self._column, size)

    def _bad(self, size: int) -> npt.NDArray[np.bool_] | None:
        """Which pixels about each source are masked; None if none is."""
        if self._planes.mask is None:
            return None
        bad = self._fetched(self._planes.mask, size)
        bad = bad if bad.dtype == np.bool_ else bad != 0
        return bad if bad.any() else None

    def _lattices(self, radii: Sequence[float], method: Method) -> Sequence[LatticeWeights]:
        if not radii:
            return ()
        return lattice_weights(radii, self._fx, self._fy, method, self._request.subpixels)


def _finite(pixels: Pixels, bad: npt.NDArray[np.bool_] | None) -> Pixels:
    """Pixels about each source, shape (n, side, side), the bad ones set to a finite value in place."""
    if bad is not None and not np.isfinite(pixels).all():
        np.copyto(pixels, np.zeros((), pixels.dtype), where=_middle(bad, pixels.shape[1] // 2))
    return pixels


def _middle(windows: _Windows, size: int) -> _Windows:
    """The parts of windows, sources first, that reach less far."""
    if windows is None:
        return None
    middle = middle_slice(windows.shape[1], 2 * size + 1)
    return windows[:, middle, middle]


def _product(weights: Floats, pixels: Pixels) -> Floats:
    """Σ w·pixel of each window."""
    product: Floats = np.vecdot(weights, np.asarray(pixels, np.float64).reshape(weights.shape))
    return product


def _total(weights: Floats) -> Floats:
    """Σ w of each window."""
    total: Floats = weights @ np.ones(weights.shape[1])
    return total
