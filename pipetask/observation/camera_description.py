"""An instrument described in YAML: detectors, filters, and a table from header keywords to fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipetask.errors import HeaderError
from pipetask.observation.fields import FIELDS, REQUIRED_FIELDS, Field
from pipetask.observation.instrument import PLANES, Detector, Filter, Instrument, Planes
from pipetask.observation.known_translators import translate_with
from pipetask.observation.yaml_lines import Section

_MOST_DETECTORS = 100_000
"""What a mistyped range would exceed."""


class CameraDescription(Instrument):
    """A camera read from YAML; the text is kept, so that a repository can store it.

    Parameters
    ----------
    text : `str`
        The description.
    source : `str`
        What it is called in messages, usually the file's path.

    Raises
    ------
    CameraDescriptionError
        If a key is unknown, missing or has a value of the wrong kind; says the line.

    Notes
    -----
    The keys (``examples/cameras`` has three descriptions):

    ``instrument``, ``doc``
        Name in the data IDs; what it is.
    ``detectors``
        ``list`` of {id, name, purpose, raft, name_in_raft}; ``names``: {id: name}; or ``range``: {first,
        last, name: "{id}"}, whose members are registered when they have images.
    ``filters``
        List of {name, band}.
    ``files``
        ``pattern``: shell pattern or list of them; ``name``: regular expression with named groups;
        ``every_hdu``: each image HDU is a detector; ``day_starts_h``: UTC hour at which a day_obs begins.
    ``match``
        Keywords and the values that they must have.
    ``translator``
        Name of a translator of astro-metadata-translator, which the next section adds to.
    ``header``
        Field: keyword, or a `Field`. ``per_detector``: list of fields that may differ in an exposure.
    ``planes``
        For calibrated images in several files: see `Planes`.
    ``camera``
        What tasks want to know; becomes the dataset ``camera``.
    ``configs``
        Default name of a task: values of its configuration fields, which pipelines of this instrument begin
        with.
    """

    def __init__(self, text: str, source: str = "camera description") -> None:
        self.text = text
        document = Section.parse(text, source)
        self.name = document.need("instrument", str)
        self.doc = document.take("doc", str, "")
        self._translator: str | None = document.take("translator", str)
        self._match: dict[str, Any] = document.take("match", dict, {})
        self._camera: dict[str, Any] = document.take("camera", dict, {})
        self._configs = _configs(document.section("configs"))
        self._detectors = _detectors(document)
        self._filters = tuple(_filter(item) for item in document.items("filters"))
        self._read_files(document.section("files"))
        header = document.section("header")
        self.per_detector = frozenset(header.take("per_detector", list, ()))
        header.finish(FIELDS)
        self._fields = [Field.declared(name, header) for name in FIELDS if name in header.values]
        planes = document.section("planes")
        self.planes = _planes(planes) if planes.values else None
        document.finish()
        self._check_complete(document)

    def _read_files(self, files: Section) -> None:
        pattern = files.take("pattern", (str, list))
        if pattern is not None:
            self.file_patterns = [pattern] if isinstance(pattern, str) else pattern
        name = files.take("name", str)
        try:
            self.file_name = re.compile(name) if name else None
        except re.error as err:
            raise files.error(f"'name' is not a regular expression: {err}", "name") from err
        self.every_hdu = files.take("every_hdu", bool, False)
        self.day_starts_h = float(files.take("day_starts_h", (int, float), Instrument.day_starts_h))
        files.finish()

    def _check_complete(self, document: Section) -> None:
        if not self._detectors:
            raise document.error("no detectors; give 'range', 'names' or 'list'", "detectors")
        if not self._filters:
            raise document.error("no filters; give a list of {name, band}", "filters")
        declared = {field.name for field in self._fields}
        missing = [name for name in REQUIRED_FIELDS if name not in declared]
        if missing and self._translator is None:
            raise document.error(f"fields are missing: {', '.join(missing)}", "header")

    def detectors(self) -> Sequence[Detector]:
        """Return all detectors."""
        return self._detectors

    def filters(self) -> Sequence[Filter]:
        """Return all filters."""
        return self._filters

    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the section ``configs`` as it stands."""
        return self._configs

    def camera(self) -> dict[str, Any]:
        """Return the section ``camera`` as it stands."""
        return self._camera

    def translate(self, header: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the fields of a header: the translator's, if one is named, then the declared ones."""
        for key, wanted in self._match.items():
            found = header.get(key)
            if (found.strip() if isinstance(found, str) else found) != wanted:
                raise HeaderError(f"{key} is {found!r}, not {wanted!r}: this is no image of {self.name}")
        groups: dict[str, str] = {}
        if self.file_name is not None:
            found = self.file_name.search(path.rsplit("/", 1)[-1])
            if found is None:
                raise HeaderError(f"the file's name does not match {self.file_name.pattern!r}")
            groups = found.groupdict()
        values = {} if self._translator is None else translate_with(self._translator, header, path)
        return values | {field.name: field.find(header, groups) for field in self._fields}


def _detectors(document: Section) -> tuple[Detector, ...]:
    section = document.section("detectors")
    found = [
        Detector(
            id=item.need("id", int),
            full_name=item.need("name", str),
            purpose=item.take("purpose", str, "SCIENCE"),
            raft=item.take("raft", str),
            name_in_raft=item.take("name_in_raft", str),
        )
        for item in section.items("list")
    ]
    for id, name in section.take("names", dict, {}).items():
        if not isinstance(id, int):
            raise section.error(f"the number of detector {name!r} is not a whole number: {id!r}", "names")
        found.append(Detector(id, str(name)))
    span = section.section("range")
    if span.values:
        name = span.take("name", str, "{id}")
        ids = range(span.need("first", int), span.need("last", int) + 1)
        if len(ids) > _MOST_DETECTORS:
            raise span.error(f"{len(ids)} detectors are too many, {_MOST_DETECTORS} are not", "last")
        try:
            found += [Detector(id, name.format(id=id), on_demand=True) for id in ids]
        except (LookupError, ValueError, AttributeError) as err:
            raise span.error(f"the only field of {name!r} is {{id}}, maybe as {{id:03d}}", "name") from err
        span.finish()
    section.finish()
    return tuple(found)


def _configs(section: Section) -> dict[str, dict[str, Any]]:
    return {task: section.take(task, dict, {}) for task in list(section.values)}


def _filter(item: Section) -> Filter:
    filter = Filter(item.need("name", str), item.need("band", str))
    item.finish()
    return filter


def _planes(section: Section) -> Planes:
    planes = Planes(
        codes=section.take("codes", dict, {}),
        bits=section.take("bits", dict, {}),
        required=tuple(section.take("required", list, ["image"])),
    )
    section.finish()
    unknown = [name for name in planes.required if name not in PLANES]
    if unknown:
        raise section.error(f"unknown plane {unknown[0]!r}; known: {', '.join(PLANES)}", "required")
    return planes
