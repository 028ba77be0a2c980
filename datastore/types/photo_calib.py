"""PhotoCalib: the constant that turns counts into flux density and magnitudes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from datastore.errors import InvalidValueError

NJY_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy, from m = -2.5 log10(f / [erg/s/cm²/Hz]) - 48.6."""


@dataclass(frozen=True, slots=True)
class PhotoCalib:
    """Flux density of one count.

    Parameters
    ----------
    calibration : `float`
        Flux density of one count [nJy/adu], positive.
    error : `float`, optional
        Its standard error [nJy/adu].
    """

    calibration: float
    error: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.calibration) and self.calibration > 0):
            raise InvalidValueError(f"PhotoCalib calibration {self.calibration!r} is not a positive number")

    @classmethod
    def from_zero_point(cls, magnitude: float, error: float = 0.0) -> Self:
        """Make it from the AB magnitude of one count and its error [mag]."""
        calibration = 10.0 ** (-0.4 * (magnitude - NJY_ZERO_POINT))
        return cls(calibration, calibration * error * 0.4 * np.log(10.0).item())

    @property
    def zero_point(self) -> float:
        """AB magnitude of one count."""
        return NJY_ZERO_POINT - 2.5 * float(np.log10(self.calibration))

    def nanojansky(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return flux densities [nJy] of counts [adu]."""
        return np.asarray(counts, dtype=np.float64) * self.calibration

    def magnitude(self, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return AB magnitudes of counts [adu]; NaN where they are not positive."""
        flux = self.nanojansky(counts)
        return NJY_ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))

    def nanojansky_error(self, counts: npt.ArrayLike, errors: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the errors [nJy] of flux densities: those of counts [adu], and that of the calibration."""
        counts, errors = (np.asarray(each, dtype=np.float64) for each in (counts, errors))
        return np.hypot(errors * self.calibration, counts * self.error)

    def magnitude_error(self, counts: npt.ArrayLike, errors: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the errors of magnitudes, that of the calibration included; NaN without a magnitude."""
        flux = self.nanojansky(counts)
        relative = self.nanojansky_error(counts, errors) / np.where(flux > 0, flux, np.nan)
        return 2.5 / np.log(10.0) * relative

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PhotoCalib:
        """Rebuild from `to_json`."""
        return cls(**value)
