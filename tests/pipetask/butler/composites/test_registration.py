"""Registering composites: what is checked then, and what a repository keeps of them."""

import pytest

from pipetask.butler import Butler
from pipetask.errors import CompositeDefinitionError
from registry.errors import ConflictingDefinitionError, OrphanedRecordError

RECALIBRATED = """
composites:
  recalibrated:
    storageClass: ExposureF
    base: calexp
    components: {photoCalib: calib}
"""


def test_dimensions_are_those_of_the_parts_by_default(repo, define):
    assert define(RECALIBRATED) == ["recalibrated"]
    assert repo.registry.get_dataset_type("recalibrated").dimensions.required == (
        "instrument",
        "detector",
        "visit",
    )


def test_the_same_definition_again_changes_nothing(define):
    define(RECALIBRATED)
    assert define(RECALIBRATED) == []


def test_another_definition_of_the_name_is_refused(define):
    define(RECALIBRATED)
    with pytest.raises(
        ConflictingDefinitionError, match="'recalibrated' is a composite with another definition"
    ):
        define(RECALIBRATED.replace("photoCalib: calib", "photoCalib: {datasetType: calib, writeOnce: true}"))


def test_name_of_a_plain_dataset_type_is_refused(define):
    with pytest.raises(ConflictingDefinitionError, match="'notes' is a dataset type, and no composite"):
        define(RECALIBRATED.replace("recalibrated", "notes"))


def test_another_process_sees_it(repo, define):
    define(RECALIBRATED)
    with Butler.from_config(repo.root) as other:
        assert [part.name for part in other.composites.get("recalibrated").parts] == ["calexp", "photoCalib"]


def test_all_of_a_file_are_registered_or_none(repo, define):
    bad = RECALIBRATED + "  other:\n    python: no.such.Class\n    components: {photoCalib: calib}\n"
    with pytest.raises(CompositeDefinitionError, match=r"'other'.*no\.such\.Class"):
        define(bad)
    assert repo.composites.get("recalibrated") is None
    assert not repo.registry.query_dataset_types("recalibrated")


def test_removed_composite_is_a_free_name_and_its_parts_stay(repo, define):
    define(RECALIBRATED)
    repo.composites.remove("recalibrated")
    assert repo.composites.get("recalibrated") is None
    assert repo.registry.query_dataset_types("calib")
    assert define(RECALIBRATED) == ["recalibrated"]


def test_composite_that_was_put_cannot_be_removed(repo, define):
    define(RECALIBRATED)
    where = {"instrument": "Cam", "visit": 1, "detector": 0}
    with Butler.from_config(repo.root, run="later", collections=["later", "single"]) as butler:
        butler.put(butler.get("calexp", where), "recalibrated", where)
    with pytest.raises(OrphanedRecordError):
        repo.composites.remove("recalibrated")
    assert repo.composites.get("recalibrated") is not None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "photoCalib: calib",
            "photoCalib: recalibrated",
            r"yaml:6: Part 'photoCalib'.*is the composite itself",
        ),
        (
            "photoCalib: calib",
            "photoCalib: calexp.photocalib",
            "no component 'photocalib'.*did you mean 'photoCalib'",
        ),
        ("storageClass: ExposureF", "python: math.sqrt", r"yaml:4: .*'math\.sqrt' is no class"),
        ("photoCalib: calib", "photoCalib: not_yet", "'not_yet' is not registered yet: say 'dimensions'"),
        (
            "base: calexp",
            "dimensions: [visit]\n    base: calexp",
            r"yaml:6: Part 'calexp'.*data IDs have detector: add",
        ),
        (
            "base: calexp",
            "dimensions: [visit, detecto]\n    base: calexp",
            r"yaml:5: .*'detecto'; did you mean 'detector'",
        ),
        (
            "base: calexp",
            "base: calexp\n    assembler: no.such",
            r"yaml:6: .*'no\.such'.*'no' is not installed",
        ),
        (
            "base: calexp",
            "base: calexp\n    assembler: math.pi",
            r"yaml:6: .*'math\.pi' is neither class nor function",
        ),
        (
            "photoCalib: calib",
            "photoCalib: {datasetType: calib, dataId: {bnd: g}}",
            r"yaml:6: Part 'photoCalib'.*pins 'bnd', which is no dimension; did you mean 'band'",
        ),
        (
            "storageClass: ExposureF",
            "storageClass: ExposureG",
            r"yaml:4: composite 'recalibrated': No storage class 'ExposureG'.*did you mean",
        ),
    ],
)
def test_definition_that_cannot_work_is_refused(repo, define, old, new, message):
    assert old in RECALIBRATED
    with pytest.raises(Exception, match=message) as caught:
        define(RECALIBRATED.replace(old, new))
    assert caught.value.exit_code == 2
    assert repo.composites.all() == {}
