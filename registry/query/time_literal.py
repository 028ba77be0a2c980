"""Times as text: ``[format/]value[/scale]``, in the formats and scales of astropy."""

from __future__ import annotations

import re
import warnings

from registry.suggest import suggest
from registry.timespan import time_to_ns

_TEXT = re.compile(r"(?:(?P<format>[a-z]\w*)/)?(?P<value>[^/]+?)(?:/(?P<scale>[a-z]\w*))?", re.IGNORECASE)

# In which format a value without one is read.
_FORMATS = {
    "mjd": re.compile(r"-?(\d+(\.\d*)?|\.\d+)"),
    "isot": re.compile(r"\d+-\d+-\d+T\d+:\d+(:\d+(\.\d*)?)?", re.IGNORECASE),
    "iso": re.compile(r"\d+-\d+-\d+( \d+:\d+(:\d+(\.\d*)?)?)?"),
    "fits": re.compile(r"\+\d+-\d+-\d+(T\d+:\d+:\d+(\.\d*)?)?", re.IGNORECASE),
    "yday": re.compile(r"\d+:\d+(:\d+:\d+(:\d+(\.\d*)?)?)?"),
}
_SCALES = {"iso": "utc", "isot": "utc", "fits": "utc", "yday": "utc", "unix": "utc", "cxcsec": "tt"}


def parse_time(text: str) -> int:
    """Return the TAI nanoseconds of a time.

    Parameters
    ----------
    text : `str`
        A number (MJD unless a format is named), or a calendar date in one of the usual spellings. Dates are
        in UTC and numbers in TAI, unless a scale is named.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    from astropy.time import Time

    match = _TEXT.fullmatch(text.strip().replace("+00:00", ""))
    if not match:
        raise ValueError(f"Time {text!r} is not of the form [format/]value[/scale]")
    value, form, scale = match["value"].strip(), match["format"], match["scale"]
    form = form.lower() if form else _format_of(value)
    if form is None:
        raise ValueError(f"Time {text!r} is in none of the formats {', '.join(_FORMATS)}; write format/value")
    if form not in Time.FORMATS:
        raise ValueError(f"Time {text!r} has the unknown format {form!r}{suggest(form, Time.FORMATS)}")
    scale = scale.lower() if scale else _SCALES.get(form, "tai")
    if scale not in Time.SCALES:
        raise ValueError(f"Time {text!r} has the unknown scale {scale!r}{suggest(scale, Time.SCALES)}")
    number = float(value) if _FORMATS["mjd"].fullmatch(value) else value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # leap seconds of future dates are not known yet
            return time_to_ns(Time(number, format=form, scale=scale))
    except (ValueError, TypeError) as err:
        raise ValueError(f"Time {text!r} cannot be read as {form!r} in scale {scale!r}") from err


def _format_of(value: str) -> str | None:
    return next((name for name, pattern in _FORMATS.items() if pattern.fullmatch(value)), None)
