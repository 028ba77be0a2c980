"""Raw bias, dark and flat frames of SimCam's detectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time, TimeDelta

from pipetask.simulate.detector import Signature, facts, write_raw

FLAT_LEVEL = 30_000.0  # electron, that the lamp gives in the first flat
DARK_TIME = 300.0  # s


def simulate_calibrations(
    folder: str | Path,
    *,
    frames: int = 5,
    bands: Sequence[str] = ("g", "r"),
    detectors: int = 4,
    shape: tuple[int, int] = (512, 512),
    seed: int = 20_260_109,
) -> None:
    """Write raw frames of the detectors' `Signature`; some pixels of each frame are hit by cosmic rays.

    Parameters
    ----------
    folder : path
        Where to write ``simcam_<exposure>_<detector>.fits``; made if need be.
    frames : `int`, optional
        Number of frames of each kind: bias, dark, and flat in each band. The lamp of the flats fades from one
        to the next.
    bands : sequence of `str`, optional
        Bands of the flats.
    detectors, shape
        As of the survey, see `simulate_survey`.
    seed : `int`, optional
        Equal seeds give equal files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    begin = Time("2026-01-09T20:00:00", scale="utc")
    plan = [("bias", bands[0], 0.0, 0.0), ("dark", bands[0], DARK_TIME, 0.0)]
    plan += [("flat", band, 10.0, FLAT_LEVEL) for band in bands]
    for kind, (observed, band, seconds, level) in enumerate(plan):
        for frame in range(frames):
            exposure = 101 + 100 * kind + frame
            for detector in range(detectors):
                own = Signature.of(detector, band, shape)
                electrons = rng.poisson(own.collected(np.full(shape, level * 0.95**frame), seconds)).astype(
                    float
                )
                hits = rng.integers(0, electrons.size, 20)
                electrons.flat[hits] += rng.uniform(1000, 20_000, 20) * (seconds > 0)
                at = begin + TimeDelta(600 * kind + 10 * frame, format="sec")
                header = fits.Header(
                    facts(exposure, detector, band, at) | {"OBSTYPE": observed, "EXPTIME": seconds}
                )
                write_raw(folder, rng, electrons, header, signature=own)
