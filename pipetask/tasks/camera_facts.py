"""What the ``camera`` dataset says of the detector that took an image: constants, or looked up in headers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipetask import Box

_SECTION = re.compile(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*")


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Facts of one image; None where neither the camera nor the header tells.

    Parameters
    ----------
    gain : `float`, optional
        Electrons per adu.
    read_noise : `float`, optional
        Electrons.
    saturation : `float`, optional
        Where pixels saturate [adu].
    zero_point : `float`, optional
        Magnitude of 1 adu in the exposure.
    overscan, trim : `Box`, optional
        Pixels without light, and those of the image [raw pixels].
    """

    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None
    zero_point: float | None = None
    overscan: Box | None = None
    trim: Box | None = None


def camera_facts(camera: Mapping[str, Any], detector: int | None, header: Mapping[str, Any]) -> CameraFacts:
    """Look the facts up.

    Parameters
    ----------
    camera : mapping
        The ``camera`` dataset: a constant or ``{key: KEYWORD, default: …}`` by fact, and under ``detectors``
        what differs for single ones.
    detector : `int`, optional
        Which detector.
    header : mapping
        Header of the image.

    Raises
    ------
    ValueError
        If a value can't be read or can't be, with its name.
    """
    own = {**camera, **camera.get("detectors", {}).get(str(detector), {})}
    gain, read_noise, saturation, zero_point = (
        _number(own.get(name), header, name) for name in ("gain", "read_noise", "saturation", "zero_point")
    )
    if gain is not None and not gain > 0:
        raise ValueError(f"The camera's gain is {gain:g}, not a positive number (from {own['gain']!r})")
    if read_noise is not None and read_noise < 0:
        raise ValueError(f"The camera's read_noise is {read_noise:g}, below 0 (from {own['read_noise']!r})")
    overscan, trim = (_box(own.get(name), header, name) for name in ("overscan", "trim"))
    return CameraFacts(gain, read_noise, saturation, zero_point, overscan, trim)


def _value(rule: Any, header: Mapping[str, Any]) -> Any:
    if isinstance(rule, Mapping):
        return header.get(rule["key"], rule.get("default"))
    return rule


def _number(rule: Any, header: Mapping[str, Any], name: str) -> float | None:
    value = _value(rule, header)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"The camera's {name} is no number: {value!r} (from {rule!r})")
    return number


def _box(rule: Any, header: Mapping[str, Any], name: str) -> Box | None:
    value = _value(rule, header)
    if value is None:
        return None
    if isinstance(value, str):
        match = _SECTION.fullmatch(value)
        if match is None:
            raise ValueError(f"The camera's {name} is no section like '[1:512,1:1024]': {value!r}")
        x1, x2, y1, y2 = map(int, match.groups())
        return Box(x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1)
    return Box(*map(int, value))
