"""Rows and files change together or not at all; within a transaction, what was put is there."""

import signal
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy
import yaml

from pipetask.butler import Butler, DatasetRef, FileDataset
from pipetask.errors import (
    CollectionTypeError,
    ConflictingDefinitionError,
    DatabaseConflictError,
    DataIdError,
    StorageTypeError,
    TransactionError,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def repo_backend(request):
    return request.param


def files(butler):
    """Names of all files of the run, those too that a write leaves if it is cut short."""
    return sorted(path.name for path in Path(butler.root, "first").rglob("*") if path.is_file())


def test_an_error_leaves_neither_rows_nor_files(repo):
    def fail():
        with repo.transaction():
            repo.put({}, "notes", detector=1, run="first")
            assert len(files(repo)) == 1
            repo.put({}, "notes", detector=2, run="first")
            assert repo.get("notes", detector=1, collections="first") == {}
            repo.put({}, "notes", detector=3, run="first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(repo) == []
    assert repo.find_dataset("notes", detector=1, collections="first") is None
    repo.put({"x": 1}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 1}


def test_what_was_put_is_found_queried_and_read_before_the_end(repo):
    with repo.transaction():
        refs = [repo.put({"d": d}, "notes", detector=d, run="first") for d in range(2)]
        assert repo.find_dataset("notes", detector=1, collections="first") == refs[1]
        assert [repo.get(ref) for ref in refs] == [{"d": 0}, {"d": 1}]
        refs.append(repo.put({"d": 2}, "notes", detector=2, run="first"))
        assert repo.query_datasets("notes", "first") == refs
        refs.append(repo.put({"d": 3}, "notes", detector=3, run="first"))
        assert repo.exists(refs[3])
        repo.collections.register("tagged", "TAGGED")
        repo.registry.collections.associate("tagged", refs)
    assert [repo.get("notes", detector=d, collections="tagged") for d in range(4)] == [
        {"d": d} for d in range(4)
    ]
    assert files(repo) == [f"notes_Cam_{d}.json" for d in range(4)]


def test_what_was_put_can_be_removed_before_the_end(repo):
    with repo.transaction():
        ref = repo.put({"x": 1}, "notes", detector=1, run="first")
        repo.pruneDatasets([ref], unstore=True, purge=True)
        repo.put({"x": 2}, "notes", detector=2, run="first")
    assert [ref.dataId["detector"] for ref in repo.query_datasets("notes", "first")] == [2]
    assert files(repo) == ["notes_Cam_2.json"]


def test_more_datasets_than_are_collected_at_once_are_all_kept(repo):
    n = 1203
    repo.registry.insert_dimension_records(
        "detector", [{"instrument": "Cam", "detector": 100 + i, "full_name": f"N{i}"} for i in range(n)]
    )
    with repo.transaction():
        for i in range(n):
            repo.put({"i": i}, "notes", detector=100 + i, run="first")
    assert len(files(repo)) == n
    found = repo.query_datasets("notes", "first", limit=None)
    assert [ref.dataId["detector"] for ref in found] == [100 + i for i in range(n)]
    assert repo.get(found[-1]) == {"i": n - 1}


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
        with pytest.raises(ConflictingDefinitionError, match=r"detector: 1.*exists already"):
            repo.put({"x": 3}, "notes", detector=1, run="first")
        with pytest.raises(ConflictingDefinitionError, match=r"detector: 2.*exists already"):
            repo.put({"x": 4}, "notes", detector=2, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 1}
    assert repo.get("notes", detector=2, collections="first") == {"x": 2}


def test_one_id_is_not_given_to_two_datasets_of_a_transaction(repo):
    notes = repo.get_dataset_type("notes")
    with repo.transaction():
        first = repo.put({}, DatasetRef(notes, {"instrument": "Cam", "detector": 1}, "first"))
        with pytest.raises(ConflictingDefinitionError, match=str(first.id)):
            repo.put({}, DatasetRef(notes, {"instrument": "Cam", "detector": 2}, "first", id=first.id))
    assert repo.query_datasets("notes", "first") == [first]


def test_what_cannot_be_put_is_refused_at_its_put_and_the_rest_is_kept(repo):
    repo.collections.register("tagged", "TAGGED")
    with repo.transaction():
        repo.put({"x": 1}, "notes", detector=1, run="first")
        with pytest.raises(DataIdError, match=r"detector.*77.*not registered"):
            repo.put({"x": 2}, "notes", detector=77, run="first")
        with pytest.raises(StorageTypeError, match="StructuredDataDict"):
            repo.put(3, "notes", detector=2, run="first")
        with pytest.raises(CollectionTypeError, match="TAGGED"):
            repo.put({}, "notes", detector=2, run="tagged")
    assert files(repo) == ["notes_Cam_1.json"]
    assert len(repo.query_datasets("notes", "*")) == 1


def test_files_to_delete_stay_until_the_rows_are_gone(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")

    def fail():
        with repo.transaction():
            repo.pruneDatasets([ref], unstore=True, purge=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert repo.get(ref) == {"x": 1}


def test_a_left_over_file_keeps_its_name_and_is_in_nobodys_way(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")
    path = next(Path(repo.root).rglob("*.json"))
    repo.pruneDatasets([ref], unstore=True, purge=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("what a crash left")
    ref = repo.put({"x": 2}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 2}
    assert files(repo) == [f"notes_Cam_1-{ref.id.hex}.json", "notes_Cam_1.json"]


def test_a_dataset_is_replaced_in_one_transaction(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")
    with repo.transaction():
        repo.pruneDatasets([ref], unstore=True, purge=True)
        repo.put({"x": 2}, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"x": 2}
    assert len(files(repo)) == 1


@pytest.mark.parametrize("transfer", ["copy", "move", "hardlink"])
def test_a_dataset_is_replaced_by_a_file_in_one_transaction(repo, tmp_path, transfer):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")
    (tmp_path / "new.json").write_text('{"x": 2}')
    new = DatasetRef(ref.datasetType, ref.dataId, "first")
    with repo.transaction():
        repo.pruneDatasets([ref], unstore=True, purge=True)
        repo.ingest(FileDataset(tmp_path / "new.json", new), transfer=transfer)
    assert repo.get("notes", detector=1, collections="first") == {"x": 2}
    assert files(repo) == [f"notes_Cam_1-{new.id.hex}.json"]
    assert (tmp_path / "new.json").exists() == (transfer != "move")


def test_what_a_failed_transaction_was_to_replace_stays(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")

    def fail():
        with repo.transaction():
            repo.pruneDatasets([ref], unstore=True, purge=True)
            new = repo.put({"x": 2}, "notes", detector=1, run="first")
            assert repo.get(new) == {"x": 2}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert repo.get(ref) == {"x": 1}
    assert files(repo) == ["notes_Cam_1.json"]


def test_what_fails_half_way_inside_spoils_the_transaction_around_it(repo):
    def fail():
        with repo.transaction(), suppress(ZeroDivisionError), repo.transaction():
            repo.put({"x": 1}, "notes", detector=1, run="first")
            raise ZeroDivisionError

    with pytest.raises(DatabaseConflictError, match="nothing was stored"):
        fail()
    assert files(repo) == []


def test_files_of_a_commit_that_was_interrupted_after_it_took_place_stay(repo, monkeypatch):
    commit = repo.registry._db.dialect.commit

    def interrupted(connection):
        commit(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(repo.registry._db.dialect, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repo.put({"x": 1}, "notes", detector=1, run="first")
    monkeypatch.undo()
    assert repo.get("notes", detector=1, collections="first") == {"x": 1}


def test_files_of_a_commit_that_did_not_take_place_go(repo, monkeypatch):
    def interrupted(connection):
        raise KeyboardInterrupt

    monkeypatch.setattr(repo.registry._db.dialect, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        repo.put({"x": 1}, "notes", detector=1, run="first")
    monkeypatch.undo()
    assert repo.find_dataset("notes", detector=1, collections="first") is None
    assert files(repo) == []


class Meanwhile(dict):
    """Something to put that takes time to write: another writer is faster."""

    def __init__(self, content, action):
        super().__init__(content)
        self.action = action

    def to_json(self):
        self.action()
        return dict(self)


def test_a_writer_who_was_slower_is_refused_and_the_file_of_the_other_stays(repo):
    with Butler.from_config(repo.root, run="first") as other:
        slow = Meanwhile({"by": "slow"}, lambda: other.put({"by": "fast"}, "notes", detector=1))
        with pytest.raises(ConflictingDefinitionError, match="detector: 1"):
            repo.put(slow, "notes", detector=1, run="first")
    assert repo.get("notes", detector=1, collections="first") == {"by": "fast"}
    assert files(repo) == ["notes_Cam_1.json"]


@pytest.mark.parametrize("repo_backend", ["postgresql"])  # in SQLite, nobody else writes meanwhile
def test_a_conflict_that_only_the_end_can_know_names_the_dataset(repo):
    def fail():
        with repo.transaction(), Butler.from_config(repo.root, run="first") as other:
            repo.put({"by": "slow"}, "notes", detector=1, run="first")
            other.put({"by": "fast"}, "notes", detector=1)
            repo.put({"by": "slow"}, "notes", detector=2, run="first")

    with pytest.raises(ConflictingDefinitionError, match=r"notes'? \{instrument: 'Cam', detector: 1\}"):
        fail()
    assert repo.get("notes", detector=1, collections="first") == {"by": "fast"}
    assert files(repo) == ["notes_Cam_1.json"]


@pytest.mark.parametrize("repo_backend", ["postgresql"])  # in SQLite, nobody else writes meanwhile
def test_an_error_of_what_was_put_before_spoils_the_transaction(repo):
    def fail():
        with repo.transaction(), Butler.from_config(repo.root, run="first") as other:
            repo.put({"by": "slow"}, "notes", detector=1, run="first")
            other.put({"by": "fast"}, "notes", detector=1)
            with pytest.raises(ConflictingDefinitionError, match="detector: 1"):
                repo.query_datasets("notes", "first")
            with suppress(DatabaseConflictError):
                repo.put({"by": "slow"}, "notes", detector=2, run="first")

    with pytest.raises(DatabaseConflictError, match="nothing was stored"):
        fail()
    assert files(repo) == ["notes_Cam_1.json"]
    assert repo.get("notes", detector=1, collections="first") == {"by": "fast"}


@pytest.mark.parametrize("repo_backend", ["sqlite"])
def test_two_datasets_never_share_a_file(repo):
    path = Path(repo.root, "butler.yaml")
    templates = {"notes": "{run}/{instrument}_{detector}", "flat": "{run}/{values}"}
    path.write_text(
        yaml.safe_dump({**yaml.safe_load(path.read_text()), "datastore": {"templates": templates}})
    )

    def fail(butler):
        with butler.transaction():
            butler.put({"x": 2}, "notes", instrument="Cam", detector=2)
            butler.put({"x": 2}, "flat", instrument="Cam", detector=2)

    with Butler.from_config(repo.root, run="first") as butler:
        butler.put({"x": 1}, "notes", instrument="Cam", detector=1)
        with pytest.raises(ConflictingDefinitionError, match=r"'flat'.*would be 'first/Cam_1.json'.*another"):
            butler.put({"x": 2}, "flat", instrument="Cam", detector=1)
        with pytest.raises(ConflictingDefinitionError, match=r"'flat'.*'first/Cam_2.json'.*'notes'"):
            fail(butler)
        assert butler.get("notes", instrument="Cam", detector=1) == {"x": 1}
    assert files(repo) == ["Cam_1.json"]


def test_files_of_a_removed_run_stay_until_the_rows_are_gone(repo):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")

    def fail():
        with repo.transaction():
            repo.removeRuns("first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert repo.get(ref) == {"x": 1}
    assert not Path(repo.root, ".trash").exists()
    with repo.transaction():
        repo.removeRuns("first")
    assert files(repo) == []
    assert not Path(repo.root, ".trash").exists()


def test_a_run_is_removed_with_what_the_transaction_has_put_into_it(repo):
    with repo.transaction():
        repo.put({"x": 1}, "notes", detector=1, run="first")
        repo.removeRuns("first")
    assert files(repo) == []
    assert repo.collections.query("*") == ["second"]


def test_a_run_that_is_removed_and_begun_again_holds_what_was_put_since(repo):
    repo.put({"x": 1}, "notes", detector=1, run="first")
    repo.put({"x": 2}, "notes", detector=2, run="first")
    with repo.transaction():
        for x in (3, 4):
            repo.removeRuns("first")
            repo.collections.register("first")
            ref = repo.put({"x": x}, "notes", detector=1, run="first")
    assert repo.get(ref) == {"x": 4}
    assert len(files(repo)) == 1


FILE_CHANGES = {
    "put": lambda repo, ref: repo.put({}, "notes", detector=2, run="first"),
    "prune": lambda repo, ref: repo.pruneDatasets([ref], unstore=True, purge=True),
    "remove": lambda repo, ref: repo.removeRuns("first"),
}


@pytest.mark.parametrize("change", FILE_CHANGES.values(), ids=FILE_CHANGES)
def test_files_are_not_changed_in_a_transaction_of_rows_alone(repo, change):
    ref = repo.put({"x": 1}, "notes", detector=1, run="first")
    with repo.registry.transaction():
        repo.collections.register("kept")
        with pytest.raises(TransactionError, match=r"use butler\.transaction\(\)"):
            change(repo, ref)
    assert repo.get(ref) == {"x": 1}
    assert files(repo) == ["notes_Cam_1.json"]
    assert "kept" in repo.collections.query("*")


def test_a_butler_is_not_closed_inside_a_transaction(repo):
    with repo.transaction():
        ref = repo.put({"x": 1}, "notes", detector=1, run="first")
        with pytest.raises(TransactionError, match="can't be closed inside a transaction"):
            repo.close()
    assert repo.get(ref) == {"x": 1}
    repo.close()


def test_leaving_a_butler_by_an_error_rolls_back_what_is_open(repo):
    kept = repo.put({"x": 1}, "notes", detector=1, run="first")
    left_open = []

    def fail():
        with Butler.from_config(repo.root, writeable=True) as butler:
            left_open.append(butler.transaction())
            left_open[0].__enter__()
            butler.put({"x": 2}, "notes", detector=2, run="first")
            assert butler.find_dataset("notes", detector=2, collections="first") is not None
            butler.put({"x": 2}, "notes", detector=3, run="first")
            butler.pruneDatasets([kept], unstore=True, purge=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(repo) == ["notes_Cam_1.json"]
    assert repo.query_datasets("notes", "first") == [kept]
    repo.put({"x": 3}, "notes", detector=2, run="first")


def interrupt_statement(engine, number):
    """Press Ctrl-C while the driver runs a statement, counted from one; return what takes that back."""
    count = 0

    def run(cursor, statement, parameters, context):
        nonlocal count
        count += 1
        if count == number:
            signal.raise_signal(signal.SIGINT)

    events = ("do_execute", "do_execute_no_params", "do_executemany")
    for event in events:
        sqlalchemy.event.listen(engine, event, run)

    def stop():
        for event in events:
            sqlalchemy.event.remove(engine, event, run)

    return stop


@pytest.mark.usefixtures("ctrl_c")
def test_after_an_interrupt_nothing_is_stored_and_the_butler_goes_on(repo):
    def put_three():
        with repo.transaction():
            repo.collections.register("new")
            for detector in range(3):
                repo.put({}, "notes", detector=detector, run="first")

    n_interrupts = 0
    while True:
        stop = interrupt_statement(repo.registry._db.engine, n_interrupts + 1)
        try:
            put_three()
        except KeyboardInterrupt:
            n_interrupts += 1
        else:
            break
        finally:
            stop()
        assert repo.query_datasets("notes", "first", explain=False) == []
        assert repo.collections.query("*") == ["first", "second"]
        assert files(repo) == []
        repo.put({"n": n_interrupts}, "notes", detector=n_interrupts % 4, run="second")
        repo.removeRuns("second")
        repo.collections.register("second")
    assert n_interrupts
    assert len(repo.query_datasets("notes", "first")) == 3
