"""Cosmic rays: pixels sharper than any star, found by the Laplacian edges of astroscrappy and repaired."""

from __future__ import annotations

from typing import Any

import numpy as np
from lsst.pex.config import Config, Field

from pipetask import Exposure, PipetaskError
from pipetask.tasks.camera_facts import CameraFacts


class CosmicRayConfig(Config):
    """What counts as a cosmic ray."""

    sigma = Field(doc="Least significance of a hit pixel.", dtype=float, default=5.0)
    contrast = Field(
        doc="Least contrast of a hit pixel to the smoothed image; higher where stars are hardly sampled.",
        dtype=float,
        default=5.0,
    )
    neighbours = Field(
        doc="Part of sigma that suffices beside a pixel that was hit.", dtype=float, default=0.3
    )


def repair_cosmic_rays(exposure: Exposure, facts: CameraFacts, config: CosmicRayConfig) -> int:
    """Mask pixels as CR and fill them with the median around them; return how many.

    Parameters
    ----------
    exposure : `Exposure`
        Image with sky [adu] and its variance. Modified.
    facts : `CameraFacts`
        Gain and read noise.
    config : `CosmicRayConfig`
        Thresholds.

    Raises
    ------
    PipetaskError
        If astroscrappy isn't installed.
    """
    detect = _detect_cosmics()
    unusable = exposure.mask.any(("SAT", "BAD", "NO_DATA")) | ~np.isfinite(exposure.image)
    gain = facts.gain or 1.0
    sky = np.median(exposure.image[~unusable]) if not unusable.all() else 0.0
    hit, clean = detect(  # in electrons, of which all versions mean the same
        (np.where(unusable, sky, exposure.image) * gain).astype(np.float32),
        inmask=unusable,
        invar=(np.where(unusable, 1, exposure.variance) * gain**2).astype(np.float32),
        sigclip=config.sigma,
        sigfrac=config.neighbours,
        objlim=config.contrast,
        gain=1.0,
        readnoise=facts.read_noise or 0.0,
        satlevel=np.inf,
        cleantype="medmask",
    )
    exposure.mask.set("CR", hit)
    exposure.image[hit] = clean[hit] / gain
    return int(hit.sum())


def _detect_cosmics() -> Any:  # a compiled function
    try:
        from astroscrappy import detect_cosmics
    except ImportError as err:
        raise PipetaskError(
            "Cosmic rays need astroscrappy, which is missing: pip install 'pipetask[cosmic-rays]', or set "
            "doCosmicRays=False"
        ) from err
    return detect_cosmics
