"""Taking datasets out of collections, deleting files, removing runs."""

from pathlib import Path

import pytest

from pipetask.errors import CollectionTypeError, DatasetNotFoundError, OrphanedRecordError


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
