"""Taking datasets out of collections, deleting files, removing runs."""

import fcntl
from pathlib import Path

import pytest

from pipetask.butler import DatasetRef, FileDataset
from pipetask.butler.output_chains import find_to_purge, remove
from pipetask.butler.removal import find_to_prune, remove_collections
from pipetask.butler.repository import journal_path
from pipetask.errors import (
    CollectionTypeError,
    DatasetNotFoundError,
    InvalidNameError,
    OrphanedRecordError,
    RunLockedError,
)
from pipetask.execution.journal import Journal


@pytest.fixture(params=["sqlite", "postgresql"])
def repo_backend(request):
    """Each kind of database."""
    return request.param


@pytest.fixture
def two(repo):
    return [repo.put({"d": d}, "notes", detector=d, run="first") for d in (1, 2)]


def files(butler):
    return sorted(path.name for path in Path(butler.root).rglob("*.json"))


def test_unstored_datasets_are_known_but_gone(repo, two):
    repo.pruneDatasets(two[:1], unstore=True, disassociate=False)
    assert repo.get_dataset(two[0].id) == two[0]
    assert not repo.exists(two[0])
    with pytest.raises(DatasetNotFoundError, match="has no files"):
        repo.get(two[0])
    assert len(files(repo)) == 1


def test_purged_datasets_are_unknown(repo, two):
    repo.pruneDatasets(two[:1], unstore=True, purge=True)
    assert repo.get_dataset(two[0].id) is None
    assert repo.get(two[1]) == {"d": 2}
    repo.put({"d": "new"}, "notes", detector=1, run="first")


def test_datasets_leave_a_tagged_collection_only(repo, two):
    repo.collections.register("tag", "TAGGED")
    repo.registry.collections.associate("tag", two)
    repo.pruneDatasets(two[:1], tags=["tag"])
    assert [ref.dataId["detector"] for ref in repo.query_datasets("notes", "tag")] == [2]
    assert repo.get(two[0]) == {"d": 1}


def test_options_that_do_nothing_or_contradict_are_refused(repo, two):
    with pytest.raises(TypeError, match="Nothing to do"):
        repo.pruneDatasets(two)
    with pytest.raises(TypeError, match="purge=True"):
        repo.pruneDatasets(two, purge=True)


def test_a_run_goes_with_its_files(repo, two):
    repo.put({}, "notes", detector=1, run="second")
    repo.removeRuns("first")
    assert repo.collections.query() == ["second"]
    assert len(files(repo)) == 1
    assert repo.get_dataset(two[0].id) is None


def test_a_run_below_another_ones_name_stays(repo, two):
    repo.collections.register("first/inner")
    inner = repo.put({"x": 1}, "notes", detector=1, run="first/inner")
    repo.removeRuns(["first"])
    assert repo.get(inner) == {"x": 1}


def test_a_run_in_a_chain_is_kept_unless_unlinked(repo, two):
    repo.collections.register("chain", "CHAINED")
    repo.collections.redefine_chain("chain", ["second", "first"])
    with pytest.raises(OrphanedRecordError):
        repo.removeRuns(["first"])
    assert repo.get(two[0]) == {"d": 1}
    repo.removeRuns(["first"], unlink_from_chains=True)
    assert repo.collections.get_info("chain").children == ("second",)
    with pytest.raises(CollectionTypeError, match="is CHAINED, not a run"):
        repo.removeRuns("chain")


@pytest.fixture
def shared(repo, tmp_path):
    """One file with datasets of two runs, in the folder of the first."""
    path = tmp_path / "both.json"
    path.write_text('{"a": 1}')
    kind = repo.registry.get_dataset_type("notes")
    refs = [DatasetRef(kind, {"instrument": "Cam", "detector": 1}, run) for run in ("first", "second")]
    repo.ingest(FileDataset(path, refs), transfer="copy")
    return refs


def test_a_file_goes_with_the_last_dataset_in_it(repo, shared):
    repo.pruneDatasets(shared[:1], unstore=True, purge=True)
    assert repo.get(shared[1]) == {"a": 1}
    repo.removeRuns("second")
    assert files(repo) == []


def test_a_run_whose_files_hold_datasets_of_others_stays(repo, shared):
    with pytest.raises(OrphanedRecordError, match="holds datasets of other runs"):
        repo.removeRuns("first")
    assert repo.get(shared[0]) == repo.get(shared[1]) == {"a": 1}
    repo.removeRuns(["first", "second"])
    assert files(repo) == []


def test_a_file_of_several_parts_goes_with_the_last_of_them(repo, tmp_path):
    path = tmp_path / "parts.json"
    path.write_text("{}")
    kind = repo.registry.get_dataset_type("notes")
    refs = [DatasetRef(kind, {"instrument": "Cam", "detector": d}, "first") for d in (1, 2)]
    repo.ingest(*(FileDataset(f"{path}#hdu={i}", ref) for i, ref in enumerate(refs)), transfer="copy")
    repo.pruneDatasets(refs[:1], unstore=True, purge=True)
    assert len(files(repo)) == 1
    repo.pruneDatasets(refs[1:], unstore=True, purge=True)
    assert files(repo) == []


def test_a_removed_run_leaves_nothing_to_continue(repo, two):
    left = [journal_path(repo.root, "first").with_suffix(suffix) for suffix in (".journal", ".graph")]
    left[0].parent.mkdir(exist_ok=True)
    for path in left:
        path.write_bytes(b"")
    repo.removeRuns("first")
    assert not any(path.exists() for path in left)


def test_a_purged_dataset_leaves_tags_and_validity_ranges(repo):
    from pipetask.butler import Timespan

    flat = repo.put({}, "flat", detector=1, run="first")
    repo.collections.register("tag", "TAGGED")
    repo.collections.register("cal", "CALIBRATION")
    repo.collections.associate("tag", [flat])
    repo.collections.certify("cal", [flat], Timespan(None, None))
    repo.pruneDatasets([flat], unstore=True, purge=True)
    assert repo.query_datasets("flat", ["tag", "cal"], explain=False) == []


def test_collections_go_with_the_chains_around_them_or_not_at_all(repo, two):
    for name in ("inner", "outer"):
        repo.collections.register(name, "CHAINED")
    repo.collections.register("tag", "TAGGED")
    repo.collections.redefine_chain("inner", ["tag", "first"])
    repo.collections.redefine_chain("outer", ["inner", "tag"])
    with pytest.raises(OrphanedRecordError):
        remove_collections(repo, ["tag", "inner"])
    with pytest.raises(CollectionTypeError, match="butler remove-runs"):
        remove_collections(repo, ["outer", "first"])
    remove_collections(repo, ["tag", "inner"], unlink_from_chains=True)
    assert repo.collections.query() == ["first", "outer", "second"]
    assert repo.collections.get_info("outer").children == ()
    assert repo.get(two[0]) == {"d": 1}


def test_the_first_of_equal_data_ids_is_pruned_unless_all_are_meant(repo, two):
    other = repo.put({}, "notes", detector=1, run="second")
    assert find_to_prune(repo, ["second", "first"], where="detector = 1") == [other]
    assert set(find_to_prune(repo, ["*"], where="detector = 1", find_all=True)) == {two[0], other}
    assert find_to_prune(repo, [], purge="second") == [other]
    assert find_to_prune(repo, ["first", "second"], find_all=True, purge="second") == [other]
    with pytest.raises(InvalidNameError, match="--find-all"):
        find_to_prune(repo, ["f*"])
    with pytest.raises(InvalidNameError, match="Name the collections"):
        find_to_prune(repo, [])


def test_a_run_that_is_being_executed_stays(repo, two):
    repo.put({}, "notes", detector=1, run="second")
    journal = journal_path(repo.root, "second")
    journal.parent.mkdir(exist_ok=True)
    with journal.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as the process does that executes it
        with pytest.raises(RunLockedError, match="Run 'second' is being executed"):
            repo.removeRuns(["first", "second"])
    assert repo.collections.query() == ["first", "second"]
    assert len(files(repo)) == 3
    repo.removeRuns(["first", "second"])  # the lock went with its holder
    assert files(repo) == []
    assert not journal.exists()


def test_a_run_cannot_be_executed_while_it_is_removed(repo, two, monkeypatch):
    from pipetask.butler import removal

    def meanwhile(butler, records, unused=removal._unused):
        with pytest.raises(RunLockedError):
            Journal(journal_path(repo.root, "first"))
        return unused(butler, records)

    monkeypatch.setattr(removal, "_unused", meanwhile)
    repo.removeRuns("first")
    with Journal(journal_path(repo.root, "first")):
        pass  # free again


def test_what_a_run_took_over_goes_with_it(repo, two):
    repo.collections.register("second")
    repo.collections.register("second/reused", "TAGGED")
    repo.registry.collections.associate("second/reused", two)
    repo.collections.register("chain", "CHAINED")
    repo.collections.redefine_chain("chain", ["second", "second/reused", "first"])
    repo.removeRuns("second", unlink_from_chains=True)
    assert repo.collections.get_info("chain").children == ("first",)
    assert repo.collections.query() == ["chain", "first"]
    assert repo.get(two[0]) == {"d": 1}


def test_purging_a_chain_removes_what_its_runs_took_over(repo, two):
    repo.collections.register("chain/1")
    repo.collections.register("chain/1/reused", "TAGGED")
    repo.collections.register("chain", "CHAINED")
    repo.collections.redefine_chain("chain", ["chain/1", "chain/1/reused", "first"])
    remove(repo, find_to_purge(repo, "chain"))
    assert repo.collections.query() == ["first", "second"]
