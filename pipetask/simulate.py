"""Simulated exposures with a known truth: for the demo, tests and benchmarks.

A survey of the camera *SimCam* (``examples/cameras/simcam.yaml``) looks at one field of stars: each visit is
dithered, each detector has its own dead columns, and every image has a sky gradient, photon and read noise,
cosmic rays and saturated stars. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time, TimeDelta
from astropy.wcs import WCS
from scipy.special import erf

Floats = npt.NDArray[np.float64]

INSTRUMENT: Final = "SimCam"
PIXEL_SCALE: Final = 0.5  # arcsec
GAIN: Final = 1.5  # electron / adu
READ_NOISE: Final = 5.0  # electron
BIAS: Final = 1000.0  # adu
SATURATION: Final = 60_000.0  # adu, where the converter ends
OVERSCAN: Final = 16  # columns, on the right-hand side
EXPOSURE_TIME: Final = 30.0  # s
ZERO_POINT: Final = 28.0  # mag of 1 adu in the exposure
SIGMA_PER_FWHM: Final = 1 / (2 * np.sqrt(2 * np.log(2)))
_REACH = 6.0  # sigmas; what a Gaussian has beyond is below 1e-8 of its flux


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


def star_image(shape: tuple[int, int], x: Floats, y: Floats, flux: Floats, fwhm: float) -> Floats:
    """Draw stars with a Gaussian point-spread function, integrated over each pixel.

    Parameters
    ----------
    shape : `tuple` of `int`
        Size of the image (ny, nx).
    x, y : `numpy.ndarray`, shape (n,)
        Centres [pixel], the centre of the first pixel at 0.0. Stars beyond the edges are drawn as far as
        they reach into the image.
    flux : `numpy.ndarray`, shape (n,)
        Total flux of each, in the unit of the image.
    fwhm : `float`
        Full width at half maximum [pixel].

    Returns
    -------
    image : `numpy.ndarray`, shape ``shape``, float64
        The sum of all stars.
    """
    image = np.zeros(shape)
    sigma = fwhm * SIGMA_PER_FWHM
    reach = int(np.ceil(_REACH * sigma))
    for x0, y0, total in zip(x, y, flux, strict=True):  # each star touches its own small window
        columns = np.arange(max(int(x0) - reach, 0), min(int(x0) + reach + 2, shape[1]))
        rows = np.arange(max(int(y0) - reach, 0), min(int(y0) + reach + 2, shape[0]))
        if len(columns) and len(rows):
            part = total * np.outer(_shares(rows, y0, sigma), _shares(columns, x0, sigma))
            image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += part
    return image


def _shares(pixels: npt.NDArray[np.int64], centre: float, sigma: float) -> Floats:
    """Part of a one-dimensional Gaussian that falls on each of some consecutive pixels."""
    edges = (np.append(pixels, pixels[-1] + 1) - 0.5 - centre) / (np.sqrt(2) * sigma)
    return np.diff(erf(edges)) / 2


def simulate_survey(
    folder: str | Path,
    *,
    visits_per_band: int = 2,
    bands: Sequence[str] = ("g", "r"),
    detectors: int = 4,
    shape: tuple[int, int] = (512, 512),
    stars_per_detector: int = 100,
    seed: int = 20_260_101,
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
            saturated = _peak(np.asarray(stars[band]), seeing) > (SATURATION - BIAS) * GAIN
            _add_sky_and_cosmic_rays(rng, electrons, seeing)
            header = wcs.to_header()
            header.update(
                _facts(exposure, detector, band, begin + TimeDelta(60 * i, format="sec"), boresight)
            )
            header.update({f"BADCOL{n}": int(c) for n, c in enumerate(dead_columns[detector])})
            _write(folder, rng, electrons, header, dead_columns[detector])
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
    share = _shares(np.array([0]), 0.0, seeing.fwhm * SIGMA_PER_FWHM)[0]
    return flux * share**2 + seeing.sky


def _add_sky_and_cosmic_rays(rng: np.random.Generator, electrons: Floats, seeing: Seeing) -> None:
    ny, nx = electrons.shape
    slope = np.add.outer(np.linspace(-0.5, 0.5, ny), np.linspace(-0.5, 0.5, nx)) / 2
    electrons += seeing.sky * (1 + seeing.gradient * slope)
    electrons[:] = rng.poisson(electrons)
    for _ in range(rng.poisson(ny * nx / 60_000)):
        length, angle = rng.uniform(2, 12), rng.uniform(0, 2 * np.pi)
        steps = np.arange(0, length, 0.5)
        rows = np.clip(rng.uniform(0, ny) + steps * np.sin(angle), 0, ny - 1).astype(int)
        columns = np.clip(rng.uniform(0, nx) + steps * np.cos(angle), 0, nx - 1).astype(int)
        electrons[rows, columns] += rng.uniform(800, 4000)


def _facts(
    exposure: int, detector: int, band: str, begin: Time, boresight: tuple[float, float]
) -> dict[str, str | int | float]:
    return {
        "INSTRUME": INSTRUMENT,
        "EXPNUM": exposure,
        "DETECTOR": detector,
        "FILTER": band,
        "DATE-OBS": begin.isot,
        "EXPTIME": EXPOSURE_TIME,
        "OBSTYPE": "science",
        "OBJECT": "simulated field",
        "RA": boresight[0],
        "DEC": boresight[1],
        "GAIN": GAIN,
        "RDNOISE": READ_NOISE,
        "SATURATE": SATURATION,
        "MAGZERO": ZERO_POINT,
        "PIXSCALE": PIXEL_SCALE,
    }


def _write(
    folder: Path,
    rng: np.random.Generator,
    electrons: Floats,
    header: fits.Header,
    dead_columns: npt.NDArray[np.int64],
) -> None:
    """Read the detector out: gain, dead columns, overscan, bias, read noise, the converter's end."""
    ny, nx = electrons.shape
    electrons[:, dead_columns] = 0
    adu = np.pad(electrons, ((0, 0), (0, OVERSCAN))) / GAIN
    adu += BIAS + rng.normal(0, READ_NOISE / GAIN, adu.shape)
    header["TRIMSEC"] = f"[1:{nx},1:{ny}]"
    header["BIASSEC"] = f"[{nx + 1}:{nx + OVERSCAN},1:{ny}]"
    pixels = np.clip(np.rint(adu), 0, SATURATION).astype(np.uint16)
    name = f"simcam_{header['EXPNUM']}_{header['DETECTOR']}.fits"
    fits.PrimaryHDU(pixels, header).writeto(folder / name, overwrite=True)
