"""Ingest of calibrated images: their planes are assembled and written, then recorded with their visits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipetask.butler import ArtifactRecord, Butler, DatasetRef, DatasetType
from pipetask.observation.define_visits import insert_visits, placed_images
from pipetask.observation.image_file import Failure, ImageFile, twice
from pipetask.observation.in_processes import in_processes
from pipetask.observation.instrument import PLANES, Instrument
from pipetask.observation.known_images import image_ref, not_stored
from pipetask.observation.planes import Assembly, write_assembled


@dataclass(slots=True)
class Assembled:
    """Calibrated images of one instrument, ready to be recorded.

    Parameters
    ----------
    dataset_type : `DatasetType`
        Their type.
    images : `dict`
        Image plane of each dataset, new or known.
    written : `dict`
        Artifacts of the new ones; complete, not yet durable.
    failures : `list` of `Failure`
        What could not be assembled.
    """

    dataset_type: DatasetType
    images: dict[DatasetRef, ImageFile] = field(default_factory=dict)
    written: dict[DatasetRef, list[ArtifactRecord]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def assemble_images(
    butler: Butler, instrument: Instrument, images: Sequence[ImageFile], processes: int
) -> Assembled:
    """Assemble the planes of each image that is new, and write it; no row is written."""
    result = Assembled(
        DatasetType(
            instrument.dataset_type,
            ["instrument", "visit", "detector"],
            "ExposureF",
            universe=butler.dimensions,
        )
    )
    groups: dict[DatasetRef, dict[str, ImageFile]] = {}
    for (visit, detector), files in _group_planes(instrument, images, result.failures).items():
        groups[image_ref(result.dataset_type, instrument, visit=visit, detector=detector)] = files
    new = not_stored(butler, groups)
    config = butler.limited_config()
    tasks = [Assembly(ref, groups[ref], instrument, config) for ref in new]
    for ref, records in zip(new, in_processes(write_assembled, tasks, processes), strict=True):
        if isinstance(records, Failure):
            result.failures.append(records)
            del groups[ref]
        else:
            result.written[ref] = records
    result.images = {ref: files["image"] for ref, files in groups.items()}
    return result


def record_images(butler: Butler, instrument: Instrument, assembled: Assembled) -> None:
    """Define the visits of assembled images and register the new ones, within a transaction."""
    rows = [(ref.id, *record) for ref, records in assembled.written.items() for record in records]
    butler.adopt(record for records in assembled.written.values() for record in records)
    _define_visits(butler, instrument, list(assembled.images.values()))
    refs = list(assembled.written)
    data_ids, ids = [ref.dataId for ref in refs], [ref.id for ref in refs]
    butler.record(instrument.run, {assembled.dataset_type: (data_ids, ids)}, rows)


def _group_planes(
    instrument: Instrument, images: Sequence[ImageFile], failures: list[Failure]
) -> dict[tuple[int, int], dict[str, ImageFile]]:
    """Return the files of each image by plane, without images that lack a required one."""
    assert instrument.planes is not None
    groups: dict[tuple[int, int], dict[str, ImageFile]] = defaultdict(dict)
    for image in images:
        plane, group = image.plane or "image", groups[image.exposure, image.detector]
        if plane not in PLANES:
            failures.append(Failure(image.path, f"plane {plane!r} is none of {', '.join(PLANES)}"))
        elif plane in group:
            failures.append(twice(image, group[plane]))
        else:
            group[plane] = image
    complete = {}
    for key, group in groups.items():
        missing = [plane for plane in instrument.planes.required if plane not in group]
        if not missing:
            complete[key] = group
        elif group:
            path = next(iter(group.values())).path
            failures.append(Failure(path, f"there is no {' nor '.join(missing)} file that goes with it"))
    return complete


def _define_visits(butler: Butler, instrument: Instrument, images: Sequence[ImageFile]) -> None:
    from lsst.sphgeom import Region

    exposures = [
        butler.registry.dimension_record("exposure", {"instrument": instrument.name, "exposure": number})
        for number in sorted({image.exposure for image in images})
    ]
    placed = placed_images(butler, instrument.name)
    regions: dict[tuple[int, int], Any] = {
        (image.exposure, image.detector): None if image.region is None else Region.decode(image.region)
        for image in images
        if (image.exposure, image.detector) not in placed
    }
    insert_visits(butler, instrument.name, [record for record in exposures if record is not None], regions)
