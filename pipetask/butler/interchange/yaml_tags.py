"""The YAML of an export: a safe loader and dumper that know its tags (times, timespans, regions, ids)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import yaml

from registry.timespan import MAX_NS, MIN_NS, Timespan

TIME, TIMESPAN, REGION, ID = "!butler_time/tai/iso", "!lsst.daf.butler.Timespan", "lsst.sphgeom.", "!uuid"

# The parser and emitter written in C are ten times faster; both pairs are safe ones.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class TaiTime:
    """A time, as nanoseconds since 1970-01-01T00:00:00 TAI."""

    ns: int


@dataclass(frozen=True, slots=True)
class EncodedRegion:
    """A region on the sky: the name of its class, and its bytes."""

    kind: str
    encoded: bytes


class ExportLoader(_Loader):
    """Reads exports. Other tags than those of the format are errors."""


class ExportDumper(_Dumper):
    """Writes exports."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: anchors would be noise."""
        return True


def load(text: str | bytes) -> Any:
    """Return what an export says; `yaml.YAMLError` if it is not YAML, or has tags of another kind."""
    return yaml.load(text, Loader=ExportLoader)  # noqa: S506  # a safe loader


def dump(content: Any) -> str:
    """Return the YAML of plain values, `TaiTime`, `Timespan`, `EncodedRegion` and `~uuid.UUID`."""
    text: str = yaml.dump(content, Dumper=ExportDumper, sort_keys=False, allow_unicode=True)
    return text


def tai_time(ns: int) -> TaiTime | None:
    """Return a bound of a timespan; `None` if it is unbounded."""
    return None if ns in (MIN_NS, MAX_NS) else TaiTime(ns)


def timespan_of(begin: Any, end: Any) -> Timespan | None:
    """Return the timespan of two times, `None` for both of which is no timespan."""
    if begin is None and end is None:
        return None
    return Timespan.from_ns(_ns(begin, MIN_NS), _ns(end, MAX_NS))


def _ns(time: Any, unbounded: int) -> int:
    if time is None:
        return unbounded
    if isinstance(time, TaiTime):
        return time.ns
    if isinstance(time, dt.datetime):  # old files have YAML's own times, in UTC
        from astropy.time import Time

        from registry.timespan import time_to_ns

        utc = time.astimezone(dt.UTC).replace(tzinfo=None) if time.tzinfo else time
        return time_to_ns(Time(utc, scale="utc"))
    raise ValueError(f"{time!r} is no time")


def _read_time(loader: Any, node: Any) -> TaiTime:
    text = loader.construct_scalar(node)
    return TaiTime(int(np.datetime64(str(text).replace(" ", "T"), "ns").astype(np.int64)))


def _read_timespan(loader: Any, node: Any) -> Timespan:
    bounds = loader.construct_mapping(node, deep=True)
    return timespan_of(bounds.get("begin"), bounds.get("end")) or Timespan.from_ns()


def _read_region(loader: Any, suffix: str, node: Any) -> EncodedRegion:
    return EncodedRegion(REGION + suffix, bytes.fromhex(loader.construct_mapping(node)["encoded"]))


def _read_id(loader: Any, node: Any) -> UUID:
    return UUID(loader.construct_scalar(node))


ExportLoader.add_constructor(TIME, _read_time)
ExportLoader.add_constructor(TIMESPAN, _read_timespan)
ExportLoader.add_constructor(ID, _read_id)
ExportLoader.add_multi_constructor(REGION, _read_region)


def _write_time(dumper: Any, time: TaiTime) -> Any:
    text = str(np.datetime64(time.ns, "ns")).replace("T", " ")
    return dumper.represent_scalar(TIME, text, style="'")


def _write_timespan(dumper: Any, timespan: Timespan) -> Any:
    begin, end = map(tai_time, timespan.nsec)
    return dumper.represent_mapping(TIMESPAN, {"begin": begin, "end": end})


def _write_region(dumper: Any, region: EncodedRegion) -> Any:
    return dumper.represent_mapping(region.kind, {"encoded": region.encoded.hex()})


def _write_id(dumper: Any, id: UUID) -> Any:
    return dumper.represent_scalar(ID, str(id), style="'")


ExportDumper.add_representer(TaiTime, _write_time)
ExportDumper.add_representer(Timespan, _write_timespan)
ExportDumper.add_representer(EncodedRegion, _write_region)
ExportDumper.add_representer(UUID, _write_id)
