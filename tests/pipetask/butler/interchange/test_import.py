"""Exports in the reference's format become a repository's records, collections and datasets."""

import re
import tracemalloc
from functools import partial
from io import BytesIO
from uuid import UUID

import pytest
from astropy.time import Time

from pipetask.butler import Timespan
from pipetask.butler.interchange import import_
from pipetask.butler.interchange.document import Document
from pipetask.errors import ConflictingDefinitionError, ExportFormatError, UnknownDimensionError


def tai(text):
    return Time(text, scale="tai")


def content(butler):
    """All that may be compared between repositories or moments."""
    registry = butler.registry
    return (
        {
            element.name: registry.query_dimension_records(element.name)
            for element in butler.dimensions.elements
            if element.has_table
        },
        [(i.name, i.kind, i.doc, i.children) for i in butler.collections.query_info()],
        registry.query_dataset_types(),
        sorted(butler.query_all_datasets("*", find_first=False)) if butler.collections.query() else [],
    )


def test_all_of_an_export_arrives(new, folder):
    report = new.import_(directory=folder)
    assert (report.datasets, report.known_datasets, report.dataset_types, report.collections) == (3, 0, 2, 4)
    assert report.records == 7
    [visit] = new.query_dimension_records("visit")
    assert (visit.name, visit.exposure_time, visit.physical_filter) == ("seven", 30.5, "r1")
    assert visit.timespan.nsec[0] % 10**9 == 1
    assert str(visit.timespan.end) == "2030-01-01T20:00:30.500000000"
    assert type(visit.region).__name__ == "Circle"
    assert new.query_dimension_records("skymap")[0].hash == b"\1\2\xff"
    assert new.query_dimension_records("day_obs")[0].timespan.end is None
    assert new.get("dark", detector=1, collections="made/here") == {"level": 1}
    assert new.get("dark", detector=2, collections="made/here") == {"level": 2}
    assert new.get("stats", visit=7, collections="tag") == {"mean": 3.5}
    assert new.find_dataset("dark", detector=2, collections="made/here").id == UUID(
        "a0000000-0000-4000-8000-000000000002"
    )
    info = new.collections.get_info("all")
    assert (info.kind, info.doc, info.children) == ("CHAINED", "everything", ("tag", "cal", "made/here"))


def test_validity_ranges_arrive(new, folder):
    new.import_(directory=folder)

    def valid(detector, time):
        when = Timespan.from_instant(tai(time))
        found = new.find_dataset("dark", detector=detector, collections="cal", timespan=when)
        return found is not None

    assert valid(1, "1999-01-01")
    assert not valid(1, "2030-01-15")
    assert valid(1, "2050-01-01")
    assert not valid(2, "1999-01-01")
    assert valid(2, "2030-02-01")


def test_importing_again_changes_nothing(new, folder):
    new.import_(directory=folder)
    before = content(new)
    report = new.import_(directory=folder)
    assert (report.datasets, report.known_datasets, report.records, report.collections) == (0, 3, 0, 0)
    assert content(new) == before


def test_files_that_were_deleted_come_back(new, folder):
    new.import_(directory=folder)
    dark = new.find_dataset("dark", detector=1, collections="made/here")
    new.pruneDatasets([dark], disassociate=False, unstore=True)
    assert new.import_(directory=folder).datasets == 1
    assert new.get(dark) == {"level": 1}


def test_an_existing_chain_keeps_its_children_and_gets_the_new_ones(new, folder):
    new.collections.register("mine")
    new.collections.register("cal", "CALIBRATION")
    new.collections.update_chain("all", ["cal", "mine"])
    new.import_(directory=folder)
    assert new.collections.get_info("all").children == ("cal", "mine", "tag", "made/here")


def test_what_is_there_and_differs_stops_the_whole_import(new, folder):
    new.import_(directory=folder)
    before = content(new)
    text = (folder / "export.yaml").read_text()
    (folder / "export.yaml").write_text(
        text.replace("000000000001'", "00000000000a'").replace("made/here", "x")
    )
    with pytest.raises(ConflictingDefinitionError, match="a0000000-0000-4000-8000-000000000002"):
        new.import_(directory=folder)
    (folder / "export.yaml").write_text(text.replace("000000000001'", "00000000000a'"))
    with pytest.raises(ConflictingDefinitionError):
        new.import_(directory=folder)
    assert content(new) == before
    assert len([path for path in (folder.parent / "new").rglob("*dark*") if path.is_file()]) == 2


def test_a_missing_file_stops_the_whole_import(new, folder):
    before = content(new)
    (folder / "files" / "stats.yaml").unlink()
    with pytest.raises(OSError, match=r"stats\.yaml"):
        new.import_(directory=folder)
    assert content(new) == before
    assert not list((folder.parent / "new").rglob("*dark*"))


def test_records_of_elements_can_be_left_out(new, folder):
    new.import_(directory=folder, skip_dimensions=["skymap"])
    assert new.query_dimension_records("skymap", explain=False) == []
    with pytest.raises(UnknownDimensionError, match="skymap"):
        new.import_(directory=folder, skip_dimensions=["skymapp"])


def test_files_may_move_or_stay(new, folder):
    new.import_(directory=folder, transfer="direct")
    assert new.getURI("stats", visit=7, collections="tag") == (folder / "files" / "stats.yaml").as_uri()


def test_an_old_export_arrives_in_the_dimensions_of_today(new, folder):
    new.import_(directory=folder, filename="old.yaml")
    assert new.query_dimension_records("physical_filter")[0].band == "i"
    [exposure] = new.query_dimension_records("exposure")
    assert (exposure.group, exposure.day_obs) == ("g11", 20130617)
    assert exposure.timespan.begin.utc.isot.startswith("2013-06-17T13:34:45.775")
    [visit] = new.query_dimension_records("visit")
    assert visit.day_obs == 20130618
    [membership] = new.query_dimension_records("visit_system_membership")
    assert (membership.visit, membership.visit_system) == (12, 3)
    assert [record.id for record in new.query_dimension_records("day_obs", order_by="day_obs")] == [
        20130617,
        20130618,
    ]
    assert [record.name for record in new.query_dimension_records("group")] == ["g11"]
    [definition] = new.query_dimension_records("visit_definition")
    assert (definition.visit, definition.exposure) == (12, 11)


def test_datasets_of_an_old_export_have_the_same_ids_each_time(new, folder):
    new.import_(directory=folder, filename="old.yaml")
    sums = new.find_dataset("sums", visit=12, instrument="Old", collections="old/chain")
    assert sums.id.version == 3
    assert new.get(sums) == {"mean": 3.5}
    assert new.import_(directory=folder, filename="old.yaml").known_datasets == 2
    assert new.collections.get_info("old/chain").children == ("old/run", "old/cal")
    when = Timespan.from_instant(tai("2013-06-02"))
    assert new.find_dataset("dark", detector=0, collections="old/cal", timespan=when) is not None


@pytest.mark.parametrize(
    ("old", "changed", "message"),
    [
        ("version: 1.0.2", "version: 1.1.0", "'1.1.0'; this program reads"),
        ("version: 1.0.2", "version: 2.0.0", "reads 0 and 1.0.0 to 1.0.2"),
        ("version: 1.0.2", "version: x", "'x'"),
        ("universe_version: 8", "universe_version: new", "universe version 'new', which is no number"),
        ("data:", "? [data]\n:", r"\['data'\] is not the name"),
        ("universe_namespace: daf_butler", "more: " + "[" * 3000, "nested too deeply"),
        ("universe_version: 8", "universe_version: 9", "newer repository"),
        ("universe_namespace: daf_butler", "universe_namespace: mine", "universe 'mine'"),
        ("data:", "other:", "no list 'data'"),
        ("element: detector", "elemen: detector", r"Entry 1 of 'data'.*'dimension'.*element"),
        ("- {type: collection, collection_type: TAGGED, name: tag}", "- {type: what}", "'what'"),
        ("!uuid 'a0000000", "!uuid 'zzz", "badly formed"),
        ("!butler_time/tai/iso", "!butler_time/utc/iso", r"line \d+ .*butler_time/utc"),
        ("!butler_time/tai/iso", "!!python/object/apply:os.system", r"line \d+ .*os.system"),
        ("2030-01-01 12:00", "2030-13-01 12:00", "not the YAML"),
        ("path: files/stats.yaml", "path: ../files/stats.yaml", "outside of the folder"),
        ("path: files/stats.yaml", "place: files/stats.yaml", r"Entry \d+ of 'data'.* needs a 'path'"),
        (
            "dataset_ids: [!uuid 'a0000000-0000-4000-8000-000000000003']",
            "dataset_ids: [!uuid 'b0000000-0000-4000-8000-000000000003']",
            "'tag'.*b0000000",
        ),
        ("description", "\tdescription", "line 2"),
    ],
)
def test_what_cannot_be_understood_is_told_and_changes_nothing(new, folder, old, changed, message):
    text = (folder / "export.yaml").read_text()
    assert old in text
    (folder / "export.yaml").write_text(text.replace(old, changed, 1))
    with pytest.raises(ExportFormatError, match=message):
        new.import_(directory=folder)
    assert new.collections.query() == []
    assert new.registry.query_dataset_types() == []


def test_an_absent_export_is_told(new, folder):
    with pytest.raises(ExportFormatError, match=r"No export at .*nope\.yaml"):
        new.import_(directory=folder, filename="nope.yaml")


OLDER_FORMS = {
    "1.0.0": [  # datasets are numbered, runs are an entry of their own, chains say what is searched in each child
        (r"!uuid 'a0000000-0000-4000-8000-00000000000(.)'", r"\1"),
        (r"- {type: collection, collection_type: RUN, name: (\S+), .*}", r"- {type: run, name: \1}"),
        (r"\[tag, cal, made/here\]", "[[tag, null], [cal, [dark]], made/here]"),
        (
            r"timespan: !lsst.daf.butler.Timespan\n      begin: (.*)\n      end: (.*)",
            r"begin: \1\n    end: \2",
        ),
    ],
    "1.0.1": [  # validity ranges have two times
        (
            r"timespan: !lsst.daf.butler.Timespan\n      begin: (.*)\n      end: (.*)",
            r"begin: \1\n    end: \2",
        ),
    ],
}


@pytest.mark.parametrize("version", OLDER_FORMS)
def test_older_forms_of_the_format_say_the_same(new, folder, version):
    text = (folder / "export.yaml").read_text().replace("version: 1.0.2", f"version: {version}")
    for pattern, old in OLDER_FORMS[version]:
        text, n = re.subn(pattern, old, text)
        assert n > 0
    (folder / "export.yaml").write_text(text)
    report = new.import_(directory=folder)
    assert (report.datasets, report.dataset_types, report.collections) == (3, 2, 4)
    assert new.collections.get_info("all").children == ("tag", "cal", "made/here")
    assert new.get("stats", visit=7, instrument="Cam", collections="tag") == {"mean": 3.5}
    last_year, next_year = (Timespan.from_instant(tai(f"{year}-06-01")) for year in (2029, 2031))
    find = partial(new.find_dataset, "dark", instrument="Cam", collections="cal")
    assert [find(detector=d, timespan=last_year) is not None for d in (1, 2)] == [True, False]
    assert [find(detector=d, timespan=next_year) is not None for d in (1, 2)] == [True, True]


def test_values_may_be_repeated_by_anchors(new, folder):
    text = (folder / "export.yaml").read_text()
    text = text.replace(
        "data_id: [{instrument: Cam, detector: 1}]", "data_id: &first [{instrument: Cam, detector: 1}]"
    )
    text = text.replace("data_id: [{instrument: Cam, detector: 2}]", "data_id: *first").replace(
        "name: stats,", "name: &name stats,"
    )
    text = text.replace("  dataset_type: stats", "  dataset_type: *name").replace(
        "run: made/here", "run: other", 1
    )
    (folder / "export.yaml").write_text(text)
    with pytest.raises(ConflictingDefinitionError):  # both are of detector 1 now
        new.import_(directory=folder)
    text = text.replace("data_id: *first", "data_id: [{instrument: Cam, detector: 2}]")
    (folder / "export.yaml").write_text(text)
    assert new.import_(directory=folder).datasets == 3


def test_what_is_imported_in_parts_is_all_or_nothing(new, folder, monkeypatch):
    monkeypatch.setattr(import_, "BATCH", 1)
    before = content(new)
    (folder / "files" / "stats.yaml").rename(folder / "stats.yaml")
    with pytest.raises(OSError, match=r"stats\.yaml"):
        new.import_(directory=folder)
    assert content(new) == before
    assert not list((folder.parent / "new").rglob("*dark*"))
    (folder / "stats.yaml").rename(folder / "files" / "stats.yaml")
    assert new.import_(directory=folder).datasets == 3
    report = new.import_(directory=folder)
    assert (report.datasets, report.known_datasets) == (0, 3)


def test_reading_takes_little_more_than_what_is_read():
    n = 5_000
    entry = b"  - {dataset_id: [!uuid 'a0000000-0000-4000-8000-0000000%05d'], data_id: [{instrument: Cam, visit: %d}], path: x%d, formatter: x}\n"
    head = b"version: 1.0.2\nuniverse_version: 8\ndata:\n- type: dataset\n  dataset_type: stats\n  run: made\n  records:\n"
    text = head + b"".join(entry % (i, i, i) for i in range(n))
    tracemalloc.start()
    document = Document.from_yaml(BytesIO(text), where="here")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [file.data_ids[0]["visit"] for file in document.files] == list(range(n))
    assert peak < n * 800  # the nodes of all records at once are 8 kB each
