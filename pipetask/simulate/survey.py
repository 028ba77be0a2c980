"""Raw images of a survey of one field, and what is true of the stars in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.table import Table
from astropy.time import Time, TimeDelta
from astropy.wcs import WCS

from pipetask.simulate.detector import (
    BIAS,
    EXPOSURE_TIME,
    GAIN,
    PIXEL_SCALE,
    SATURATION,
    Signature,
    facts,
    write_raw,
)
from pipetask.simulate.stars import SIGMA_PER_FWHM, Floats, pixel_shares, star_image


@dataclass(frozen=True, slots=True)
class Seeing:
    """The Gaussian point-spread function and sky of one visit.

    Parameters
    ----------
    fwhm : `float`
        Full width at half maximum [pixel].
    sky : `float`
        Sky level in the middle of the image [electron / pixel].
    gradient : `float`
        How much brighter the sky is at the right and upper edges than at the left and lower ones, relative
        to its level.
    """

    fwhm: float = 4.0
    sky: float = 150.0
    gradient: float = 0.2


def simulate_survey(
    folder: str | Path,
    *,
    visits_per_band: int = 2,
    bands: Sequence[str] = ("g", "r"),
    detectors: int = 4,
    shape: tuple[int, int] = (512, 512),
    stars_per_detector: int = 100,
    seed: int = 20_260_101,
    signature: bool = False,
) -> Table:
    """Write the raw images of a small survey, and what is true about them.

    Parameters
    ----------
    folder : path
        Where to write ``simcam_<exposure>_<detector>.fits`` and ``truth.ecsv``; made if need be.
    visits_per_band : `int`, optional
        Number of visits in each band.
    bands : sequence of `str`, optional
        Bands (and filters) of the survey.
    detectors : `int`, optional
        Number of detectors, side by side in a square.
    shape : `tuple` of `int`, optional
        Size of an image without overscan (ny, nx).
    stars_per_detector : `int`, optional
        How many stars a detector sees on average.
    seed : `int`, optional
        Equal seeds give equal files.
    signature : `bool`, optional
        Whether the detectors leave more than a constant bias: the pattern, dark current, response and
        nonlinearity of `Signature`.

    Returns
    -------
    truth : `astropy.table.Table`
        One row per image and star in it: ``visit``, ``detector``, ``band``, ``id``, ``ra``, ``dec`` [deg],
        ``x``, ``y`` [pixel, 0-based, without overscan], ``flux`` [electron], ``saturated``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    stars = _stars(rng, bands, detectors, shape, stars_per_detector)
    dead_columns = {detector: rng.integers(5, shape[1] - 5, 2) for detector in range(detectors)}
    truth: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in _TRUTH}
    begin = Time("2026-01-10T03:00:00", scale="utc")
    for i, band in enumerate(band for _ in range(visits_per_band) for band in bands):
        exposure = 1001 + i
        boresight = 150.0 + rng.uniform(-0.005, 0.005), 2.0 + rng.uniform(-0.005, 0.005)
        seeing = Seeing(fwhm=rng.uniform(3.5, 4.5), sky=rng.uniform(120, 200))
        for detector in range(detectors):
            wcs = _detector_wcs(boresight, detector, detectors, shape)
            x, y = wcs.world_to_pixel_values(stars["ra"], stars["dec"])
            electrons = star_image(shape, x, y, np.asarray(stars[band]), seeing.fwhm)
            own = Signature.of(detector, band, shape) if signature else None
            saturated = _peak(np.asarray(stars[band]), seeing) > (SATURATION - BIAS) * GAIN
            _add_sky(electrons, seeing)
            if own is not None:
                electrons = own.collected(electrons, EXPOSURE_TIME)
            electrons[:] = rng.poisson(electrons)
            _add_cosmic_rays(rng, electrons)
            header = wcs.to_header()
            header.update(
                facts(exposure, detector, band, begin + TimeDelta(60 * i, format="sec"))
                | {"OBJECT": "simulated field", "RA": boresight[0], "DEC": boresight[1]}
            )
            header.update({f"BADCOL{n}": int(c) for n, c in enumerate(dead_columns[detector])})
            write_raw(folder, rng, electrons, header, dead_columns[detector], own)
            inside = (x > -0.5) & (x < shape[1] - 0.5) & (y > -0.5) & (y < shape[0] - 0.5)
            n = int(inside.sum())
            row = (
                np.full(n, exposure),
                np.full(n, detector),
                np.full(n, band),
                *(stars[c][inside] for c in _SKY),
            )
            row += (x[inside], y[inside], stars[band][inside], saturated[inside])
            for name, values in zip(_TRUTH, row, strict=True):
                truth[name].append(np.asarray(values))
    table = Table({name: np.concatenate(parts) for name, parts in truth.items()})
    for name, unit in (("ra", "deg"), ("dec", "deg"), ("x", "pix"), ("y", "pix"), ("flux", "electron")):
        table[name].unit = unit
    table.write(folder / "truth.ecsv", overwrite=True)
    return table


_SKY = ("id", "ra", "dec")
_TRUTH = ("visit", "detector", "band", *_SKY, "x", "y", "flux", "saturated")


def _stars(
    rng: np.random.Generator, bands: Sequence[str], detectors: int, shape: tuple[int, int], density: int
) -> Table:
    """Stars around the field: numbers rise as flux falls, colours scatter by a third."""
    side = int(np.ceil(np.sqrt(detectors)))
    half = (max(shape) * (side + 0.5) / 2 * PIXEL_SCALE) / 3600  # deg
    n = int(density * (2 * half * 3600 / PIXEL_SCALE) ** 2 / (shape[0] * shape[1]))
    flux = 10 ** rng.triangular(2.8, 3.2, 6.8, n)
    stars = Table(
        {
            "id": np.arange(1, n + 1),
            "ra": 150.0 + rng.uniform(-half, half, n) / np.cos(np.radians(2.0)),
            "dec": 2.0 + rng.uniform(-half, half, n),
        }
    )
    for band in bands:
        stars[band] = flux * rng.lognormal(0, 0.3, n)
    return stars


def _detector_wcs(
    boresight: tuple[float, float], detector: int, detectors: int, shape: tuple[int, int]
) -> WCS:
    """Tangent-plane WCS of a detector at its place in the square, with gaps of 20 pixels."""
    side = int(np.ceil(np.sqrt(detectors)))
    column, row = detector % side - (side - 1) / 2, detector // side - (side - 1) / 2
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = boresight
    wcs.wcs.crpix = [
        (shape[1] + 1) / 2 - column * (shape[1] + 20),
        (shape[0] + 1) / 2 - row * (shape[0] + 20),
    ]
    wcs.wcs.cdelt = [-PIXEL_SCALE / 3600, PIXEL_SCALE / 3600]
    wcs.wcs.radesys = "ICRS"
    return wcs


def _peak(flux: Floats, seeing: Seeing) -> Floats:
    """Electrons in the brightest pixel of a star that is centred on it."""
    share = pixel_shares(np.array([0]), 0.0, seeing.fwhm * SIGMA_PER_FWHM)[0]
    return flux * share**2 + seeing.sky


def _add_sky(electrons: Floats, seeing: Seeing) -> None:
    ny, nx = electrons.shape
    slope = np.add.outer(np.linspace(-0.5, 0.5, ny), np.linspace(-0.5, 0.5, nx)) / 2
    electrons += seeing.sky * (1 + seeing.gradient * slope)


def _add_cosmic_rays(rng: np.random.Generator, electrons: Floats) -> None:
    ny, nx = electrons.shape
    for _ in range(rng.poisson(ny * nx / 60_000)):
        length, angle = rng.uniform(2, 12), rng.uniform(0, 2 * np.pi)
        steps = np.arange(0, length, 0.5)
        rows = np.clip(rng.uniform(0, ny) + steps * np.sin(angle), 0, ny - 1).astype(int)
        columns = np.clip(rng.uniform(0, nx) + steps * np.cos(angle), 0, nx - 1).astype(int)
        electrons[rows, columns] += rng.uniform(800, 4000)
