"""A store behind a line that breaks half-way through many artifacts: all of them are there, or none."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
import yaml
from fsspec.implementations.memory import MemoryFileSystem

from datastore.errors import StoreUnavailableError
from datastore.stores import retry
from pipetask.butler import Butler, DatasetRef, FileDataset
from pipetask.butler.retrieve import retrieve_artifacts


class Line(MemoryFileSystem):
    """Memory behind a line that is dead for names with a certain text."""

    protocol = "line"
    store: ClassVar[dict[str, object]] = {}
    dead = "none"

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(path.removeprefix("line://"))

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        self._check(path)
        return super().pipe_file(path, value, mode=mode)

    def cat_file(self, path, start=None, end=None, **kwargs):
        self._check(path)
        return super().cat_file(path, start, end)

    def _check(self, path):
        if self.dead in path:
            raise ConnectionResetError("line is dead")


@pytest.fixture
def remote(repo, monkeypatch):
    """Butler of a repository whose datasets are behind the line."""
    fsspec.register_implementation("line", Line, clobber=True)
    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(Line, "dead", "none")
    Line.store.clear()
    path = Path(repo.root, "butler.yaml")
    stores = [{"name": "far", "root": "line://survey"}]
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "datastore": {"stores": stores}}))
    with Butler.from_config(repo.root, writeable=True) as butler:
        yield butler


def refs_of(butler, run):
    kind = butler.get_dataset_type("notes")
    data_ids = [butler.registry.expand_data_id({"instrument": "Cam", "detector": i}) for i in range(4)]
    return [DatasetRef(kind, data_id, run) for data_id in data_ids]


def put(butler, folder):
    with butler.transaction():
        for i in range(4):
            butler.put({"n": i}, "notes", instrument="Cam", detector=i, run="first")


def move_in(butler, folder):
    for i in range(4):
        (folder / f"{i}.json").write_text(f'{{"n": {i}}}')
    files = [FileDataset(str(folder / f"{i}.json"), ref) for i, ref in enumerate(refs_of(butler, "first"))]
    butler.ingest(*files, transfer="move")


@pytest.mark.parametrize("bring", [put, move_in])
@pytest.mark.parametrize("fails", [True, False])
def test_artifacts_of_one_transaction_are_all_sent_or_none(remote, tmp_path, bring, fails, monkeypatch):
    monkeypatch.setattr(Line, "dead", "Cam_3" if fails else "none")
    with (
        pytest.raises(StoreUnavailableError, match=r"notes_Cam_3\.json.*6 times") if fails else nullcontext()
    ):
        bring(remote, tmp_path)
    assert sorted(Line.store) == [
        f"/survey/first/notes/Cam/notes_Cam_{i}.json" for i in range(4) if not fails
    ]
    found = remote.query_datasets("notes", "first", order_by="detector", explain=False)
    assert [remote.get(ref)["n"] for ref in found] == [i for i in range(4) if not fails]
    if bring is move_in:
        assert len(list(tmp_path.glob("?.json"))) == (4 if fails else 0)


def test_datasets_of_such_a_repository_are_transferred_and_retrieved(
    remote, tmp_path, postgresql_repository, monkeypatch
):
    put(remote, tmp_path)
    refs = remote.query_datasets("notes", "first", order_by="detector")
    with postgresql_repository("other") as other:
        other.transfer_from(remote, refs, register_dataset_types=True, transfer_dimensions=True)
        assert [other.get(ref)["n"] for ref in refs] == [0, 1, 2, 3]
        monkeypatch.setattr(Line, "dead", "Cam")  # what is there already is not fetched again
        assert other.transfer_from(remote, refs) == refs
    monkeypatch.setattr(Line, "dead", "none")
    paths = retrieve_artifacts(remote, refs, tmp_path / "out", preserve_path=False)
    assert [json.loads(path.read_text())["n"] for path in paths] == [0, 1, 2, 3]
    remote.pruneDatasets(refs, unstore=True, purge=True, disassociate=True)
    assert not Line.store
