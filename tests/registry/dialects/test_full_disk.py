"""SQLite where there is no room, or no permission to write: one line, and nothing half-written."""

import contextlib
import os
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from pipetask.butler import Butler
from pipetask.cli.main import butler as butler_commands
from registry.dataset_type import DatasetType
from registry.errors import DatabaseConflictError, RegistryError
from registry.registry import Registry

N = 20_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if os.getuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a file system can be mounted by root only, and where the system lets it")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(registry):
    registry.insert_dimension_records("instrument", [{"name": "Cam"}])
    registry.insert_dimension_records(
        "detector",
        {"instrument": ["Cam"] * 100, "id": range(100), "full_name": [f"D{i}" for i in range(100)]},
    )
    registry.register_dataset_type(DatasetType("thing", ["detector"], "X", universe=registry.universe))
    registry.collections.register("run")
    registry.insert_datasets("thing", "run", {"instrument": ["Cam"], "detector": [0]})


def state(registry):
    return (
        registry.collections.query(),
        len(registry.find_dataset_columns("thing", "run").ids),
        len(registry.query_dimension_records("detector")),
        registry.get_attribute("note"),
    )


def more_detectors(registry):
    ids = range(1000, 1000 + N)
    registry.insert_dimension_records(
        "detector", {"instrument": ["Cam"] * N, "id": ids, "full_name": [f"D{i}" for i in ids]}
    )


def many_at_once(registry):
    with registry.transaction():
        registry.collections.register("another")
        registry.insert_datasets("thing", "another", {"instrument": ["Cam"], "detector": [0]})
        more_detectors(registry)


def long_attribute(registry):
    registry.set_attribute("note", "x" * 4_000_000)


@pytest.mark.parametrize("change", [more_detectors, many_at_once, long_attribute])
def test_what_does_not_fit_is_not_there_and_room_mends_it(small_disk, change):
    ballast = small_disk / "ballast"
    with Registry.create(f"sqlite:///{small_disk}/r.sqlite3") as registry:
        fill(registry)
        before = state(registry)
        with ballast.open("wb") as file:  # leaves 200 kB
            file.write(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - 200_000))
        with pytest.raises(DatabaseConflictError, match=r"could not be written: .*full") as caught:
            change(registry)
        assert "\n" not in str(caught.value)
        assert state(registry) == before
    with Registry.open(f"sqlite:///{small_disk}/r.sqlite3") as registry:
        assert state(registry) == before
        ballast.unlink()
        registry.insert_datasets("thing", "run", {"instrument": ["Cam"] * 9, "detector": range(1, 10)})
        assert len(registry.find_dataset_columns("thing", "run").ids) == 10


def test_no_registry_is_made_where_there_is_no_room(small_disk):
    with (small_disk / "ballast").open("wb") as file:
        file.write(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize - 20_000))
    url = f"sqlite:///{small_disk}/r.sqlite3"
    with pytest.raises(DatabaseConflictError, match=r"is there room on the disk\?"):
        Registry.create(url)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
    (small_disk / "ballast").unlink()
    Registry.create(url).close()


def test_a_full_disk_is_read_and_removals_make_room(small_disk):
    root = str(small_disk / "repo")
    with Butler.makeRepo(root) as butler:
        dataset_type = DatasetType("notes", (), "StructuredDataDict", universe=butler.dimensions)
        butler.register_dataset_type(dataset_type)
        for run in ("first", "second", "third"):
            butler.collections.register(run)
            butler.put({"a": run}, "notes", run=run)
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass
    assert shutil.disk_usage(small_disk).free == 0

    def run(*words):
        return CliRunner().invoke(butler_commands, [words[0], root, *words[1:]])

    assert "second" in run("query-datasets", "notes").stdout
    refused = run("collection-chain", "all", "first,second")
    assert refused.exit_code == 2
    assert "0 kB are free; remove runs or datasets" in refused.stderr
    assert run("remove-runs", "first", "--no-confirm").exit_code == 0
    assert run("prune-datasets", "second", "--purge", "second", "--no-confirm").exit_code == 0
    with Butler.from_config(root) as butler:
        assert [ref.run for ref in butler.query_datasets("notes", "*", find_first=False)] == ["third"]
        assert not butler.registry.writeable
        with pytest.raises(RegistryError):
            butler.collections.register("more")
    (small_disk / "ballast").unlink()
    assert run("fsck", "--repair").exit_code in (0, 3)
    assert (small_disk / "repo" / ".reserve").stat().st_blocks * 512 >= 2**20  # for the next time


@pytest.fixture
def read_only_disk(small_disk):
    """A file system that cannot be written any more, with a registry and a repository on it."""
    with Registry.create(f"sqlite:///{small_disk}/r.sqlite3") as registry:
        fill(registry)
    with Butler.makeRepo(small_disk / "repo") as butler:
        dataset_type = DatasetType("notes", (), "StructuredDataDict", universe=butler.dimensions)
        butler.register_dataset_type(dataset_type)
        butler.put({"a": 1}, "notes", run=butler.collections.register("run") and "run")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    yield small_disk
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)


def test_a_read_only_disk_is_read_and_not_written(read_only_disk):
    url = f"sqlite:///{read_only_disk}/r.sqlite3"
    with Registry.open(url, writeable=False) as registry:
        assert state(registry)[1:3] == (1, 100)
    with pytest.raises(RegistryError, match="may not be written; check the permissions") as caught:
        Registry.open(url)
    assert "\n" not in str(caught.value)
    with pytest.raises(RegistryError, match="cannot be made: its folder may not be written"):
        Registry.create(f"sqlite:///{read_only_disk}/new.sqlite3")


def test_commands_on_a_read_only_disk_say_so(read_only_disk):
    root = str(read_only_disk / "repo")
    with Butler.from_config(root) as butler:
        assert butler.get("notes", collections="run") == {"a": 1}
    for words, code in (
        (["query-datasets", root], 0),
        (["register-dataset-type", root, "more", "StructuredDataDict"], 2),
        (["remove-runs", root, "run", "--no-confirm", "--force"], 2),
        (["export", root, f"{root}/out"], 2),
        (["create", f"{root}/new"], 2),
    ):
        result = CliRunner().invoke(butler_commands, words)
        assert result.exit_code == code, result.output
        assert len(result.stderr.splitlines()) == (code > 0), result.stderr
        if code:
            assert "may not be written" in result.stderr or "Read-only file system" in result.stderr
