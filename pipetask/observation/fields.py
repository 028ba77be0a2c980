"""What a header tells about an image: the fields of an observation, and how each is found in a header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipetask.errors import HeaderError
from pipetask.observation.yaml_lines import Section

# Field -> kind of its value. An angle is in degrees, a duration in seconds, a day an integer YYYYMMDD, a
# time an `astropy.time.Time`; "name" is an integer or a string.
FIELDS: dict[str, str] = {
    "exposure": "int",
    "detector": "name",
    "physical_filter": "str",
    "begin": "time",
    "end": "time",
    "exposure_time": "duration",
    "day_obs": "day",
    "group": "str",
    "obs_id": "str",
    "dark_time": "duration",
    "observation_type": "str",
    "observation_reason": "str",
    "seq_num": "int",
    "target_name": "str",
    "science_program": "str",
    "tracking_ra": "angle",
    "tracking_dec": "angle",
    "sky_angle": "angle",
    "azimuth": "angle",
    "zenith_angle": "angle",
    "has_simulated": "bool",
    "can_see_sky": "bool",
    "plane": "str",
}
REQUIRED_FIELDS = ("exposure", "detector", "physical_filter", "begin")


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is found: a source, then steps that turn it into a value.

    Sources, of which one is given: ``key`` (header keyword), ``template`` (text with ``{KEYWORD}`` and
    ``{file[group]}``), ``file`` (named group of the file name pattern), ``constant``.
    Steps, in this order: ``match`` (regular expression; its first group, or all, is kept), ``map``, then by
    kind: ``format`` and ``scale`` of a time or day (an astropy format or one of ``strptime``), ``unit``.
    """

    name: str
    key: str | None = None
    template: str | None = None
    file: str | None = None
    constant: Any = None  # whatever the field holds
    match: str | None = None
    map: Mapping[Any, Any] | None = None
    format: str = "isot"
    scale: str = "utc"
    unit: str | None = None
    default: Any = None  # whatever the field holds

    @classmethod
    def declared(cls, name: str, header: Section) -> Field:
        """Read the field from the ``header`` section of a camera description."""
        spec = header.take(name, (str, dict))
        if isinstance(spec, str):
            return cls(name, key=spec)
        section = header.section(name)
        scalar = (str, int, float, bool)
        field = cls(
            name,
            key=section.take("key", str),
            template=section.take("template", str),
            file=section.take("file", str),
            constant=section.take("constant", scalar),
            match=section.take("match", str),
            map=section.take("map", dict),
            format=section.take("format", str, "isot"),
            scale=section.take("scale", str, "utc"),
            unit=section.take("unit", str),
            default=section.take("default", scalar),
        )
        section.finish()
        if sum(source is not None for source in (field.key, field.template, field.file, field.constant)) != 1:
            raise section.error("give one of 'key', 'template', 'file' or 'constant'")
        return field

    def find(self, header: Mapping[str, Any], file: Mapping[str, str]) -> Any:
        """Return the value in a header (or the named groups of a file name); `None` if it is not there."""
        value = self._source(header, file)
        if value is None:
            return self.default
        if self.match is not None:
            found = re.search(self.match, str(value))
            if found is None:
                raise self._error(f"does not match {self.match!r}", value)
            value = found[1] if found.re.groups else found[0]
        if self.map is not None:
            if value not in self.map:
                raise self._error(f"is none of {sorted(map(str, self.map))}", value)
            value = self.map[value]
        try:
            return self._typed(value)
        except (TypeError, ValueError) as err:
            raise self._error(f"is not a valid {FIELDS[self.name]}", value) from err

    def _source(self, header: Mapping[str, Any], file: Mapping[str, str]) -> Any:
        if self.constant is not None:
            return self.constant
        if self.file is not None:
            return file.get(self.file)
        if self.template is not None:
            try:
                return self.template.format_map({**header, "file": file})
            except KeyError:
                return None
        value = header.get(str(self.key))
        return value.strip() or None if isinstance(value, str) else value

    def _typed(self, value: Any) -> Any:
        match FIELDS[self.name]:
            case "int":
                return int(value)
            case "name":
                return int(value) if not isinstance(value, str) or value.strip().isdigit() else value
            case "bool":
                return bool(value)
            case "time":
                return parse_time(value, self.format, self.scale)
            case "day":
                return self._day(value)
            case "duration":
                return self._in_unit(value, "s")
            case "angle":
                return self._in_unit(value, "deg")
            case _:
                return str(value)

    def _day(self, value: Any) -> int:
        if isinstance(value, int) or (self.format == "isot" and str(value).isdigit()):
            return int(value)
        return int(parse_time(value, self.format, self.scale).strftime("%Y%m%d"))

    def _in_unit(self, value: Any, target: str) -> float:
        from astropy import units
        from astropy.coordinates import Angle

        if isinstance(value, str) and target == "deg":
            return float(Angle(value, self.unit or "deg").deg)
        return float(units.Quantity(float(value), self.unit or target).to_value(target))

    def _error(self, message: str, value: Any) -> HeaderError:
        source = self.key or self.template or self.file or "constant"
        return HeaderError(f"{source} = {value!r} {message} (needed for {self.name})")


def parse_time(value: Any, format: str, scale: str) -> Any:
    """Return the `astropy.time.Time` of a header value in an astropy format, or in one of ``strptime``."""
    from astropy.time import Time

    if "%" in format:
        return Time.strptime(str(value), format, scale=scale)
    return Time(value, format=format, scale=scale)
