"""Calibrations: files of bias, dark, flat, … become datasets, and are certified for a time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipetask.butler import (
    Butler,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    FileDataset,
    Timespan,
    add_to_defaults,
    raw_id,
)
from pipetask.butler.defaults import calibration_collection
from pipetask.errors import EmptyQueryResultError, HeaderError, InvalidTimespanError
from pipetask.observation.find_files import find_files
from pipetask.observation.fits_headers import read_image_headers
from pipetask.observation.image_file import Failure, detector_id, known_filter
from pipetask.observation.instrument import Instrument
from pipetask.observation.known_images import not_stored
from pipetask.observation.register_instrument import insert_detectors, load_instrument


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What an ingest of calibrations did: the datasets now in the run, and the files that failed."""

    run: str
    refs: tuple[DatasetRef, ...]
    failures: tuple[Failure, ...]


def ingest_calibrations(
    butler: Butler,
    locations: Iterable[str | os.PathLike[str]],
    dataset_type: str,
    *,
    instrument: str,
    run: str | None = None,
    dimensions: Sequence[str] = ("instrument", "detector"),
    transfer: str = "direct",
) -> CalibrationReport:
    """Ingest calibration images; which detector (and filter) a file is for, is read from its header.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    locations : iterable of paths
        Files, and folders that are searched with the patterns of the instrument.
    dataset_type : `str`
        Name of the dataset type: ``bias``, ``flat``, …; registered as a calibration if it is new.
    instrument : `str`
        Name of the instrument.
    run : `str`, optional
        Run to put them in; ``<instrument>/calib/<dataset type>`` by default.
    dimensions : sequence of `str`, optional
        What each file is for: detector, or detector and physical_filter.
    transfer : `str`, optional
        How files get in.
    """
    camera = load_instrument(butler, instrument)
    kind = DatasetType(dataset_type, dimensions, "ExposureF", universe=butler.dimensions, isCalibration=True)
    run = run or f"{calibration_collection(instrument)}/{dataset_type}"
    files, failures = find_files(locations, camera.file_patterns)
    found: dict[DatasetRef, str] = {}
    for path in files:
        try:
            data_ids = {
                header.hdu: _data_id(camera, header.values, path, kind)
                for header in read_image_headers(path, every_hdu=camera.every_hdu)
            }
        except HeaderError as err:
            failures.append(Failure(path, str(err)))
            continue
        for hdu, data_id in data_ids.items():
            ref = DatasetRef(kind, data_id, run, id=raw_id(kind.name, data_id, run))
            if ref in found:
                failures.append(Failure(path, f"{data_id} is also in {found[ref]}, which was taken"))
            else:
                found[ref] = f"{path}#hdu={hdu}" if camera.every_hdu else path
    with butler.transaction():
        butler.register_dataset_type(kind)
        butler.collections.register(run, "RUN", f"Calibrations of {instrument}: {dataset_type}")
        insert_detectors(butler, camera, (ref.dataId.get("detector") for ref in found))
        butler.ingest(
            *(FileDataset(found[ref], ref, "fits_raw") for ref in not_stored(butler, found)),
            transfer=transfer,  # type: ignore[arg-type]  # checked by the datastore
        )
    return CalibrationReport(run, tuple(found), tuple(failures))


def certify_calibrations(
    butler: Butler,
    run: str,
    collection: str,
    dataset_type: str,
    *,
    begin: Any = None,
    end: Any = None,
    search_all_inputs: bool = False,
) -> int:
    """Say for which time the calibrations of a run are valid; return how many.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    run : `str`
        Where the calibrations are; of a chain, the collection that it has first.
    collection : `str`
        CALIBRATION collection, made if it does not exist. ``<instrument>/calib`` is in the instrument's
        default inputs.
    dataset_type : `str`
        Name of the dataset type.
    begin, end : `astropy.time.Time` or `str`, optional
        Validity, from ``begin`` to before ``end``, UTC if a string; unbounded by default.
    search_all_inputs : `bool`, optional
        Whether of a chain all collections are searched, and the first one that has a calibration counts.

    Raises
    ------
    EmptyQueryResultError
        If the run has no such calibrations.
    ConflictingDefinitionError
        If others are valid in a part of that time.
    InvalidTimespanError
        If a string is no time.
    """
    info = butler.collections.get_info(run)
    newest = info.children[0] if info.children and not search_all_inputs else run
    try:
        refs = butler.query_datasets(dataset_type, newest, limit=None)
    except EmptyQueryResultError as err:
        if newest != run:
            err.hint = f"The others of the chain {run!r} are searched with --search-all-inputs."
        raise
    validity = Timespan(_time(begin), _time(end))
    if validity.is_empty():
        raise InvalidTimespanError(
            f"A time from {str(begin)!r} to {str(end)!r} is empty: it ends before it begins."
        )
    with butler.transaction():
        butler.collections.register(collection, "CALIBRATION")
        butler.registry.collections.certify(collection, refs, validity)
        for instrument in sorted({str(ref.dataId["instrument"]) for ref in refs}):
            if collection == calibration_collection(instrument):
                add_to_defaults(butler, instrument, collection)
    return len(refs)


def _data_id(camera: Instrument, header: Any, path: str, kind: DatasetType) -> DataCoordinate:
    values = camera.translate(header, path)
    data_id: dict[str, Any] = {"instrument": camera.name}
    for name, resolve in (("detector", detector_id), ("physical_filter", known_filter)):
        if name in kind.dimensions:
            if values.get(name) is None:
                raise HeaderError(f"the header does not tell {name!r}, which {kind.name!r} needs")
            data_id[name] = resolve(values[name], camera)
    return DataCoordinate.standardize(data_id, dimensions=kind.dimensions)


def _time(value: Any) -> Any:
    from astropy.time import Time

    if not isinstance(value, str):
        return value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # leap seconds of future dates are not known yet
            return Time(value, scale="utc").tai
    except ValueError as err:
        raise InvalidTimespanError(
            f"{value!r} is no time; write it as 2026-01-10T03:00:00 (UTC), or the date alone."
        ) from err
