"""One image of one file, as its header tells: which dataset it is, and what is said of its exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pipetask.butler import Timespan, suggest
from pipetask.errors import HeaderError
from pipetask.observation.fits_headers import ImageHeader, read_image_headers
from pipetask.observation.instrument import Instrument
from pipetask.observation.regions import header_region

# Fields that go into the exposure record as they are.
_EXPOSURE_FIELDS = (
    "exposure_time",
    "dark_time",
    "observation_type",
    "observation_reason",
    "seq_num",
    "target_name",
    "science_program",
    "tracking_ra",
    "tracking_dec",
    "sky_angle",
    "azimuth",
    "zenith_angle",
    "has_simulated",
    "can_see_sky",
)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image of a file.

    Parameters
    ----------
    path : `str`
        Absolute path of the file, with ``#hdu=N`` if it may hold several images.
    instrument : `str`
        Name of the instrument.
    exposure, detector : `int`
        What it is an image of.
    begin_ns, end_ns : `int`
        When it was taken [ns TAI].
    record : `dict`
        Values of the exposure record, except for its times.
    plane : `str` or `None`
        Which plane of a calibrated image it is.
    region : `bytes` or `None`
        Encoded outline on the sky; only of calibrated images, whose visits are defined at once.
    """

    path: str
    instrument: str
    exposure: int
    detector: int
    begin_ns: int
    end_ns: int
    record: Mapping[str, Any] = field(default_factory=dict)
    plane: str | None = None
    region: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be ingested, and why."""

    path: str
    reason: str


def describe_file(path: str, instruments: Sequence[Instrument]) -> list[ImageFile] | Failure:
    """Return the images of a file, by the first of the instruments that understands its header."""
    reasons = []
    for instrument in instruments:
        try:
            headers = read_image_headers(path, every_hdu=instrument.every_hdu)
            return [_image_file(path, header, instrument) for header in headers]
        except HeaderError as err:
            reasons.append(str(err) if len(instruments) == 1 else f"{instrument.name}: {err}")
    return Failure(path, "; ".join(reasons))


def twice(image: ImageFile, first: ImageFile) -> Failure:
    """Return the failure of an image that another file has given already."""
    what = f"exposure {image.exposure}, detector {image.detector}"
    return Failure(image.path, f"{what} is also in {first.path}, which was taken")


def _image_file(path: str, header: ImageHeader, instrument: Instrument) -> ImageFile:
    values = instrument.translate(header.values, path)
    for name in ("exposure", "detector", "physical_filter", "begin"):
        if values.get(name) is None:
            raise HeaderError(f"the header does not tell {name!r}, which {instrument.name} needs")
    exposure = int(values["exposure"])
    begin_ns, end_ns = _times(values)
    record = {
        "instrument": instrument.name,
        "exposure": exposure,
        "physical_filter": known_filter(values["physical_filter"], instrument),
        "day_obs": values.get("day_obs") or _day(values["begin"], instrument.day_starts_h),
        "obs_id": values.get("obs_id") or str(exposure),
        **{name: values.get(name) for name in _EXPOSURE_FIELDS},
    }
    record["group"] = values.get("group") or record["obs_id"]
    region = header_region(header.header, header.shape) if instrument.planes else None
    return ImageFile(
        path=f"{path}#hdu={header.hdu}" if instrument.every_hdu else path,
        instrument=instrument.name,
        exposure=exposure,
        detector=detector_id(values["detector"], instrument),
        begin_ns=begin_ns,
        end_ns=end_ns,
        record=record,
        plane=values.get("plane"),
        region=None if region is None else region.encode(),
    )


def _times(values: Mapping[str, Any]) -> tuple[int, int]:
    begin = Timespan(values["begin"], None).nsec[0]
    if values.get("end") is not None:
        return begin, max(begin + 1, Timespan(values["end"], None).nsec[0])
    seconds = values.get("exposure_time") or 0.0
    return begin, begin + max(1, round(seconds * 1e9) if math.isfinite(seconds) else 1)


def _day(begin: Any, starts_h: float) -> int:
    """Return the day of observation, YYYYMMDD, of an `astropy.time.Time`."""
    return int((begin.utc.to_datetime() - timedelta(hours=starts_h)).strftime("%Y%m%d"))


def detector_id(named: int | str, instrument: Instrument) -> int:
    """Return the number of a detector named by number or name."""
    by_name = {detector.full_name: detector.id for detector in instrument.detectors()}
    if named in by_name:
        return by_name[str(named)]
    if isinstance(named, int) and named in by_name.values():
        return named
    raise HeaderError(
        f"{instrument.name} has no detector {named!r}{suggest(str(named), by_name) if by_name else ''}"
    )


def known_filter(name: str, instrument: Instrument) -> str:
    """Return the name of a filter, which the instrument must have."""
    known = [filter.name for filter in instrument.filters()]
    if name not in known:
        raise HeaderError(
            f"{instrument.name} has no filter {name!r}{suggest(name, known)} (it has {', '.join(known)}; "
            "more can be added to its description)"
        )
    return name
