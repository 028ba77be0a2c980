"""What is exported here arrives elsewhere: datasets with files, records, collections, validity."""

import tracemalloc
from pathlib import Path

import pytest

from pipetask.butler import Butler, DatasetType, Timespan
from pipetask.butler.interchange.document import Document
from pipetask.butler.interchange.selection import export_selection
from pipetask.errors import (
    DataIdError,
    DatasetNotFoundError,
    ExportFormatError,
    MissingDatasetTypeError,
)


@pytest.fixture
def filled(repo):
    """Notes and a table in two runs, flats with validity, a tag, and nested chains."""
    for detector in (1, 2):
        repo.put({"d": detector}, "notes", detector=detector, run="first")
        repo.put({"flat": detector}, "flat", detector=detector, run="first")
    repo.put({"d": 10}, "notes", detector=1, run="second")
    repo.put({"a": 1}, "config", run="second")
    collections = repo.collections
    collections.register("cal", "CALIBRATION", "valid")
    collections.certify("cal", repo.query_datasets("flat", "first"), Timespan.from_ns(0, 100))
    collections.decertify("cal", "flat", Timespan.from_ns(40, 50), [{"instrument": "Cam", "detector": 2}])
    collections.register("tag", "TAGGED")
    collections.associate("tag", repo.query_datasets("notes", "second"))
    collections.update_chain("inner", ["second", "first"])
    collections.update_chain("outer", ["inner", "tag", "cal"], doc="all")
    return repo


def export_all(butler, folder, **options):
    with butler.export(directory=folder, **options) as helper:
        helper.saveDatasets(butler.query_all_datasets(["first", "second"], find_first=False))
        helper.saveCollection("outer")
    return folder


def ranges(butler):
    found = butler.registry.calibration_columns("flat", "cal")
    return sorted(
        zip(
            found.columns["detector"].tolist(),
            found.begin_ns.tolist(),
            found.end_ns.tolist(),
            map(bytes, found.ids),
            strict=True,
        )
    )


def test_what_is_exported_arrives(filled, new, tmp_path):
    new.import_(directory=export_all(filled, tmp_path / "out"))
    assert set(new.query_all_datasets("outer", find_first=False)) == set(
        filled.query_all_datasets("outer", find_first=False)
    )
    assert new.get("notes", detector=1, collections="outer") == {"d": 10}
    assert new.get("config", collections="outer") == {"a": 1}
    assert ranges(new) == ranges(filled)
    assert len(ranges(new)) == 3
    assert new.collections.tree("outer")[1][1].children == ("second", "first")
    assert [ref.dataId for ref in new.query_datasets("notes", "tag")] == [
        ref.dataId for ref in filled.query_datasets("notes", "tag")
    ]


def test_only_the_records_of_the_datasets_are_exported(filled, new, tmp_path):
    with filled.export(directory=tmp_path / "out") as helper:
        helper.saveDatasets(filled.query_datasets("notes", "first", where="detector = 2"))
    new.import_(directory=tmp_path / "out")
    assert [record.id for record in new.query_dimension_records("detector")] == [2]
    assert new.collections.query() == ["first"]


def test_records_bring_those_that_they_refer_to(filled, new, tmp_path):
    with filled.export(directory=tmp_path / "out") as helper:
        helper.saveDimensionData("exposure", filled.query_dimension_records("exposure", where="exposure = 2"))
        helper.saveDataIds(filled.query_data_ids("visit", where="visit = 3"))
    new.import_(directory=tmp_path / "out")
    for element in ("exposure", "visit"):
        expected = filled.query_dimension_records(
            element, where=f"{element} = {2 if element[0] == 'e' else 3}"
        )
        assert new.query_dimension_records(element) == expected
    assert [record.name for record in new.query_dimension_records("group")] == ["2"]


def test_what_a_visit_is_made_of_goes_with_it(filled, new, tmp_path):
    insert = filled.registry.insert_dimension_records
    insert("visit_system", [{"instrument": "Cam", "id": 0, "name": "one"}])
    insert("visit_system_membership", [{"instrument": "Cam", "visit": v, "visit_system": 0} for v in (1, 2)])
    insert("visit_definition", [{"instrument": "Cam", "visit": v, "exposure": v} for v in (1, 2)])
    with filled.export(directory=tmp_path / "out") as helper:
        helper.saveDataIds(filled.query_data_ids("visit", where="visit = 2"))
    new.import_(directory=tmp_path / "out")
    assert [record.exposure for record in new.query_dimension_records("visit_definition")] == [2]
    assert [record.visit for record in new.query_dimension_records("visit_system_membership")] == [2]


@pytest.mark.parametrize("transfer", ["copy", "hardlink", "symlink", "direct"])
def test_files_get_into_an_export_in_several_ways(filled, new, tmp_path, transfer):
    folder = export_all(filled, tmp_path / "out", transfer=transfer)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "export.yaml"]
    assert len(files) == (0 if transfer == "direct" else 6)
    assert all(path.is_symlink() == (transfer == "symlink") for path in files)
    new.import_(directory=folder, transfer="copy")
    assert new.get("notes", detector=2, collections="first") == {"d": 2}
    assert filled.get("notes", detector=2, collections="first") == {"d": 2}


def test_datasets_in_shared_or_several_files_get_one_of_their_own(repo, new, tmp_path, image_of_ones):
    repo.datastore.disassembled = frozenset({"calexp"})
    ref = repo.put(image_of_ones, "calexp", visit=1, detector=1, run="first")
    assert len(repo.artifacts([ref.id])[ref.id]) > 1
    with repo.export(directory=tmp_path / "out") as helper:
        helper.saveDatasets([ref])
    new.import_(directory=tmp_path / "out")
    assert len(new.artifacts([ref.id])[ref.id]) == 1
    assert (new.get(ref).image == 1).all()


def test_one_file_of_several_datasets_stays_one(repo, new, tmp_path):
    from pipetask.butler import DatasetRef, FileDataset

    path = tmp_path / "both.json"
    path.write_text('{"a": 1}')
    kind = repo.registry.get_dataset_type("notes")
    refs = [DatasetRef(kind, {"instrument": "Cam", "detector": d}, "first") for d in (1, 2)]
    repo.ingest(FileDataset(path, refs), transfer="copy")
    with repo.export(directory=tmp_path / "out") as helper:
        helper.saveDatasets(refs)
    [entry] = Document.from_yaml((tmp_path / "out" / "export.yaml").read_text(), where="").files
    assert set(entry.ids) == {ref.id for ref in refs}
    new.import_(directory=tmp_path / "out")
    assert new.getURI(refs[0]) == new.getURI(refs[1])


def test_an_export_that_exists_or_would_take_files_away_is_refused(filled, tmp_path):
    export_all(filled, tmp_path / "out")
    with pytest.raises(ExportFormatError, match="exists already"):
        export_all(filled, tmp_path / "out")
    with pytest.raises(ExportFormatError, match="does not move"):
        export_all(filled, tmp_path / "other", transfer="move")
    ref = filled.find_dataset("notes", detector=1, collections="first")
    filled.pruneDatasets([ref], disassociate=False, unstore=True)
    with pytest.raises(DatasetNotFoundError, match="has no files"):
        export_all(filled, tmp_path / "other")
    assert not (tmp_path / "other" / "export.yaml").exists()


def test_datasets_are_transferred_with_their_ids(filled, new):
    refs = filled.query_all_datasets(["first", "second"], find_first=False)
    with pytest.raises(MissingDatasetTypeError):
        new.transfer_from(filled, refs)
    with pytest.raises(DataIdError):
        new.transfer_from(filled, refs, register_dataset_types=True)
    assert new.collections.query() == []
    for _ in range(2):
        done = new.transfer_from(filled, refs, register_dataset_types=True, transfer_dimensions=True)
        assert sorted(done) == sorted(refs)
    assert new.get("notes", detector=1, collections="second") == {"d": 10}
    assert list(Path(new.root).glob(".transfer*")) == []
    with pytest.raises(ValueError, match="does not move"):
        new.transfer_from(filled, refs, transfer="move")


def test_datasets_without_files_are_left_out_of_a_transfer(filled, new):
    refs = filled.query_datasets("notes", "first")
    filled.pruneDatasets(refs[:1], disassociate=False, unstore=True)
    options = {"register_dataset_types": True, "transfer_dimensions": True}
    with pytest.raises(DatasetNotFoundError):
        new.transfer_from(filled, refs, skip_missing=False, **options)
    assert new.transfer_from(filled, refs, **options) == refs[1:]


def test_a_dataset_type_of_another_definition_stops_the_import(filled, tmp_path):
    folder = export_all(filled, tmp_path / "out")
    with Butler.makeRepo(tmp_path / "other") as other:
        kind = DatasetType("notes", ["instrument"], "StructuredDataDict", universe=other.dimensions)
        other.register_dataset_type(kind)
        with pytest.raises(ValueError, match="'notes' is registered as"):
            other.import_(directory=folder)
        assert other.collections.query() == []


def test_dataset_types_without_datasets_are_exported(filled, new, tmp_path):
    export_selection(filled, tmp_path / "some", dataset_types=["c*"])
    new.import_(directory=tmp_path / "some")
    types = new.registry.query_dataset_types()
    assert types == filled.registry.query_dataset_types("c*")
    assert [each.name for each in types] == ["calexp", "config"]


def test_all_records_are_exported_if_wanted(filled, new, tmp_path):
    export_selection(filled, tmp_path / "all", where="instrument = 'Cam' AND detector = 1", all_records=True)
    new.import_(directory=tmp_path / "all")
    for element in ("detector", "visit", "exposure", "group", "day_obs", "physical_filter"):
        assert new.query_dimension_records(element) == filled.query_dimension_records(element)


def test_an_export_does_not_hold_all_records(repo, tmp_path):
    n = 20_000
    names = [f"x{i}" for i in range(n)]
    repo.registry.insert_dimension_records(
        "detector", {"instrument": ["Cam"] * n, "detector": range(10, 10 + n), "full_name": names}
    )
    tracemalloc.start()
    export_selection(repo, tmp_path / "out", all_records=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    text = (tmp_path / "out" / "export.yaml").read_text()
    assert text.count("full_name") == n + 4
    assert peak < 12e6  # the text alone is 2 MB, the records at once 30


def test_an_export_of_nothing_can_be_imported(new, tmp_path):
    assert export_selection(new, tmp_path / "out") == (0, 0)
    assert "\ndata: []\n" in (tmp_path / "out" / "export.yaml").read_text()
    assert new.import_(directory=tmp_path / "out").datasets == 0
