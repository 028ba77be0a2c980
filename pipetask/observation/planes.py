"""Calibrated images whose planes are separate files, assembled to one `Exposure` each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipetask.butler import (
    ArtifactRecord,
    DatasetRef,
    Exposure,
    LimitedButlerConfig,
    Mask,
    VisitInfo,
)
from pipetask.errors import HeaderError
from pipetask.observation.fits_headers import header_values
from pipetask.observation.image_file import Failure, ImageFile
from pipetask.observation.instrument import Instrument, Planes
from pipetask.observation.regions import header_wcs


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a worker needs to write one calibrated image.

    Parameters
    ----------
    ref : `DatasetRef`
        The dataset to write.
    files : mapping
        Files by name of plane.
    instrument : `Instrument`
        How they are to be read.
    config : `LimitedButlerConfig`
        Where to write.
    """

    ref: DatasetRef
    files: Mapping[str, ImageFile]
    instrument: Instrument
    config: LimitedButlerConfig


def write_assembled(task: Assembly) -> list[ArtifactRecord] | Failure:
    """Assemble an image and write it; the file is complete but not synced."""
    try:
        exposure = assemble(task.files, task.instrument)
    except (HeaderError, OSError, ValueError) as err:
        return Failure(task.files["image"].path, str(err))
    return task.config.open({}).put(exposure, task.ref)


def assemble(files: Mapping[str, ImageFile], instrument: Instrument) -> Exposure:
    """Return the exposure of image, mask and weight (or variance) files.

    The variance is 1 / weight; where the weight is not positive, it is NaN and the mask says NO_DATA.
    """
    assert instrument.planes is not None
    image, metadata, header = _read(files["image"].path)
    mask = Mask.zeros(image.shape)
    if "mask" in files:
        _set_planes(mask, _read(files["mask"].path, image.shape)[0], instrument.planes)
    variance = None
    if "variance" in files:
        variance = _read(files["variance"].path, image.shape)[0]
    elif "weight" in files:
        weight = _read(files["weight"].path, image.shape)[0]
        variance = np.full(image.shape, np.nan, dtype=np.float32)
        np.divide(1.0, weight, out=variance, where=weight > 0, casting="same_kind")
        mask.set("NO_DATA", ~(weight > 0))
    mask.set("NO_DATA", ~np.isfinite(image))
    first = files["image"]
    camera = instrument.camera()
    return Exposure(
        image,
        mask,
        variance,
        wcs=header_wcs(header),
        filter=first.record["physical_filter"],
        visitInfo=_visit_info(first),
        detector={"id": first.detector},
        metadata=metadata,
        unit=str(camera.get("unit", "adu")),
    )


def _read(
    location: str, shape: tuple[int, ...] | None = None
) -> tuple[np.ndarray[Any, Any], dict[str, Any], Any]:
    """Return pixels, the values of all headers, and the image's own header."""
    from astropy.io import fits

    path, _, fragment = location.partition("#hdu=")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # headers that break the standard are common; the pixels are what counts
        with fits.open(path, memmap=False) as hdus:
            hdu = (
                hdus[int(fragment)] if fragment else next(h for h in hdus if h.is_image and len(h.shape) == 2)
            )
            pixels = np.array(hdu.data, dtype=hdu.data.dtype.newbyteorder("="))
            values = header_values(hdus[0].header) | header_values(hdu.header)
            if shape is not None and pixels.shape != shape:
                raise HeaderError(f"{path} has {pixels.shape} pixels, but the image has {shape}")
            return pixels, values, hdu.header.copy()


def _set_planes(mask: Mask, values: np.ndarray[Any, Any], planes: Planes) -> None:
    for bit, name in planes.bits.items():
        mask.set(name, (values & (1 << bit)) != 0)
    for code, name in {} if planes.bits else planes.codes.items():
        mask.set(name, values == code)


def _visit_info(image: ImageFile) -> VisitInfo:
    record = image.record
    return VisitInfo(
        id=image.exposure,
        instrument=image.instrument,
        exposure_time_s=record["exposure_time"],
        begin_ns=image.begin_ns,
        end_ns=image.end_ns,
        ra_deg=record["tracking_ra"],
        dec_deg=record["tracking_dec"],
        rotation_deg=record["sky_angle"],
        object=record["target_name"],
        observation_type=record["observation_type"],
        science_program=record["science_program"],
    )
