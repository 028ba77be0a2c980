"""Calibrations from files, and for which time they are valid."""

import pytest

from pipetask.errors import ConflictingDefinitionError, EmptyQueryResultError, InvalidTimespanError
from pipetask.observation.calibrations import certify_calibrations, ingest_calibrations
from pipetask.observation.ingest_raws import ingest_raws
from pipetask.observation.register_instrument import register_instrument


@pytest.fixture
def simcam_repo(empty_repo, cameras):
    register_instrument(empty_repo, cameras / "simcam.yaml")
    return empty_repo


def test_certified_calibrations_are_found_by_time(simcam_repo, simcam_file):
    early = ingest_calibrations(simcam_repo, [simcam_file(10, 0)], "bias", instrument="SimCam", run="early")
    late = ingest_calibrations(simcam_repo, [simcam_file(11, 0)], "bias", instrument="SimCam", run="late")
    assert not early.failures
    certify_calibrations(simcam_repo, "early", "SimCam/calib", "bias", end="2020-01-02T00:00:00")
    # The end is beyond the leap seconds that are known, which is nothing to warn of.
    until = {"begin": "2020-01-02T00:00:00", "end": "2060-01-01"}
    assert certify_calibrations(simcam_repo, "late", "SimCam/calib", "bias", **until) == 1
    ingest_raws(simcam_repo, [simcam_file(1, 0), simcam_file(2, 0, DATE_OBS="2019-01-01T00:00:00")])
    assert simcam_repo.find_dataset("bias", exposure=1, detector=0) == late.refs[0]
    assert simcam_repo.find_dataset("bias", exposure=2, detector=0) == early.refs[0]
    assert simcam_repo.get("bias", exposure=1, detector=0).image.shape == (32, 40)


def test_of_a_chain_its_newest_collection_is_certified_or_all_of_it(simcam_repo, simcam_file):
    refs = {}
    for number, run, detectors in ((10, "old", (0, 1)), (20, "new", (0,))):
        files = [simcam_file(number + detector, detector) for detector in detectors]
        done = ingest_calibrations(simcam_repo, files, "bias", instrument="SimCam", run=run)
        refs |= {(run, ref.dataId["detector"]): ref for ref in done.refs}
    simcam_repo.collections.register("chain", "CHAINED")
    simcam_repo.collections.redefine_chain("chain", ["new", "old"])
    assert certify_calibrations(simcam_repo, "chain", "SimCam/calib", "bias") == 1
    assert simcam_repo.query_datasets("bias", "SimCam/calib") == [refs["new", 0]]
    simcam_repo.collections.register("empty")
    simcam_repo.collections.prepend_chain("chain", "empty")
    with pytest.raises(EmptyQueryResultError, match="collections empty") as caught:
        certify_calibrations(simcam_repo, "chain", "c2", "bias")
    assert "--search-all-inputs" in caught.value.hint
    assert certify_calibrations(simcam_repo, "chain", "c2", "bias", search_all_inputs=True) == 2
    assert set(simcam_repo.query_datasets("bias", "c2")) == {refs["new", 0], refs["old", 1]}


def test_overlapping_validity_is_refused(simcam_repo, simcam_file):
    for number, run in ((1, "a"), (2, "b")):
        ingest_calibrations(simcam_repo, [simcam_file(number, 0)], "bias", instrument="SimCam", run=run)
    certify_calibrations(simcam_repo, "a", "SimCam/calib", "bias")
    with pytest.raises(ConflictingDefinitionError):
        certify_calibrations(simcam_repo, "b", "SimCam/calib", "bias", begin="2020-01-01")


def test_a_validity_that_ends_before_it_begins_is_refused(simcam_repo, simcam_file):
    ingest_calibrations(simcam_repo, [simcam_file(1, 0)], "bias", instrument="SimCam", run="a")
    with pytest.raises(InvalidTimespanError, match="from '2020-02-01' to '2020-01-01' is empty"):
        certify_calibrations(simcam_repo, "a", "c", "bias", begin="2020-02-01", end="2020-01-01")
    assert "c" not in simcam_repo.collections.query()


@pytest.mark.parametrize("wrong", ["2020-13-01", "yesterday", ""])
def test_what_is_no_time_is_refused(simcam_repo, simcam_file, wrong):
    ingest_calibrations(simcam_repo, [simcam_file(1, 0)], "bias", instrument="SimCam", run="a")
    with pytest.raises(InvalidTimespanError, match="is no time; write it as"):
        certify_calibrations(simcam_repo, "a", "SimCam/calib", "bias", begin=wrong)


def test_a_flat_is_for_a_detector_and_a_filter(simcam_repo, simcam_file):
    files = [simcam_file(1, 0, FILTER="g"), simcam_file(2, 0, FILTER="r")]
    dimensions = ["instrument", "detector", "physical_filter"]
    for _ in range(2):  # again, nothing changes
        report = ingest_calibrations(simcam_repo, files, "flat", instrument="SimCam", dimensions=dimensions)
    assert {ref.dataId["physical_filter"] for ref in report.refs} == {"g", "r"}
    assert report.run == "SimCam/calib/flat"
    assert len(simcam_repo.query_datasets("flat", report.run)) == 2


def test_files_that_tell_not_enough_or_the_same_are_reported(simcam_repo, simcam_file):
    files = [simcam_file(1, 0), simcam_file(2, 0), simcam_file(3, 1, DETECTOR=None)]
    report = ingest_calibrations(simcam_repo, files, "bias", instrument="SimCam")
    assert len(report.refs) == 1
    assert "is also in" in report.failures[0].reason
    assert report.failures[1].reason == "the header does not tell 'detector', which 'bias' needs"


def test_a_run_without_them_is_an_error(simcam_repo, simcam_file):
    ingest_calibrations(simcam_repo, [simcam_file(1, 0)], "bias", instrument="SimCam", run="a")
    simcam_repo.collections.register("empty")
    with pytest.raises(EmptyQueryResultError, match="No datasets of type 'bias' in collections empty"):
        certify_calibrations(simcam_repo, "empty", "SimCam/calib", "bias")
