"""Centres and shapes of many sources at once, weighted by a Gaussian that fits each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS: Final = 30
_CHUNK: Final = 2**22  # pixels of all stamps that are held at a time


@dataclass(frozen=True, slots=True)
class Moments:
    """Columns of shape (n,); NaN where the weights found no source.

    Parameters
    ----------
    x, y : `numpy.ndarray`
        Centres [pixel].
    x_err, y_err : `numpy.ndarray`
        Standard errors of the centres [pixel].
    xx, yy, xy : `numpy.ndarray`
        Second moments of the Gaussian that fits best [pixel²].
    """

    x: Floats
    y: Floats
    x_err: Floats
    y_err: Floats
    xx: Floats
    yy: Floats
    xy: Floats

    @property
    def sigma(self) -> Floats:
        """Geometric mean of the axes' standard deviations [pixel]."""
        return np.asarray(np.maximum(self.xx * self.yy - self.xy**2, 0) ** 0.25)


def gaussian_moments(
    image: npt.NDArray[np.floating],
    variance: npt.NDArray[np.floating],
    unusable: npt.NDArray[np.bool_],
    x: Floats,
    y: Floats,
    *,
    sigma: float,
) -> Moments:
    """Measure centres and second moments with a weight that becomes the source's own Gaussian.

    Parameters
    ----------
    image, variance : `numpy.ndarray`, shape (ny, nx)
        Background-subtracted pixels and their variance.
    unusable : `numpy.ndarray`, shape (ny, nx), bool
        Pixels that are left out.
    x, y : `numpy.ndarray`, shape (n,)
        First guesses [pixel].
    sigma : `float`
        First guess of the width [pixel]; stamps reach 4 of it from the centre.

    Returns
    -------
    moments : `Moments`
        A source that is lost (no light, a moved centre, no positive shape) has NaN.

    Notes
    -----
    With weights W and moments M of the weighted light, a Gaussian source has the covariance
    (M^-1 - W^-1)^-1, which becomes the next W; at the fixed point M = W / 2. The centre moves by twice the
    weighted mean offset, and its variance is 4 Σ w² v d² / (Σ w I)².
    """
    reach = max(3, int(np.ceil(4 * sigma)))
    size = 2 * reach + 1
    columns = np.full((7, len(x)), np.nan)
    step = max(1, _CHUNK // size**2)
    padded = [
        np.pad(plane, reach + 1, constant_values=fill)
        for plane, fill in (
            (np.where(unusable, 0, image), 0),
            (np.where(unusable, 0, variance), 0),
            (unusable, True),
        )
    ]
    inside = np.flatnonzero((x > -0.5) & (x < image.shape[1] - 0.5) & (y > -0.5) & (y < image.shape[0] - 0.5))
    for first in range(0, len(inside), step):
        part = inside[first : first + step]
        columns[:, part] = _measure(padded, x[part], y[part], sigma, reach)
    return Moments(*columns)


def _measure(padded: list[npt.NDArray[np.generic]], x: Floats, y: Floats, sigma: float, reach: int) -> Floats:
    offsets = np.arange(-reach, reach + 1)
    column, row = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
    where = (row + reach + 1)[:, None, None] + offsets[:, None], (column + reach + 1)[:, None, None] + offsets
    light, noise, bad = (plane[where] for plane in padded)
    cx, cy = x - column, y - row
    xx = yy = np.full(len(x), sigma**2)
    xy = np.zeros(len(x))
    lost = np.zeros(len(x), bool)
    for _ in range(_ROUNDS):
        dx = offsets[None, None, :] - cx[:, None, None]
        dy = offsets[None, :, None] - cy[:, None, None]
        determinant = xx * yy - xy**2
        a, b, c = (part[:, None, None] for part in (yy / determinant, xx / determinant, -xy / determinant))
        weight = np.where(bad, 0, np.exp(-0.5 * (a * dx**2 + b * dy**2 + 2 * c * dx * dy)))
        weighted = weight * light
        total = weighted.sum(axis=(1, 2))
        lost |= ~(total > 0)
        safe = np.where(lost, 1, total)
        sx, sy = (weighted * dx).sum(axis=(1, 2)) / safe, (weighted * dy).sum(axis=(1, 2)) / safe
        mxx = (weighted * dx**2).sum(axis=(1, 2)) / safe - sx**2
        myy = (weighted * dy**2).sum(axis=(1, 2)) / safe - sy**2
        mxy = (weighted * dx * dy).sum(axis=(1, 2)) / safe - sx * sy
        cx, cy = cx + np.where(lost, 0, 2 * sx), cy + np.where(lost, 0, 2 * sy)
        lost |= (np.abs(cx - (x - column)) > 2 * sigma) | (np.abs(cy - (y - row)) > 2 * sigma)
        new = _without_weight((mxx, myy, mxy), (xx, yy, xy))
        sane = (new[0] > 0.05) & (new[1] > 0.05) & (new[0] * new[1] > new[2] ** 2)
        sane &= (new[0] < (2 * reach) ** 2) & (new[1] < (2 * reach) ** 2)
        lost |= ~sane
        keep = ~lost
        xx, yy, xy = (np.where(keep, n, o) for n, o in zip(new, (xx, yy, xy), strict=True))
    spread = weight**2 * noise
    x_err = 2 * np.sqrt((spread * dx**2).sum(axis=(1, 2))) / safe
    y_err = 2 * np.sqrt((spread * dy**2).sum(axis=(1, 2))) / safe
    found = np.stack([cx + column, cy + row, x_err, y_err, xx, yy, xy])
    return np.where(lost, np.nan, found)


def _without_weight(
    measured: tuple[Floats, Floats, Floats], weight: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return (M^-1 - W^-1)^-1 of symmetric matrices given by xx, yy, xy."""
    inverses = []
    for xx, yy, xy in (measured, weight):
        determinant = xx * yy - xy**2
        determinant = np.where(determinant == 0, np.nan, determinant)
        inverses.append((yy / determinant, xx / determinant, -xy / determinant))
    a, b, c = (m - w for m, w in zip(*inverses, strict=True))
    determinant = a * b - c**2
    determinant = np.where(determinant == 0, np.nan, determinant)
    return b / determinant, a / determinant, -c / determinant
