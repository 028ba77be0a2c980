"""Rows and files change together or not at all."""

from pathlib import Path

import pytest

from pipetask.errors import ConflictingDefinitionError


def files(butler):
    return sorted(path.name for path in Path(butler.root).rglob("*.json"))


def test_an_error_leaves_neither_rows_nor_files(repo):
    def fail():
        with repo.transaction():
            repo.put({}, "notes", detector=1, run="first")
            assert len(files(repo)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(repo) == []
    assert repo.find_dataset("notes", detector=1, collections="first") is None


def test_a_transaction_inside_another_shares_its_fate(repo):
    def fail():
        with repo.transaction():
            with repo.transaction():
                repo.put({}, "notes", detector=1, run="first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(repo) == []


def test_a_conflict_can_be_caught_inside_and_the_rest_is_kept(repo):
    repo.put({"x": 1}, "notes", detector=1, run="first")
    with repo.transaction():
        repo.put({"x": 2}, "notes", detector=2, run="first")
        with pytest.raises(ConflictingDefinitionError):
            repo.put({"x": 3}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 1}
    assert repo.get("notes", detector=2, collections="first") == {"x": 2}


def test_files_to_delete_stay_until_the_rows_are_gone(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")

    def fail():
        with repo.transaction():
            repo.pruneDatasets([ref], unstore=True, purge=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert repo.get(ref) == {"x": 1}


def test_a_left_over_file_of_the_same_name_is_replaced(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")
    path = next(Path(repo.root).rglob("*.json"))
    repo.pruneDatasets([ref], unstore=True, purge=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("what a crash left")
    repo.put({"x": 2}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 2}
