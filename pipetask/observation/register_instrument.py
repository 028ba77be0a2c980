"""Registering an instrument in a repository, and getting it back from there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pipetask.butler import (
    Butler,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    Timespan,
    add_to_defaults,
    raw_id,
    suggest,
)
from pipetask.butler.defaults import calibration_collection, instruments
from pipetask.errors import CameraDescriptionError, ConflictingDefinitionError, InstrumentError
from pipetask.observation.camera_description import CameraDescription
from pipetask.observation.instrument import Detector, Instrument

CAMERA = "camera"


def register_instrument(
    butler: Butler, source: str | os.PathLike[str] | type[Instrument], *, update: bool = True
) -> Instrument:
    """Register an instrument, or bring what is registered up to date.

    Inserts its dimension records, keeps the description in the repository (so that later commands need no
    file), writes the dataset ``camera`` and certifies it for all times, and begins its default collections.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    source : path or `str` or class
        YAML file of a camera description, or an `Instrument` class or its dotted name.
    update : `bool`, optional
        Whether what is registered already may be changed.

    Raises
    ------
    ConflictingDefinitionError
        If it may not, and differs.
    InstrumentError
        If there is no such class.
    CameraDescriptionError
        If the description is wrong.
    """
    instrument = read_instrument(source)
    with butler.transaction():
        _insert_records(butler, instrument, "replace" if update else "error")
        if isinstance(instrument, CameraDescription):
            known = butler.registry.get_attribute(_attribute(instrument.name))
            if not update and known not in (None, instrument.text):
                raise ConflictingDefinitionError(
                    f"Instrument {instrument.name!r} is registered with another description than {source!s}; "
                    "register it with --update to change that."
                )
            butler.registry.set_attribute(_attribute(instrument.name), instrument.text)
        calib = calibration_collection(instrument.name)
        butler.collections.register(calib, "CALIBRATION", f"Certified calibrations of {instrument.name}")
        _put_camera(butler, instrument, calib)
        add_to_defaults(butler, instrument.name, calib)
    return instrument


def read_instrument(source: str | os.PathLike[str] | type[Instrument]) -> Instrument:
    """Return the instrument of a YAML file, a class, or the dotted name of a class."""
    if isinstance(source, type):
        return source()
    path = Path(source)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        try:
            return CameraDescription(path.read_text(encoding="utf-8"), str(source))
        except OSError as err:
            raise CameraDescriptionError(f"Cannot read {str(source)!r}: {err.strerror}.") from err
        except UnicodeDecodeError as err:
            raise CameraDescriptionError(f"{str(source)!r} is no text file in UTF-8: {err.reason}.") from err
    return _class_of(str(source))()


def load_instrument(butler: Butler, name: str) -> Instrument:
    """Return a registered instrument."""
    record = butler.registry.dimension_record("instrument", {"instrument": name})
    if record is None:
        known = instruments(butler)
        raise InstrumentError(f"No instrument {name!r} in {butler.root!r}{suggest(name, known)}")
    text = butler.registry.get_attribute(_attribute(name))
    if text is not None:
        return CameraDescription(text, f"the description of {name} in {butler.root}")
    if not record.class_name:
        raise InstrumentError(
            f"Instrument {name!r} in {butler.root!r} has neither a description nor a class; register it: "
            "butler register-instrument"
        )
    found = _class_of(record.class_name)
    if issubclass(found, CameraDescription):  # exports have records of instruments, and no descriptions
        raise InstrumentError(
            f"Instrument {name!r} came into {butler.root!r} by an import, without its description."
        )
    return found()


def load_instruments(butler: Butler) -> list[Instrument]:
    """Return all registered instruments."""
    return [load_instrument(butler, name) for name in instruments(butler)]


def _attribute(name: str) -> str:
    return f"camera:{name}"


def _class_of(dotted: str) -> type[Instrument]:
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as err:
        raise InstrumentError(
            f"{dotted!r} is neither a YAML file nor the dotted name of an instrument class: {err}.",
            hint="Correct the name, or add the folder of its package to PYTHONPATH",
        ) from err
    if not (isinstance(found, type) and issubclass(found, Instrument)):
        raise InstrumentError(
            f"{dotted!r} is not a class derived from pipetask's Instrument.",
            hint="Derive it from that, or describe the camera in a YAML file (examples/cameras)",
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise InstrumentError(f"{dotted!r} is incomplete: it has no {', '.join(missing)}.")
    return found


def _insert_records(butler: Butler, instrument: Instrument, conflict: Literal["replace", "error"]) -> None:
    insert = butler.registry.insert_dimension_records
    name, detectors = instrument.name, instrument.detectors()
    kind = type(instrument)
    insert(
        "instrument",
        [
            {
                "instrument": name,
                "visit_max": instrument.exposure_max,
                "exposure_max": instrument.exposure_max,
                "detector_max": max(detector.id for detector in detectors) + 1,
                "class_name": f"{kind.__module__}.{kind.__qualname__}",
            }
        ],
        conflict=conflict,
    )
    insert(
        "detector",
        [_record(name, detector) for detector in detectors if not detector.on_demand],
        conflict=conflict,
    )
    insert(
        "physical_filter",
        [
            {"instrument": name, "physical_filter": filter.name, "band": filter.band}
            for filter in instrument.filters()
        ],
        conflict=conflict,
    )


def insert_detectors(butler: Butler, instrument: Instrument, ids: Iterable[int]) -> None:
    """Register those detectors among ``ids`` that are not registered before they have images."""
    seen = set(ids)
    records = [
        _record(instrument.name, detector)
        for detector in instrument.detectors()
        if detector.on_demand and detector.id in seen
    ]
    butler.registry.insert_dimension_records("detector", records, conflict="skip")


def _record(instrument: str, detector: Detector) -> dict[str, Any]:
    return {
        "instrument": instrument,
        "detector": detector.id,
        "full_name": detector.full_name,
        "purpose": detector.purpose,
        "raft": detector.raft,
        "name_in_raft": detector.name_in_raft,
    }


def _put_camera(butler: Butler, instrument: Instrument, calib: str) -> None:
    """Write the dataset ``camera``, in a run named after its content, and certify it for all times."""
    camera = {"name": instrument.name, **instrument.camera()}
    digest = hashlib.sha256(json.dumps(camera, sort_keys=True).encode()).hexdigest()[:8]
    run = f"{calib}/camera-{digest}"
    dataset_type = DatasetType(
        CAMERA, ["instrument"], "StructuredDataDict", universe=butler.dimensions, isCalibration=True
    )
    butler.register_dataset_type(dataset_type)
    butler.collections.register(run, "RUN", f"Camera description of {instrument.name}")
    ref = butler.find_dataset(CAMERA, instrument=instrument.name, collections=run)
    if ref is None:
        data_id = DataCoordinate.standardize(instrument=instrument.name, universe=butler.dimensions)
        # The same camera has the same id in every repository, so that exports find it there.
        ref = butler.put(camera, DatasetRef(dataset_type, data_id, run, id=raw_id(CAMERA, data_id, run)))
    if butler.find_dataset(CAMERA, instrument=instrument.name, collections=calib) != ref:
        always = Timespan.from_ns()
        butler.registry.collections.decertify(calib, CAMERA, always, [{"instrument": instrument.name}])
        butler.registry.collections.certify(calib, [ref], always)
