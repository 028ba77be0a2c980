"""The detectors of SimCam: numbers that hold for all, what each leaves on its images, how it is read out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.time import Time

from pipetask.simulate.stars import Floats

INSTRUMENT: Final = "SimCam"
PIXEL_SCALE: Final = 0.5  # arcsec
GAIN: Final = 1.5  # electron / adu
READ_NOISE: Final = 5.0  # electron
BIAS: Final = 1000.0  # adu
SATURATION: Final = 60_000.0  # adu, where the converter ends
OVERSCAN: Final = 16  # columns, on the right-hand side
EXPOSURE_TIME: Final = 30.0  # s
ZERO_POINT: Final = 28.0  # mag of 1 adu in the exposure
NONLINEARITY: Final = 0.04  # part of the signal that is missing at SATURATION


@dataclass(frozen=True, slots=True)
class Signature:
    """What one detector adds to light, and takes from it.

    Parameters
    ----------
    bias : `numpy.ndarray`, shape (ny, nx)
        Pattern on top of the constant bias [adu].
    dark : `numpy.ndarray`, shape (ny, nx)
        Dark current [electron / s / pixel]; one pixel in a thousand is hot.
    response : `numpy.ndarray`, shape (ny, nx)
        Part of the light that is collected, through one filter; its median is 1.
    """

    bias: Floats
    dark: Floats
    response: Floats

    @classmethod
    def of(cls, detector: int, band: str, shape: tuple[int, int]) -> Signature:
        """Return that of a detector, the same each time; bias and dark don't depend on the band."""
        rng = np.random.default_rng([detector, *shape])
        y, x = (np.linspace(-1, 1, n) for n in shape)
        bias = 4 * np.sin(np.arange(shape[1]) / 7) + rng.normal(0, 3, shape)
        dark = np.where(rng.random(shape) < 1e-3, rng.uniform(10, 100, shape), 0.3 + 0.1 * x)
        filtered = np.random.default_rng([detector, *shape, *band.encode()])
        response = 1 - 0.15 * np.add.outer(y**2, x**2) + filtered.normal(0, 0.015, shape)
        return cls(bias, dark, response / np.median(response))

    def collected(self, light: Floats, seconds: float) -> Floats:
        """Return the electrons that light [electron] and dark current leave in each pixel."""
        return light * self.response + self.dark * seconds


def linearity_table() -> dict[str, Floats]:
    """Return the signals that are ``measured`` and those that are ``true`` [adu]."""
    true = np.linspace(0, SATURATION, 200)
    return {"measured": _measured(true), "true": true}


def _measured(signal: Floats) -> Floats:
    return signal * (1 - NONLINEARITY * signal / SATURATION)


def facts(exposure: int, detector: int, band: str, begin: Time) -> dict[str, str | int | float]:
    """Return the header cards of a science image."""
    return {
        "INSTRUME": INSTRUMENT,
        "EXPNUM": exposure,
        "DETECTOR": detector,
        "FILTER": band,
        "DATE-OBS": begin.isot,
        "EXPTIME": EXPOSURE_TIME,
        "OBSTYPE": "science",
        "GAIN": GAIN,
        "RDNOISE": READ_NOISE,
        "SATURATE": SATURATION,
        "MAGZERO": ZERO_POINT,
        "PIXSCALE": PIXEL_SCALE,
    }


def write_raw(
    folder: Path,
    rng: np.random.Generator,
    electrons: Floats,
    header: fits.Header,
    dead_columns: npt.NDArray[np.int64] | tuple[()] = (),
    signature: Signature | None = None,
) -> None:
    """Read a detector out: gain, dead columns, overscan, bias, read noise, the converter's end."""
    ny, nx = electrons.shape
    electrons[:, dead_columns] = 0
    adu = np.pad(electrons, ((0, 0), (0, OVERSCAN))) / GAIN
    if signature is not None:
        adu = _measured(adu)
        adu[:, :nx] += signature.bias
    adu += BIAS + rng.normal(0, READ_NOISE / GAIN, adu.shape)
    header["TRIMSEC"] = f"[1:{nx},1:{ny}]"
    header["BIASSEC"] = f"[{nx + 1}:{nx + OVERSCAN},1:{ny}]"
    pixels = np.clip(np.rint(adu), 0, SATURATION).astype(np.uint16)
    name = f"simcam_{header['EXPNUM']}_{header['DETECTOR']}.fits"
    fits.PrimaryHDU(pixels, header).writeto(folder / name, overwrite=True)
