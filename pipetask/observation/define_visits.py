"""Visits: one per science exposure, with its place on the sky from the WCS of its images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pipetask.butler import ArtifactRecord, Butler, DatasetRef, DimensionRecord, LimitedButlerConfig
from pipetask.errors import EmptyQueryResultError
from pipetask.observation.in_processes import in_processes
from pipetask.observation.regions import hull, image_region
from pipetask.observation.register_instrument import load_instrument

if TYPE_CHECKING:
    from lsst.sphgeom import ConvexPolygon

ONE_TO_ONE = {"visit_system": 0, "name": "one-to-one"}
"""The visit system in which each visit is one exposure."""

# Columns that a visit takes over from its exposure.
_COMMON = (
    "physical_filter",
    "day_obs",
    "seq_num",
    "exposure_time",
    "target_name",
    "observation_reason",
    "science_program",
    "azimuth",
    "zenith_angle",
    "timespan",
)


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What defining visits did.

    Parameters
    ----------
    defined : `int`
        New visits.
    updated : `int`
        Visits that were known, and have new images or another time.
    unplaced : `tuple` of `str`
        Images without a usable WCS, so without a region.
    """

    defined: int
    updated: int
    unplaced: tuple[str, ...] = ()


def define_visits(butler: Butler, instrument: str, *, where: str = "", processes: int = 1) -> VisitReport:
    """Define a visit for each science exposure that has ingested images.

    Only headers are read, and only those of images that no visit knows yet; again, it changes nothing.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    instrument : `str`
        Name of the instrument.
    where : `str`, optional
        Which exposures (query expression).
    processes : `int`, optional
        How many processes read headers.

    Raises
    ------
    EmptyQueryResultError
        If there is no such exposure.
    """
    camera = load_instrument(butler, instrument)
    exposures = butler.query_dimension_records(
        "exposure", instrument=instrument, where=where, limit=None, explain=False
    )
    wanted = {record.exposure: record for record in exposures if _is_science(record)}
    key = "visit" if camera.planes else "exposure"
    refs = [
        ref
        for ref in butler.query_datasets(camera.dataset_type, camera.run, limit=None, instrument=instrument)
        if ref.dataId[key] in wanted
    ]
    if not refs:
        which = f" that satisfies {where!r}" if where else ""
        raise EmptyQueryResultError(
            f"No science exposure of {instrument!r} with images{which}. To list all exposures: butler "
            "query-dimension-records exposure"
        )
    known = placed_images(butler, instrument)
    new = [ref for ref in refs if (ref.dataId[key], ref.dataId["detector"]) not in known]
    artifacts = butler.artifacts([ref.id for ref in new])
    tasks = [(ref, artifacts.get(ref.id, [])) for ref in new]
    regions = in_processes(partial(_region, butler.limited_config()), tasks, processes)
    found = {
        (ref.dataId[key], ref.dataId["detector"]): region for ref, region in zip(new, regions, strict=True)
    }
    having = {ref.dataId[key] for ref in refs}
    return insert_visits(butler, instrument, [wanted[id] for id in sorted(having)], found)


def insert_visits(
    butler: Butler,
    instrument: str,
    exposures: Sequence[DimensionRecord],
    regions: Mapping[tuple[int, int], ConvexPolygon | None],
) -> VisitReport:
    """Insert or update the visits of exposures.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    instrument : `str`
        Name of the instrument.
    exposures : sequence of `DimensionRecord`
        Exposures to have a visit each.
    regions : mapping
        Regions of images not known so far, by visit and detector.
    """
    placed: dict[int, dict[int, ConvexPolygon]] = defaultdict(dict)
    for (visit, detector), region in regions.items():
        if region is not None:
            placed[visit][detector] = region
    new, changed = [], []
    for exposure in exposures:
        id = exposure.exposure
        old = butler.registry.dimension_record("visit", {"instrument": instrument, "visit": id})
        if old is None:
            new.append(_visit(exposure, list(placed[id].values())))
        elif placed[id] or old.timespan != exposure.timespan:
            before = _regions_of(butler, instrument, id)
            changed.append(_visit(exposure, [*before, *placed[id].values()]))
    with butler.transaction():
        _insert(butler, instrument, [*new, *changed], placed)
    unplaced = [
        f"visit {visit}, detector {detector}"
        for (visit, detector), region in regions.items()
        if region is None
    ]
    return VisitReport(len(new), len(changed), tuple(unplaced))


def _insert(
    butler: Butler,
    instrument: str,
    visits: Sequence[Mapping[str, Any]],
    placed: Mapping[int, Mapping[int, ConvexPolygon]],
) -> None:
    insert = butler.registry.insert_dimension_records
    inst = {"instrument": instrument}
    ids = [visit["visit"] for visit in visits]
    insert("visit_system", [{**inst, **ONE_TO_ONE}], conflict="skip")
    insert("visit", visits, conflict="replace")
    insert("visit_definition", [{**inst, "exposure": id, "visit": id} for id in ids], conflict="skip")
    insert(
        "visit_system_membership",
        [{**inst, "visit": id, "visit_system": ONE_TO_ONE["visit_system"]} for id in ids],
        conflict="skip",
    )
    insert(
        "visit_detector_region",
        [
            {**inst, "visit": id, "detector": detector, "region": region}
            for id in ids
            for detector, region in placed[id].items()
        ],
        conflict="replace",
    )


def _visit(exposure: DimensionRecord, regions: Sequence[ConvexPolygon]) -> dict[str, Any]:
    return {
        "instrument": exposure.instrument,
        "visit": exposure.exposure,
        "name": exposure.obs_id,
        **{name: getattr(exposure, name) for name in _COMMON},
        "region": hull(regions) if regions else None,
    }


def _is_science(exposure: DimensionRecord) -> bool:
    return exposure.observation_type in (None, "science")


def placed_images(butler: Butler, instrument: str) -> set[tuple[int, int]]:
    """Return visit and detector of the images that have a region."""
    columns = butler.registry.element_columns(
        "visit_detector_region", names=["instrument", "visit", "detector"]
    )
    mine = columns["instrument"] == instrument
    return set(zip(columns["visit"][mine].tolist(), columns["detector"][mine].tolist(), strict=True))


def _regions_of(butler: Butler, instrument: str, visit: int) -> list[Any]:
    records = butler.query_dimension_records(
        "visit_detector_region", instrument=instrument, visit=visit, limit=None, explain=False
    )
    return [record.region for record in records if record.region is not None]


def _region(
    config: LimitedButlerConfig, task: tuple[DatasetRef, Sequence[ArtifactRecord]]
) -> ConvexPolygon | None:
    """Return the region of one image from its header."""
    ref, artifacts = task
    limited = config.open({ref.id: artifacts})
    wcs = limited.get(ref.makeComponentRef("wcs", "Wcs"))
    if wcs is None or not wcs.has_celestial:
        return None
    return image_region(wcs.celestial, limited.get(ref.makeComponentRef("bbox", "Box")))
