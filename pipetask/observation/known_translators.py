"""Header translation for cameras that astro-metadata-translator knows, by the name of the translator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipetask.butler import suggest
from pipetask.errors import HeaderError, InstrumentError

# Our field -> property of `astro_metadata_translator.ObservationInfo`.
_PLAIN = {
    "exposure": "exposure_id",
    "detector": "detector_num",
    "physical_filter": "physical_filter",
    "begin": "datetime_begin",
    "end": "datetime_end",
    "day_obs": "observing_day",
    "group": "exposure_group",
    "obs_id": "observation_id",
    "observation_type": "observation_type",
    "observation_reason": "observation_reason",
    "seq_num": "observation_counter",
    "target_name": "object",
    "science_program": "science_program",
    "has_simulated": "has_simulated_content",
    "can_see_sky": "can_see_sky",
}
_DURATIONS = {"exposure_time": "exposure_time", "dark_time": "dark_time"}
_SKY = ("tracking_radec", "altaz_begin", "boresight_rotation_angle")
_NEEDED = {"exposure_id", "detector_num", "physical_filter", "datetime_begin"}


def translate_with(translator: str, header: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the values of `fields.FIELDS` that the named translator finds in a header."""
    from astro_metadata_translator import ObservationInfo

    try:
        info = ObservationInfo(
            header,
            filename=path,
            translator_class=translator_class(translator),
            pedantic=False,
            subset={*_PLAIN.values(), *_DURATIONS.values(), *_SKY},
            required=_NEEDED,
        )
    except (KeyError, ValueError, TypeError, NotImplementedError) as err:
        raise HeaderError(f"translator {translator!r} cannot read the header: {err}") from err
    values = {name: getattr(info, source) for name, source in _PLAIN.items()}
    values |= {
        name: None if getattr(info, source) is None else float(getattr(info, source).to_value("s"))
        for name, source in _DURATIONS.items()
    }
    if info.tracking_radec is not None:
        values["tracking_ra"] = float(info.tracking_radec.icrs.ra.deg)
        values["tracking_dec"] = float(info.tracking_radec.icrs.dec.deg)
    if info.altaz_begin is not None:
        values["azimuth"] = float(info.altaz_begin.az.deg)
        values["zenith_angle"] = 90.0 - float(info.altaz_begin.alt.deg)
    if info.boresight_rotation_angle is not None:
        values["sky_angle"] = float(info.boresight_rotation_angle.deg)
    return values


def translator_class(name: str) -> Any:
    """Return the translator of a name; `InstrumentError` if there is none."""
    from astro_metadata_translator import MetadataTranslator

    known = MetadataTranslator.translators
    if name not in known:
        raise InstrumentError(f"astro-metadata-translator has no translator {name!r}{suggest(name, known)}")
    return known[name]
