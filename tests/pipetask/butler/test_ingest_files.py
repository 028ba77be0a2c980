"""`butler ingest-files`, `retrieve-artifacts`, `ingest-zip`: files by table, files to folders and archives."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits
from click.testing import CliRunner

from pipetask.butler import Butler, DatasetType
from pipetask.butler.repository import journal_path
from pipetask.cli.main import butler as butler_group

N_DETECTORS = 4


def make_repo(root):
    with Butler.makeRepo(root) as butler:
        butler.registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        butler.registry.insert_dimension_records(
            "detector", [{"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(N_DETECTORS)]
        )
        for name, storage_class in (("flat", "Image"), ("note", "StructuredDataDict")):
            butler.register_dataset_type(
                DatasetType(name, ["instrument", "detector"], storage_class, universe=butler.dimensions)
            )
    return root


@pytest.fixture
def repo(tmp_path):
    """A repository with detectors and two dataset types."""
    return make_repo(tmp_path / "repo")


@pytest.fixture
def mosaic(tmp_path):
    """A file with the images of all detectors, each of its number."""
    path = tmp_path / "mosaic.fits"
    hdus = [fits.ImageHDU(np.full((4, 5), i, dtype="f4"), name=f"CCD{i}") for i in range(N_DETECTORS)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def command(name, repo, *arguments, exit_code=0):
    result = CliRunner().invoke(butler_group, [name, str(repo), *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def table(tmp_path, *rows, header="file,detector"):
    path = tmp_path / "files.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def images(tmp_path, *detectors):
    rows = []
    for i in detectors:
        fits.PrimaryHDU().writeto(tmp_path / f"flat{i}.fits")
        fits.append(
            tmp_path / f"flat{i}.fits", np.full((40, 50), i, dtype="f4"), fits.Header({"EXTNAME": "IMAGE"})
        )
        rows.append(f"flat{i}.fits,{i}")
    return rows


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def got(repo, detector, dataset_type="flat", run="flats"):
    with Butler.from_config(repo) as butler:
        return butler.get(dataset_type, instrument="Cam", detector=detector, collections=run)


@pytest.mark.parametrize("transfer", ["copy", "direct", "auto", "symlink", "hardlink"])
def test_files_of_a_table_become_datasets(repo, tmp_path, transfer):
    rows = table(tmp_path, *images(tmp_path, 0, 2))
    result = command(
        "ingest-files",
        repo,
        "flat",
        "flats",
        rows,
        "--data-id",
        "instrument=Cam",
        "--prefix",
        tmp_path,
        "-t",
        transfer,
    )
    assert result.stdout == "Ingested 2 datasets of flat.\n"
    assert (got(repo, 2) == 2).all()
    assert (tmp_path / "flat2.fits").exists()


def test_one_file_of_many_extensions_is_split_into_a_dataset_for_each_detector(repo, tmp_path, mosaic):
    rows = table(
        tmp_path,
        *(f"{mosaic}#hdu=CCD{i},Cam,{i}" for i in range(N_DETECTORS)),
        header="f,instrument,detector",
    )
    command("ingest-files", repo, "flat", "flats", rows, "-t", "copy")
    assert [got(repo, i)[0, 0] for i in range(N_DETECTORS)] == [0, 1, 2, 3]
    assert len(list((repo / "flats").rglob("*.fits"))) == 1
    command("fsck", repo, "--grace", 0)


def test_ids_follow_from_the_data_id_where_asked_so_that_again_changes_nothing(repo, tmp_path):
    rows = table(tmp_path, *images(tmp_path, 0))
    arguments = ["flat", "flats", rows, "--data-id", "instrument=Cam", "--prefix", tmp_path]
    mode = ["--id-generation-mode", "dataid_type_run"]
    command("ingest-files", repo, *arguments, *mode)
    assert (
        "0 datasets of flat; 1 were there already" in command("ingest-files", repo, *arguments, *mode).stdout
    )
    result = command("ingest-files", repo, *arguments, exit_code=2)
    assert "run 'flats' has a flat of {instrument: 'Cam', detector: 0} already" in result.stderr
    command("ingest-files", repo, "flat", "again", *arguments[2:], *mode)
    other = [*arguments[2:], "--id-generation-mode", "dataid_type"]
    command("ingest-files", repo, "flat", "third", *other)
    with Butler.from_config(repo) as butler:
        ids = {
            butler.find_dataset("flat", instrument="Cam", detector=0, collections=run).id
            for run in ("flats", "again", "third")
        }
    assert len(ids) == 3


@pytest.fixture
def bad_files(tmp_path):
    """Names of files that can't be images, with a word of the reason; two good ones are flat0 and flat1."""
    (tmp_path / "text.fits").write_text("not FITS at all\n" * 300)
    images(tmp_path, 3)
    whole = (tmp_path / "flat3.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "loop.fits").symlink_to("loop.fits")
    (tmp_path / "dangling.fits").symlink_to("gone.fits")
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "folder.fits").mkdir()
    return {
        "text.fits": "not a FITS file",
        "cut.fits": "truncated",
        "loop.fits": "symbolic links",
        "empty.fits": "FITS",
        "folder.fits": "it is a folder",
        "nowhere.fits": "there is no such file",
        "dangling.fits": "it is a link to 'gone.fits', which is not there",
        "flat3.fits#hdu=7": "no HDU 7",
    }


@pytest.mark.parametrize("transfer", ["copy", "direct"])
def test_bad_files_are_refused_with_their_reason_and_others_go_on_if_asked(
    repo, tmp_path, bad_files, transfer
):
    rows = images(tmp_path, 0, 1)
    path = table(
        tmp_path, rows[0], *(f"{name},3" for name in bad_files), rows[1], "flat0.fits,0", "flat0.fits,77"
    )
    arguments = ["flat", "flats", path, "--data-id", "instrument=Cam", "--prefix", tmp_path, "-t", transfer]
    before = files_below(repo)
    result = command("ingest-files", repo, *arguments, exit_code=2)
    assert "text.fits" in result.stderr
    assert files_below(repo) == before
    result = command("ingest-files", repo, *arguments, "--continue-on-error", exit_code=1)
    lines = result.stderr.splitlines()
    for name, reason in bad_files.items():
        assert any(name in line and reason in line for line in lines), (name, lines)
    assert any("flat0.fits: its data ID" in line for line in lines)
    assert any("flat0.fits" in line and "77" in line for line in lines)
    assert f"Ingested 2 datasets of flat; {len(bad_files) + 2} files failed." in result.stdout
    assert (got(repo, 1) == 1).all()
    assert len(list(repo.rglob("*.fits"))) == (2 if transfer == "copy" else 0)
    command("fsck", repo, "--grace", 0)


def test_file_that_lies_in_the_way_keeps_its_name(repo, tmp_path):
    rows = table(tmp_path, *images(tmp_path, 0, 1))
    in_the_way = repo / "flats/flat/Cam/flat_Cam_0.fits"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"somebody's")
    command("ingest-files", repo, "flat", "flats", rows, "--data-id", "instrument=Cam", "--prefix", tmp_path)
    assert in_the_way.read_bytes() == b"somebody's"
    assert [(got(repo, i) == i).all() for i in (0, 1)] == [True, True]


def test_file_that_has_no_place_fails_alone(repo, tmp_path, mosaic):
    config = repo / "butler.yaml"
    templates = {"default": "{run}/{dataset_type}/{values}/{values}"}
    values = {**yaml.safe_load(config.read_text()), "datastore": {"templates": templates}}
    config.write_text(yaml.safe_dump(values))
    in_the_way = repo / "flats/flat/Cam_2"  # where its folder is to be
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_bytes(b"somebody's")
    rows = table(tmp_path, f"{mosaic}#hdu=CCD0,0", *images(tmp_path, 2), f"{mosaic}#hdu=CCD1,1")
    arguments = ["flat", "flats", rows, "--data-id", "instrument=Cam", "--prefix", tmp_path, "-t", "move"]
    command("ingest-files", repo, *arguments, exit_code=2)
    assert mosaic.exists()
    assert files_below(repo / "flats") == ["flat/Cam_2"]
    result = command("ingest-files", repo, *arguments, "--continue-on-error", exit_code=1)
    assert "flat2.fits: " in result.stdout + result.stderr
    assert "Ingested 2 datasets of flat; 1 file failed." in result.stdout
    assert (mosaic.exists(), (tmp_path / "flat2.fits").exists()) == (False, True)
    assert [(got(repo, i) == i).all() for i in (0, 1)] == [True, True]


def test_faults_of_the_table_are_told(repo, tmp_path):
    path = tmp_path / "files.fits"
    path.write_bytes(b"SIMPLE")
    assert "is no table" in command("ingest-files", repo, "flat", "flats", path, exit_code=2).stderr
    rows = table(tmp_path, "a.fits,0")
    assert "instrument" in command("ingest-files", repo, "flat", "flats", rows, exit_code=2).stderr
    assert (
        "KEY=VALUE" in command("ingest-files", repo, "flat", "r", rows, "--data-id", "x", exit_code=2).stderr
    )
    assert "no rows" in command("ingest-files", repo, "flat", "r", table(tmp_path), exit_code=3).stderr


@pytest.fixture
def notes(repo):
    """Small datasets of every detector in the run `notes`."""
    with Butler.from_config(repo, run="notes") as butler:
        for i in range(N_DETECTORS):
            butler.put({"n": i}, "note", instrument="Cam", detector=i)
    return repo


def test_retrieved_files_keep_their_paths_or_only_their_names(notes, tmp_path):
    result = command(
        "retrieve-artifacts",
        notes,
        tmp_path / "out",
        "-d",
        "note",
        "--collections",
        "notes",
        "--where",
        "detector > 1",
        "-t",
        "copy",
    )
    wanted = ["notes/note/Cam/note_Cam_2.json", "notes/note/Cam/note_Cam_3.json"]
    assert files_below(tmp_path / "out") == wanted
    assert result.stdout.splitlines() == [str(tmp_path / "out" / name) for name in wanted]
    assert (tmp_path / "out" / wanted[0]).read_text() == '{"n":2}'
    command("retrieve-artifacts", notes, tmp_path / "flat", "-d", "note", "--no-preserve-path", "--limit", 1)
    assert len(files_below(tmp_path / "flat")) == 1


def test_files_that_are_there_are_replaced_only_if_asked(notes, tmp_path):
    target = tmp_path / "note_Cam_0.json"
    target.write_text("mine")
    arguments = [tmp_path, "-d", "note", "--where", "detector = 0", "--no-preserve-path", "-t", "symlink"]
    command("retrieve-artifacts", notes, *arguments, exit_code=2)
    assert target.read_text() == "mine"
    everything = [tmp_path, "-d", "note", "--no-preserve-path"]
    result = command("retrieve-artifacts", notes, *everything, exit_code=2)
    assert f"1 file of 4 would replace what is there, '{target}'" in result.stderr
    assert sorted(tmp_path.glob("note*")) == [target]
    command("retrieve-artifacts", notes, *arguments, "--clobber")
    assert target.is_symlink()
    assert target.read_text() == '{"n":0}'


def test_two_files_of_one_name_are_refused_before_anything_is_brought(notes, tmp_path):
    with Butler.from_config(notes, run="other") as butler:
        butler.put({"n": 100}, "note", instrument="Cam", detector=0)
    result = command(
        "retrieve-artifacts", notes, tmp_path / "out", "-d", "note", "--no-preserve-path", exit_code=2
    )
    assert "would both be" in result.stderr
    assert not (tmp_path / "out").exists()
    command("retrieve-artifacts", notes, tmp_path / "out", "-d", "note")
    found = command(
        "retrieve-artifacts",
        notes,
        tmp_path / "first",
        "-d",
        "note",
        "--no-preserve-path",
        "--find-first",
        "--collections",
        "other,notes",
    )
    assert "Retrieved 4 datasets" in found.stderr
    assert (tmp_path / "first/note_Cam_0.json").read_text() == '{"n":100}'


def test_nothing_to_retrieve_is_told(notes, tmp_path):
    command("retrieve-artifacts", notes, tmp_path / "out", "-d", "flat", exit_code=3)


@pytest.mark.parametrize("transfer", ["copy", "direct", "move"])
def test_archive_is_taken_in_as_one_file_and_read_where_it_lies(notes, tmp_path, transfer):
    command("retrieve-artifacts", notes, tmp_path / "out", "--zip", "--collections", "notes")
    (archive,) = (tmp_path / "out").glob("*.zip")
    assert len(zipfile.ZipFile(archive).namelist()) == N_DETECTORS + 2
    other = make_repo(tmp_path / "other")
    shown = command("ingest-zip", other, archive, "--dry-run", "--format", "json")
    assert "notes" in shown.stdout
    assert not (other / "notes").exists()
    command("ingest-zip", other, archive, "-t", transfer)
    assert [got(other, i, "note", "notes") for i in range(4)] == [{"n": i} for i in range(4)]
    assert len(list(other.rglob("*.zip"))) == (0 if transfer == "direct" else 1)
    assert archive.exists() == (transfer != "move")
    command("fsck", other, "--grace", 0, "--deep")
    with Butler.from_config(notes) as here, Butler.from_config(other) as there:
        wanted = {ref.id for ref in here.query_datasets("note", collections="notes")}
        assert {ref.id for ref in there.query_datasets("note", collections="notes")} == wanted
    if transfer != "move":
        assert "Ingested 0 datasets" in command("ingest-zip", other, archive, "-t", transfer).stdout


def test_archive_goes_with_the_last_of_its_datasets(notes, tmp_path):
    command("retrieve-artifacts", notes, tmp_path / "out", "--zip", "--collections", "notes")
    (archive,) = (tmp_path / "out").glob("*.zip")
    other = make_repo(tmp_path / "other")
    command("ingest-zip", other, archive, "-t", "copy")
    command("prune-datasets", other, "--purge", "notes", "--where", "detector < 3", "--no-confirm")
    assert got(other, 3, "note", "notes") == {"n": 3}
    command("prune-datasets", other, "--purge", "notes", "--no-confirm")
    assert list(other.rglob("*.zip")) == []
    command("fsck", other, "--grace", 0)


def test_shared_file_of_an_unfinished_run_stays_until_the_run_goes(notes, tmp_path):
    command("retrieve-artifacts", notes, tmp_path / "out", "--zip", "--collections", "notes")
    (archive,) = (tmp_path / "out").glob("*.zip")
    other = make_repo(tmp_path / "other")
    command("ingest-zip", other, archive, "-t", "copy")
    journal = journal_path(other, "notes")
    journal.parent.mkdir(exist_ok=True)
    journal.touch()
    command("prune-datasets", other, "--purge", "notes", "--no-confirm")
    assert len(list(other.rglob("*.zip"))) == 1
    command("remove-runs", other, "notes", "--no-confirm")
    assert list(other.rglob("*.zip")) == []


def test_dimension_records_come_with_an_archive_on_request(notes, tmp_path):
    command("retrieve-artifacts", notes, tmp_path / "out", "--zip", "--collections", "notes")
    (archive,) = (tmp_path / "out").glob("*.zip")
    Butler.makeRepo(tmp_path / "bare").close()
    bare = tmp_path / "bare"
    said = command("ingest-zip", bare, archive, exit_code=2).stderr
    assert "'Cam'" in said
    assert "With --transfer-dimensions it comes from the archive." in said
    command("ingest-zip", bare, archive, "--transfer-dimensions", "-t", "copy")
    assert got(bare, 2, "note", "notes") == {"n": 2}
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(archive) as new, zipfile.ZipFile(old, "w") as without:
        for name in set(new.namelist()) - {"dimensions.yaml"}:
            without.writestr(name, new.read(name))
    Butler.makeRepo(tmp_path / "more").close()
    said = command("ingest-zip", tmp_path / "more", old, "--transfer-dimensions", exit_code=2).stderr
    assert "holds no dimension records" in said


def test_archives_that_cannot_be_are_told(notes, tmp_path):
    other = make_repo(tmp_path / "other")
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK nonsense")
    assert "no archive" in command("ingest-zip", other, bad, exit_code=2).stderr
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as plain:
        plain.writestr("a", "b")
    assert "no archive" in command("ingest-zip", other, tmp_path / "plain.zip", exit_code=2).stderr
    for index, reason in (
        ("3", "no index of version 1"),
        ('{"version": 2, "datasets": []}', "no index of version 1"),
        ('{"version": 1, "datasets": [{"id": "x"}]}', "lacks artifacts, data_id"),
        ("nonsense", "no archive"),
    ):
        with zipfile.ZipFile(tmp_path / "made.zip", "w") as made:
            made.writestr("index.json", index)
        assert reason in command("ingest-zip", other, tmp_path / "made.zip", exit_code=2).stderr
    command("retrieve-artifacts", notes, tmp_path / "out", "--zip")
    (archive,) = (tmp_path / "out").glob("*.zip")
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b'{"n":2}', b'{"n":7}'))
    assert "damaged" in command("ingest-zip", other, archive, exit_code=2).stderr
    assert not list(other.rglob("*.zip"))
