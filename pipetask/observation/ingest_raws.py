"""Ingest of image files: headers become exposure records, files become datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pipetask.butler import Butler, DatasetRef, DatasetType, FileDataset, add_to_defaults
from pipetask.errors import EmptyQueryResultError, InstrumentError
from pipetask.observation.exposures import insert_exposures, merge_exposures
from pipetask.observation.find_files import find_files
from pipetask.observation.image_file import Failure, ImageFile, describe_file, twice
from pipetask.observation.in_processes import in_processes
from pipetask.observation.ingest_planes import assemble_images, record_images
from pipetask.observation.instrument import Instrument
from pipetask.observation.known_images import image_ref, not_stored
from pipetask.observation.register_instrument import insert_detectors, load_instrument, load_instruments


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
    """Ingest image files of registered instruments; ingesting again brings back files that are gone.

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
    EmptyQueryResultError
        If there is no image file in any location.
    """
    instruments = [load_instrument(butler, instrument)] if instrument else load_instruments(butler)
    if not instruments:
        raise InstrumentError(f"Repository {butler.root!r} has no instrument yet.")
    patterns = sorted({pattern for each in instruments for pattern in each.file_patterns})
    files, failures = find_files(locations, patterns)
    if not files:
        raise EmptyQueryResultError(
            "No image file to ingest. " + "; ".join(f"{each.path}: {each.reason}" for each in failures)
        )
    images: list[ImageFile] = []
    for described in in_processes(partial(describe_file, instruments=instruments), files, processes):
        if isinstance(described, Failure):
            failures.append(described)
        else:
            images += described
    by_name = {each.name: each for each in instruments}
    records, contradicting = merge_exposures(butler, by_name, images)
    refused = {failure.path for failure in contradicting}
    failures += contradicting
    members: dict[str, list[ImageFile]] = defaultdict(list)
    for image in images:
        if image.path not in refused:
            members[image.instrument].append(image)
    # Images are written before the transaction, which would lock out others meanwhile.
    assembled = {
        name: assemble_images(butler, by_name[name], mine, processes)
        for name, mine in members.items()
        if by_name[name].planes
    }
    ingested = known = 0
    with butler.transaction():
        insert_exposures(butler, by_name, records)
        for name, mine in members.items():
            each = by_name[name]
            insert_detectors(butler, each, (image.detector for image in mine))
            butler.collections.register(each.run, "RUN", f"Ingested images of {name}")
            add_to_defaults(butler, name, each.run)
            if name in assembled:
                butler.register_dataset_type(assembled[name].dataset_type)
                record_images(butler, each, assembled[name])
                failures += assembled[name].failures
                n_new, n_all = len(assembled[name].written), len(assembled[name].images)
            else:
                n_new, n_all = _ingest_files(butler, each, mine, transfer, failures)
            ingested, known = ingested + n_new, known + n_all - n_new
    keys = sorted({(image.instrument, image.exposure) for mine in members.values() for image in mine})
    runs = tuple(by_name[name].run for name in sorted(members))
    return IngestReport(ingested, known, tuple(keys), runs, tuple(failures))


def _ingest_files(
    butler: Butler,
    instrument: Instrument,
    images: Sequence[ImageFile],
    transfer: str,
    failures: list[Failure],
) -> tuple[int, int]:
    """Make each image a dataset ``raw`` that its file holds; return how many are new, and how many in all."""
    dataset_type = DatasetType(
        instrument.dataset_type,
        ["instrument", "exposure", "detector"],
        "Exposure",
        universe=butler.dimensions,
    )
    butler.register_dataset_type(dataset_type)
    files: dict[DatasetRef, ImageFile] = {}
    for image in images:
        ref = image_ref(dataset_type, instrument, exposure=image.exposure, detector=image.detector)
        if ref in files:
            failures.append(twice(image, files[ref]))
        else:
            files[ref] = image
    new = not_stored(butler, files)
    butler.ingest(
        *(FileDataset(files[ref].path, ref, "fits_raw") for ref in new),
        transfer=transfer,  # type: ignore[arg-type]  # checked by the datastore
        checksums=False,
    )
    return len(new), len(files)
