"""Ingest of image files: headers become exposure records, files become datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipetask.butler import (
    Butler,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    FileDataset,
    add_to_defaults,
    raw_id,
)
from pipetask.errors import InstrumentError
from pipetask.observation.define_visits import insert_visits
from pipetask.observation.exposures import insert_exposures, merge_exposures
from pipetask.observation.find_files import find_files
from pipetask.observation.image_file import Failure, ImageFile, describe_file
from pipetask.observation.in_processes import in_processes
from pipetask.observation.instrument import Instrument
from pipetask.observation.planes import Assembly, write_assembled
from pipetask.observation.register_instrument import insert_detectors, load_instrument, load_instruments

_PLANES = ("image", "mask", "weight", "variance")


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    Parameters
    ----------
    ingested : `int`
        Datasets that are new.
    known : `int`
        Datasets that were there already.
    exposures : `tuple`
        Instrument and number of each exposure that the files belong to.
    runs : `tuple` of `str`
        Runs that the datasets are in.
    failures : `tuple` of `Failure`
        Files that could not be ingested.
    """

    ingested: int
    known: int
    exposures: tuple[tuple[str, int], ...]
    runs: tuple[str, ...]
    failures: tuple[Failure, ...]


def ingest_raws(
    butler: Butler,
    locations: Iterable[str | os.PathLike[str]],
    *,
    instrument: str | None = None,
    transfer: str = "direct",
    processes: int = 1,
) -> IngestReport:
    """Ingest image files of registered instruments; ingesting again changes nothing.

    A file that cannot be ingested is reported, and the others go on. Raw images become ``raw`` in
    ``<instrument>/raw/all``; calibrated ones are assembled from their planes and become ``calexp`` in
    ``<instrument>/calexp/all``, with their visits.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    locations : iterable of paths
        Files, and folders that are searched with the patterns of the instruments.
    instrument : `str`, optional
        Only this instrument; by default, each file goes to the first one that understands its header.
    transfer : `str`, optional
        How raw files get in: ``direct`` (stay where they are), ``copy``, ``symlink``, ``hardlink``, ``move``.
    processes : `int`, optional
        How many processes read headers (and assemble images).

    Raises
    ------
    InstrumentError
        If no instrument is registered.
    """
    instruments = [load_instrument(butler, instrument)] if instrument else load_instruments(butler)
    if not instruments:
        raise InstrumentError(f"Repository {butler.root!r} has no instrument yet.")
    patterns = sorted({pattern for each in instruments for pattern in each.file_patterns})
    files, failures = find_files(locations, patterns)
    images: list[ImageFile] = []
    for described in in_processes(partial(describe_file, instruments=instruments), files, processes):
        if isinstance(described, Failure):
            failures.append(described)
        else:
            images += described
    by_name = {each.name: each for each in instruments}
    records, contradicting = merge_exposures(butler, by_name, images)
    refused = {failure.path for failure in contradicting}
    images = [image for image in images if image.path not in refused]
    failures += contradicting
    ingested = known = 0
    runs = []
    with butler.transaction():
        insert_exposures(butler, by_name, records)
        for name, each in by_name.items():
            mine = [image for image in images if image.instrument == name]
            if mine:
                insert_detectors(butler, each, (image.detector for image in mine))
                done = (_ingest_planes if each.planes else _ingest_files)(
                    butler, each, mine, transfer=transfer, processes=processes
                )
                ingested, known = ingested + done[0], known + done[1]
                failures += done[2]
                runs.append(each.run)
                add_to_defaults(butler, name, each.run)
    keys = sorted({(image.instrument, image.exposure) for image in images})
    return IngestReport(ingested, known, tuple(keys), tuple(runs), tuple(failures))


Done = tuple[int, int, list[Failure]]


def _ingest_files(
    butler: Butler, instrument: Instrument, images: Sequence[ImageFile], *, transfer: str, processes: int
) -> Done:
    """Make each image a dataset ``raw`` that its file holds."""
    del processes  # nothing is left to do that pays for one
    dataset_type = DatasetType(
        instrument.dataset_type,
        ["instrument", "exposure", "detector"],
        "Exposure",
        universe=butler.dimensions,
    )
    _register(butler, dataset_type, instrument)
    files: dict[DatasetRef, ImageFile] = {}
    failures = []
    for image in images:
        ref = _ref(dataset_type, instrument, {"exposure": image.exposure, "detector": image.detector})
        if ref in files:
            failures.append(_twice(image, files[ref]))
        else:
            files[ref] = image
    new = _not_known(butler, files)
    butler.ingest(
        *(FileDataset(files[ref].path, ref, "fits_raw") for ref in new),
        transfer=transfer,  # type: ignore[arg-type]  # checked by the datastore
        checksums=False,
    )
    return len(new), len(files) - len(new), failures


def _ingest_planes(
    butler: Butler, instrument: Instrument, images: Sequence[ImageFile], *, transfer: str, processes: int
) -> Done:
    """Assemble the planes of each image and write it as a dataset ``calexp``."""
    del transfer  # what is assembled is always written
    assert instrument.planes is not None
    dataset_type = DatasetType(
        instrument.dataset_type, ["instrument", "visit", "detector"], "ExposureF", universe=butler.dimensions
    )
    groups, failures = _group_planes(instrument, images)
    keys = {
        (image.exposure, image.detector) for image in images if (image.exposure, image.detector) in groups
    }
    _define(butler, instrument, {key: groups[key]["image"] for key in sorted(keys)})
    _register(butler, dataset_type, instrument)
    refs = {
        _ref(dataset_type, instrument, {"visit": visit, "detector": detector}): files
        for (visit, detector), files in groups.items()
    }
    new = _not_known(butler, refs)
    config = butler.limited_config()
    tasks = [Assembly(ref, refs[ref], instrument, config) for ref in new]
    written, rows = [], []
    for ref, records in zip(new, in_processes(write_assembled, tasks, processes), strict=True):
        if isinstance(records, Failure):
            failures.append(records)
            continue
        butler.adopt(records)
        written.append(ref)
        rows += [(ref.id, *record) for record in records]
    coordinates = [ref.dataId for ref in written]
    butler.record(instrument.run, {dataset_type: (coordinates, [ref.id for ref in written])}, rows)
    return len(written), len(refs) - len(new), failures


def _group_planes(
    instrument: Instrument, images: Sequence[ImageFile]
) -> tuple[dict[tuple[int, int], dict[str, ImageFile]], list[Failure]]:
    """Return the files of each image by plane, without images that lack a required one."""
    assert instrument.planes is not None
    groups: dict[tuple[int, int], dict[str, ImageFile]] = defaultdict(dict)
    failures = []
    for image in images:
        plane, group = image.plane or "image", groups[image.exposure, image.detector]
        if plane not in _PLANES:
            failures.append(Failure(image.path, f"plane {plane!r} is none of {', '.join(_PLANES)}"))
        elif plane in group:
            failures.append(_twice(image, group[plane]))
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
    return complete, failures


def _define(butler: Butler, instrument: Instrument, images: Mapping[tuple[int, int], ImageFile]) -> None:
    """Define the visits of calibrated images, whatever kind of exposure they are called."""
    from lsst.sphgeom import Region

    numbers = sorted({exposure for exposure, _ in images})
    exposures = [
        butler.registry.dimension_record("exposure", {"instrument": instrument.name, "exposure": number})
        for number in numbers
    ]
    known = butler.registry.element_columns(
        "visit_detector_region", names=["instrument", "visit", "detector"]
    )
    seen = set(zip(*(known[name].tolist() for name in ("instrument", "visit", "detector")), strict=True))
    regions: dict[tuple[int, int], Any] = {
        key: None if image.region is None else Region.decode(image.region)
        for key, image in images.items()
        if (instrument.name, *key) not in seen
    }
    insert_visits(butler, instrument.name, [each for each in exposures if each is not None], regions)


def _register(butler: Butler, dataset_type: DatasetType, instrument: Instrument) -> None:
    butler.register_dataset_type(dataset_type)
    butler.collections.register(instrument.run, "RUN", f"Ingested images of {instrument.name}")


def _ref(dataset_type: DatasetType, instrument: Instrument, values: Mapping[str, int]) -> DatasetRef:
    data_id = DataCoordinate.standardize(
        {"instrument": instrument.name, **values}, dimensions=dataset_type.dimensions
    )
    id = raw_id(dataset_type.name, data_id, instrument.run)
    return DatasetRef(dataset_type, data_id, instrument.run, id=id)


def _not_known(butler: Butler, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
    refs = list(refs)
    stored = butler.registry.get_datasets([ref.id for ref in refs])
    return [ref for ref, old in zip(refs, stored, strict=True) if old is None]


def _twice(image: ImageFile, first: ImageFile) -> Failure:
    what = f"exposure {image.exposure}, detector {image.detector}"
    return Failure(image.path, f"{what} is also in {first.path}, which was taken")
