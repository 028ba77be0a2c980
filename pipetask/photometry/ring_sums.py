"""Mean of the pixels in rings and its standard error, from windows of pixels about the sources."""

import numpy as np
import numpy.typing as npt

from pipetask.photometry.planes import Floats, Pixels
from pipetask.photometry.sums import Ring


def weighted_ring(ring: Ring, image: Pixels, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean of the pixels of windows, shape (n, side, side), by their weights, its error, and the area.

    ``weights`` has shape (n, side * side), nought for pixels that are not usable.
    """
    pixels = image.astype(np.float64).reshape(weights.shape)
    area = weights @ np.ones(weights.shape[1])
    area[area <= 1e-10 * ring.r_out**2] = 0.0  # what rounding leaves of nothing
    mean = _ratio(np.vecdot(weights, pixels), area)
    pixels *= pixels
    square = np.vecdot(weights, pixels)
    spread = _about_mean(square, mean, area)
    if _lacks_digits(spread, square):
        np.subtract(image.reshape(weights.shape), mean[:, None], out=pixels)
        pixels *= pixels
        spread = np.vecdot(weights, pixels)
    return mean, _error(spread, area), area


def chosen_ring(image: Pixels, inside: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Mean of the pixels of windows that are ``inside``, shape (n, side * side), its error, the number."""
    if image.dtype.itemsize > 8:
        image = image.astype(np.float64)
    # all bits set where inside, else none: the others become nought, whatever they are
    chosen = np.negative(inside.view(np.int8)).astype(f"i{image.dtype.itemsize}")
    chosen &= image.view(chosen.dtype).reshape(chosen.shape)
    pixels = chosen.view(image.dtype).astype(np.float64)
    area = inside.view(np.uint8).sum(axis=1, dtype=np.uint16).astype(np.float64)
    mean = _ratio(pixels @ np.ones(pixels.shape[1]), area)
    square = np.vecdot(pixels, pixels)
    spread = _about_mean(square, mean, area)
    if _lacks_digits(spread, square):
        pixels -= mean[:, None]
        pixels *= inside
        spread = np.vecdot(pixels, pixels)
    return mean, _error(spread, area), area


def _ratio(total: Floats, area: Floats) -> Floats:
    return np.divide(total, area, out=np.full(len(area), np.nan), where=area > 0)


def _about_mean(square: Floats, mean: Floats, area: Floats) -> Floats:
    return square - mean * mean * area


def _lacks_digits(spread: Floats, square: Floats) -> bool:
    """Whether the level is high above its scatter for any source: there it has to come off first."""
    return bool((spread < 1e-6 * square).any())


def _error(spread: Floats, area: Floats) -> Floats:
    return _ratio(np.sqrt(np.maximum(spread, 0.0)), area)
