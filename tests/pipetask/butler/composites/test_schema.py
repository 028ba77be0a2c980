"""The JSON schema of definition files accepts what the reader accepts, and refuses what it refuses."""

import json
from importlib.resources import files

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipetask.butler.composites.definition_file import parse_definitions
from pipetask.errors import CompositeDefinitionError

SCHEMA = json.loads(
    files("pipetask.butler.composites").joinpath("definition_file.schema.json").read_text("utf-8")
)
WHOLE = "composites: {w: {storageClass: ExposureF, %s}}"
PART = "composites: {w: {python: builtins.list, components: {p: %s}}}"


def of_whole(text):
    return WHOLE.replace("%s", text)


def of_part(text):
    return PART.replace("%s", text)


GOOD = [
    of_whole("base: calexp, dimensions: visit"),
    of_whole("base: calexp"),
    of_whole("base: calexp, components: {wcs: new_wcs}"),
    of_whole("dimensions: [visit, detector], components: {mask.DETECTED: plane}"),
    of_whole("components: {a: b}, assembler: a.b, disassembler: a.c"),
    of_whole("base: calexp}, v: {extends: w, components: {psf: new_psf}"),
    of_part("calexp.wcs"),
    of_part("{datasetType: calexp, collections: [a, b], match: unique}"),
    of_part("{datasetType: calexp, inputOnly: true}"),
    of_part("{datasetType: calexp, writeOnce: true, dataId: {band: g}}"),
    of_part("{datasetType: calexp, subset: true, minimum: all}"),
    of_part("{datasetType: calexp, dataIdsFrom: deepCoadd.inputs, minimum: 0}"),
]
BAD = [
    "composite: {}",
    "composites: [calexp]",
    of_whole("base: calexp, python: builtins.list"),
    "composites: {w: {base: calexp}}",
    of_whole("dimensions: [visit]"),
    of_whole("components: {}"),
    of_whole("base: calexp, colour: red"),
    of_whole("components: {a: b}, disassembler: a.c"),
    of_part("{collections: [a]}"),
    of_part("{datasetType: calexp, inputOnly: maybe}"),
    of_part("{datasetType: calexp, inputOnly: true, writeOnce: true}"),
    of_part("{datasetType: calexp, match: first}"),
    of_part("{datasetType: calexp, minimum: 2}"),
    of_part("{datasetType: calexp, subset: true, minimum: -1}"),
    of_part("{datasetType: calexp, subset: true, minimum: most}"),
    of_part("{datasetType: calexp, dataIdsFrom: deepCoadd}"),
    of_part("{datasetType: calexp, inputonly: true}"),
]


def is_valid(text):
    return Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", GOOD)
def test_what_the_reader_accepts_is_valid(text):
    assert parse_definitions(text, "c.yaml")
    assert is_valid(text)


@pytest.mark.parametrize("text", BAD)
def test_what_the_reader_refuses_is_not_valid(text):
    with pytest.raises(CompositeDefinitionError):
        parse_definitions(text, "c.yaml")
    assert not is_valid(text)
