"""Exposure records from the headers of their files: several files of one exposure become one record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipetask.butler import Butler, DimensionRecord, Timespan
from pipetask.observation.image_file import Failure, ImageFile
from pipetask.observation.instrument import Instrument

Key = tuple[str, int]


def merge_exposures(
    butler: Butler, instruments: Mapping[str, Instrument], images: Sequence[ImageFile]
) -> tuple[list[dict[str, Any]], list[Failure]]:
    """Return one record per exposure, and the images that contradict the others.

    An exposure begins with its first image and ends with its last one. All else must agree, with what is
    registered already as well, except for fields that the instrument declares per detector: there, the first
    value is kept.
    """
    groups: dict[Key, list[ImageFile]] = defaultdict(list)
    for image in images:
        groups[image.instrument, image.exposure].append(image)
    known = _registered(butler, groups)
    records, failures = [], []
    for key, members in groups.items():
        loose = instruments[key[0]].per_detector
        old = known.get(key)
        first = old.to_dict() if old is not None else members[0].record
        origin = "is registered" if old is not None else f"is in {members[0].path}"
        begin, end = old.timespan.nsec if old is not None and old.timespan else (2**63 - 1, -(2**63))
        for image in members:
            differing = [
                name for name, value in image.record.items() if value != first[name] and name not in loose
            ]
            if differing:
                name = differing[0]
                reason = (
                    f"{name} of exposure {key[1]} is {image.record[name]!r}, but {first[name]!r} {origin}; "
                    "if each detector has its own, declare it in header.per_detector"
                )
                failures.append(Failure(image.path, reason))
                continue
            begin, end = min(begin, image.begin_ns), max(end, image.end_ns)
        if begin < end:
            merged = {name: first[name] for name in members[0].record}
            records.append({**merged, "timespan": Timespan.from_ns(begin, end)})
    return records, failures


def insert_exposures(
    butler: Butler, instruments: Mapping[str, Instrument], records: Sequence[Mapping[str, Any]]
) -> None:
    """Insert exposures, with the days and groups that they name; those that grew replace the old."""
    insert = butler.registry.insert_dimension_records
    days = {(record["instrument"], record["day_obs"]) for record in records}
    insert(
        "day_obs",
        [
            {"instrument": name, "day_obs": day, "timespan": _whole_day(day, instruments[name].day_starts_h)}
            for name, day in sorted(days)
        ],
        conflict="skip",
    )
    groups = sorted({(record["instrument"], record["group"]) for record in records})
    insert("group", [{"instrument": name, "group": group} for name, group in groups], conflict="skip")
    known = _registered(butler, [(record["instrument"], record["exposure"]) for record in records])
    changed = []
    for record in records:
        old = known.get((record["instrument"], record["exposure"]))
        if old is None or old.timespan != record["timespan"]:
            # What is registered beyond our fields (by others) is kept.
            changed.append({**(old.to_dict() if old is not None else {}), **record})
    insert("exposure", changed, conflict="replace")


def _registered(butler: Butler, keys: Iterable[Key]) -> dict[Key, DimensionRecord]:
    found = {}
    for instrument, exposure in keys:
        record = butler.registry.dimension_record(
            "exposure", {"instrument": instrument, "exposure": exposure}
        )
        if record is not None:
            found[instrument, exposure] = record
    return found


def _whole_day(day: int, starts_h: float) -> Timespan:
    from astropy.time import Time

    begin = datetime.strptime(str(day), "%Y%m%d").replace(tzinfo=UTC) + timedelta(hours=starts_h)
    return Timespan(Time(begin, scale="utc"), Time(begin + timedelta(days=1), scale="utc"))
