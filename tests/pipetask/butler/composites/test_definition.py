"""Definition files of composites: what they may say, and what is told of mistakes."""

import pytest

from pipetask.butler.composites.definition import ALL, Composite, Part
from pipetask.butler.composites.definition_file import parse_definitions
from pipetask.errors import CompositeDefinitionError

WHOLE = """\
composites:
  whole:
    storageClass: ExposureF
    dimensions: [visit, detector, tract]
    base: calexp
    components:
      wcs: jointcal_wcs
      photoCalib: {datasetType: jointcal_photoCalib, collections: [jointcal], match: unique}
      psf: {datasetType: visit_psf, writeOnce: true}
"""


def test_component_is_a_dataset_type_or_a_mapping():
    (whole,) = parse_definitions(WHOLE, "c.yaml")
    assert whole.parts == (
        Part("calexp", "calexp", input_only=True),
        Part("wcs", "jointcal_wcs"),
        Part("photoCalib", "jointcal_photoCalib", collections=("jointcal",), unique=True),
        Part("psf", "visit_psf", write_once=True),
    )
    assert (whole.base, whole.storage_class, whole.dimensions) == (
        "calexp",
        "ExposureF",
        ("visit", "detector", "tract"),
    )


def test_stored_form_gives_the_definition_back():
    (whole,) = parse_definitions(WHOLE, "c.yaml")
    again = Composite.from_json(whole.to_json())
    assert again == whole
    assert again.digest == whole.digest


def test_extending_adds_and_replaces_components():
    text = WHOLE + "  more:\n    extends: whole\n    components: {psf: new_psf, background: new_background}\n"
    whole, more = parse_definitions(text, "c.yaml")
    assert [(part.name, part.dataset_type) for part in more.parts] == [
        ("calexp", "calexp"),
        ("wcs", "jointcal_wcs"),
        ("photoCalib", "jointcal_photoCalib"),
        ("psf", "new_psf"),
        ("background", "new_background"),
    ]
    assert more.dimensions == whole.dimensions


def test_extending_by_a_class_of_its_own_leaves_the_storage_class():
    text = WHOLE + "  other:\n    extends: whole\n    python: types.SimpleNamespace\n"
    assert (
        parse_definitions(text, "c.yaml")[1].python,
        parse_definitions(text, "c.yaml")[1].storage_class,
    ) == (
        "types.SimpleNamespace",
        "",
    )


def test_registered_composite_may_be_extended():
    (whole,) = parse_definitions(WHOLE, "c.yaml")
    (more,) = parse_definitions("composites:\n  more:\n    extends: whole\n", "d.yaml", {"whole": whole})
    assert more.parts == whole.parts


def test_minimum_of_all_is_understood():
    text = "composites:\n  t:\n    python: builtins.list\n    components:\n      p: {datasetType: c, subset: true, minimum: all}\n"
    assert parse_definitions(text, "c.yaml")[0].parts == (Part("p", "c", subset=True, minimum=ALL),)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "storageClass: ExposureF",
            "storageclass: ExposureF",
            3,
            "unknown key 'storageclass'.*did you mean 'storageClass'",
        ),
        ("writeOnce: true", "writeOnse: true", 9, "unknown key 'writeOnse'.*did you mean 'writeOnce'"),
        (
            "writeOnce: true",
            "writeOnce: sometimes",
            9,
            "'writeOnce' of component 'psf' is true or false, not 'sometimes'",
        ),
        ("writeOnce: true", "writeOnce: true, inputOnly: true", 9, "inputOnly, never written, and writeOnce"),
        (
            "match: unique",
            "match: first",
            8,
            "'match' of component 'photoCalib' can be 'unique', not 'first'",
        ),
        ("datasetType: visit_psf, ", "", 9, "component 'psf' has no 'datasetType'"),
        ("writeOnce: true", "minimum: all", 9, "'minimum' of component 'psf' needs 'subset'"),
        (
            "writeOnce: true",
            "subset: true, minimum: -2",
            9,
            "'minimum' of component 'psf' is 'all' or a number, not -2",
        ),
        ("writeOnce: true", "dataIdsFrom: deepCoadd", 9, "'dataIdsFrom' of component 'psf' is a component"),
        (
            "    storageClass: ExposureF\n",
            "",
            2,
            "composite 'whole' needs one of 'python' and 'storageClass'",
        ),
        ("base: calexp", "disassembler: m.f", 5, "'whole' has a disassembler and no assembler"),
        ("base: calexp", "assembler: ''", 5, "'assembler' of composite 'whole' is empty"),
        ("base: calexp", "extends: whol", 5, "no composite 'whol' to extend"),
        ("base: calexp", "extends: whole", 5, "extend each other in a circle: whole -> whole"),
        ("composites:", "composite:", 1, "unknown key 'composite'.*did you mean 'composites'"),
        ("writeOnce: true", "dataId: [band]", 9, "'dataId' of component 'psf' must be a mapping"),
        ("wcs: jointcal_wcs", "wcs: !!python/name:os.system", 7, "tag"),
    ],
)
def test_mistake_is_told_with_its_line(old, new, line, message):
    assert old in WHOLE
    with pytest.raises(CompositeDefinitionError, match=rf"^c\.yaml:{line}: .*{message}"):
        parse_definitions(WHOLE.replace(old, new, 1), "c.yaml")


def test_definition_without_components_is_refused():
    with pytest.raises(CompositeDefinitionError, match=r"c\.yaml:2: composite 'empty' has no components"):
        parse_definitions("composites:\n  empty:\n    python: builtins.dict\n", "c.yaml")
