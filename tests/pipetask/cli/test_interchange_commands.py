"""Export, import and transfer on the command line."""

import pytest

from pipetask.butler import Butler


@pytest.fixture
def other(on_repo, tmp_path):
    Butler.makeRepo(tmp_path / "other").close()
    return type(on_repo)(tmp_path / "other")


def test_what_is_exported_is_imported(on_repo, other, tmp_path):
    on_repo("collection-chain", "both", "second,first")
    done = on_repo("export", tmp_path / "out", "--collections", "both", "--find-first", "-d", "n*")
    assert done.stdout == f"Exported 3 datasets and 3 collections to {tmp_path / 'out'}.\n"
    done = other("import", tmp_path / "out", "--transfer", "copy")
    assert (
        "Imported 3 datasets (0 were here already), 4 dimension records, 3 collections and 1" in done.stdout
    )
    assert "Imported 0 datasets (3 were" in other("import", tmp_path / "out").stdout
    mine = {row["id"] for row in on_repo.rows("query-datasets", "--collections", "both", "--find-first")}
    assert {row["id"] for row in other.rows("query-datasets", "notes")} == mine
    assert other.rows("query-collections", "both")[0]["children"] == ["second", "first"]


def test_an_export_can_be_chosen_in_parts(on_repo, other, tmp_path, monkeypatch):
    options = ["--where", "detector=0", "--export-file", "one.yaml", "--transfer", "direct", "--all-records"]
    on_repo("export", tmp_path / "out", *options)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.yaml"]
    other("import", tmp_path / "out", "--export-file", "one.yaml", "--skip-dimensions", "skymap")
    assert [row["detector"] for row in other.rows("query-datasets", "notes")] == [0]
    assert len(other.rows("query-dimension-records", "detector")) == 3
    assert "No export at" in other.error("import", tmp_path / "out")
    (tmp_path / "out" / "one.yaml").rename(tmp_path / "beside.yaml")
    monkeypatch.chdir(tmp_path)
    assert "1 were here" in other("import", "out", "--export-file", "beside.yaml").stdout


def test_conditions_that_no_dataset_fulfils_export_nothing(on_repo, tmp_path):
    options = ["--where", "detector=77", "--all-records"]
    assert "nothing is exported" in on_repo.error("export", tmp_path / "out", *options, exit_code=3)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("option", "kept"), [("--track-file-attrs", True), ("--no-track-file-attrs", False)])
def test_files_that_stay_are_read_for_checksums_unless_told_otherwise(on_repo, other, tmp_path, option, kept):
    on_repo("export", tmp_path / "out", "--where", "detector=0")
    other("import", tmp_path / "out", "--transfer", "direct", option)
    with other.open() as butler:
        (ref,) = butler.query_datasets("notes", "*", find_first=False)
        (record,) = butler.artifacts([ref.id])[ref.id]
        assert bool(record.checksum) == kept
        assert butler.get(ref) == {"d": 0}


def test_more_datasets_than_the_limit_is_said(on_repo, tmp_path):
    done = on_repo("retrieve-artifacts", tmp_path / "out", "--limit", "2", "-t", "relsymlink")
    assert done.stderr.startswith("There are more datasets than the 2 taken; use --limit 0 for all.\n")
    links = [path for path in (tmp_path / "out").rglob("*.json") if path.is_symlink()]
    assert len(links) == 2
    assert not any(path.readlink().is_absolute() for path in links)


def test_an_empty_repository_exports_its_records(other, tmp_path):
    assert "Exported 0 datasets and 0 collections" in other("export", tmp_path / "out").stdout
    assert (tmp_path / "out" / "export.yaml").exists()


def test_datasets_are_transferred(on_repo, other):
    # `on_repo` puts its own root first: the source.
    rows = on_repo.rows("transfer-datasets", other.root, "--dry-run", "--where", "detector=2")
    assert sorted(row["run"] for row in rows) == ["first", "second"]
    assert "'notes'" in on_repo.error("transfer-datasets", other.root)
    missing = ["--register-dataset-types", "--no-transfer-dimensions"]
    assert "Cam" in on_repo.error("transfer-datasets", other.root, *missing)
    options = ["--register-dataset-types", "--collections", "second,first", "--find-first", "-t", "copy"]
    assert "Transferred 3 datasets" in on_repo("transfer-datasets", other.root, *options).stdout
    again = on_repo("transfer-datasets", other.root, *options).stdout
    assert f"Transferred 0 datasets to {other.root}; 3 were there already." in again
    assert len(other.rows("query-datasets", "notes")) == 3
    on_repo("transfer-datasets", other.root, "--limit", "1")
    last = ["--collections", "first", "--limit", "1", "--dry-run", "--order-by=-detector"]
    assert [row["detector"] for row in on_repo.rows("transfer-datasets", other.root, *last)] == [2]
    on_repo.error("transfer-datasets", other.root, "-d", "nope*", exit_code=3)
