"""Removals that are cut short: nothing that should be gone stays for ever, nothing that is in use goes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipetask.butler import Butler, DatasetType
from pipetask.execution.fsck import fsck

WHERE = {"instrument": "Cam", "detector": 1}


@pytest.fixture
def repo(tmp_path):
    """A repository with a dataset in each of two runs."""
    with Butler.makeRepo(tmp_path / "repo") as butler:
        butler.registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        butler.registry.insert_dimension_records(
            "detector", [{"instrument": "Cam", "id": 1, "full_name": "d"}]
        )
        kind = DatasetType(
            "note", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions
        )
        butler.register_dataset_type(kind)
        for run in ("a", "b"):
            butler.collections.register(run)
            butler.put({"run": run}, "note", WHERE, run=run)
        yield butler


CUT_SHORT = """
import os, signal, sys
from pipetask.butler import Butler, deletions
from datastore.stores.local import LocalStore

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "while it is written down":
    os.replace = os.rename = os.link = die
elif sys.argv[2] == "before the commit":
    write_down = deletions.write_down
    deletions.write_down = lambda *args: die(write_down(*args))
else:
    LocalStore.delete = LocalStore.delete_tree = die
with Butler.from_config(sys.argv[1], writeable=True) as butler:
    ref = butler.find_dataset("note", instrument="Cam", detector=1, collections="a")
    if sys.argv[2] == "prune":
        butler.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    else:
        butler.removeRuns(["a"])
"""


def cut_short(butler, how):
    done = subprocess.run([sys.executable, "-c", CUT_SHORT, butler.root, how], check=False)
    assert done.returncode == -signal.SIGKILL


def files(butler, folder=""):
    found = (path.relative_to(butler.root) for path in (Path(butler.root) / folder).rglob("*.json"))
    return sorted(map(str, found))


@pytest.mark.parametrize("how", ["prune", "remove-runs"])
def test_killed_removal_is_told_and_finished(repo, how):
    cut_short(repo, how)
    assert "a/note/Cam/note_Cam_1.json" in files(repo)
    assert repo.find_dataset("note", WHERE, collections="b") is not None
    faults = list(fsck(repo, grace_s=0))
    assert "file without row" not in {each.kind for each in faults}
    (fault,) = [each for each in faults if each.kind == "unfinished removal"]
    what = {"prune": "1 file", "remove-runs": "the folders of a"}[how]
    assert fault.detail == f"{what} should be gone"
    assert not [each for each in fsck(repo, grace_s=600) if each.kind == "unfinished removal"]
    list(fsck(repo, grace_s=0, repair=True))
    assert files(repo) == ["b/note/Cam/note_Cam_1.json"]
    assert list(fsck(repo, grace_s=0)) == []
    assert not (Path(repo.root) / ".trash").exists()
    assert not (Path(repo.root) / "a").exists()


@pytest.mark.parametrize(
    ("how", "kind", "detail", "repaired"),
    [
        ("while it is written down", "temporary file", "a list of removals", "deleted"),
        ("before the commit", "unfinished removal", "removed nothing", "forgotten"),
    ],
)
def test_a_removal_killed_early_removes_nothing(repo, how, kind, detail, repaired):
    cut_short(repo, how)
    for repair in (False, True):
        (fault,) = [each for each in fsck(repo, grace_s=0, repair=repair) if each.kind == kind]
        assert detail in fault.detail
        assert fault.repaired == (repaired if repair else "")
    assert list(fsck(repo, grace_s=0)) == []
    assert repo.get("note", WHERE, collections="a") == {"run": "a"}
    assert not (Path(repo.root) / ".trash").exists()


def test_file_that_was_written_again_meanwhile_stays(repo):
    cut_short(repo, "prune")
    repo.put({"run": "anew"}, "note", WHERE, run="a")
    list(fsck(repo, grace_s=0, repair=True))
    assert repo.get("note", WHERE, collections="a") == {"run": "anew"}


def test_removal_that_went_well_leaves_no_list(repo):
    ref = repo.find_dataset("note", WHERE, collections="a")
    repo.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    repo.removeRuns(["b"])
    assert not (Path(repo.root) / ".trash").exists()
    assert files(repo) == []


def test_removal_that_is_undone_leaves_no_list(repo, monkeypatch):
    ref = repo.find_dataset("note", WHERE, collections="a")

    def full(connection):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(repo.registry._db.dialect, "commit", full)
    with pytest.raises(OSError, match="No space left"):
        repo.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    assert not (Path(repo.root) / ".trash").exists()
    assert len(files(repo)) == 2


WRITER = """
import sys
from pipetask.butler import Butler
from registry.errors import ConflictingDefinitionError
with Butler.from_config(sys.argv[1], run="race") as butler:
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        butler.put({"who": sys.argv[2], "pad": sys.argv[2] * 100_000}, "note", instrument="Cam", detector=1)
        print("won")
    except ConflictingDefinitionError as err:
        print("conflict", "exists already" in str(err) or "race" in str(err))
"""


def test_of_two_writers_of_a_dataset_one_wins_and_the_other_is_told(repo):
    repo.collections.register("race")
    for turn in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, repo.root, f"{turn}{name}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in "xy"
        ]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        answers = [writer.communicate(timeout=60)[0].strip() for writer in writers]
        assert sorted(answers) == ["conflict True", "won"]
        who = f"{turn}{'xy'[answers.index('won')]}"
        assert repo.get("note", WHERE, collections="race") == {"who": who, "pad": who * 100_000}
        ref = repo.find_dataset("note", WHERE, collections="race")
        repo.pruneDatasets([ref], disassociate=True, unstore=True, purge=True)
    assert list(fsck(repo, grace_s=0, deep=True)) == []
