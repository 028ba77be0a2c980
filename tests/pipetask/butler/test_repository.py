"""Making a repository, and finding it again."""

import pytest

from pipetask.butler import Butler, find_repository, is_repository
from pipetask.errors import (
    InstrumentError,
    RepositoryConfigError,
    RepositoryExistsError,
    RepositoryNotFoundError,
)
from registry.errors import RegistryError


@pytest.fixture
def empty(tmp_path):
    Butler.makeRepo(tmp_path / "repo").close()
    return tmp_path / "repo"


def test_a_new_repository_has_its_config_and_database(empty):
    assert {path.name for path in empty.iterdir()} >= {"butler.yaml", "registry.sqlite3"}
    assert is_repository(empty)
    assert is_repository(empty / "butler.yaml")
    assert not is_repository(empty.parent)


def test_a_folder_that_holds_something_is_not_taken(empty, tmp_path):
    with pytest.raises(RepositoryExistsError, match="already holds a repository"):
        Butler.makeRepo(empty)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RepositoryExistsError, match="already holds something else"):
        Butler.makeRepo(tmp_path)


def test_it_is_found_by_argument_variable_or_place(empty, tmp_path, monkeypatch):
    monkeypatch.delenv("BUTLER_REPO", raising=False)
    assert find_repository(empty).root == str(empty)
    assert find_repository(empty / "butler.yaml").root == str(empty)
    below = empty / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_repository().root == str(empty)
    Butler.makeRepo(tmp_path / "other").close()
    monkeypatch.setenv("BUTLER_REPO", str(tmp_path / "other"))
    assert find_repository().root == str(tmp_path / "other")
    assert find_repository(empty).root == str(empty)


def test_none_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("BUTLER_REPO", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RepositoryNotFoundError, match=r"\$BUTLER_REPO is not set") as caught:
        Butler.from_config()
    assert "butler create" in caught.value.hint
    with pytest.raises(RepositoryNotFoundError, match="No repository at 'nowhere'"):
        Butler.from_config("nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"just text", "not a mapping"),
        (b"registry: [", "line 1 is not valid YAML"),
        (b"\x80", "not valid YAML"),
        (b"registry: 5", "'registry'"),
        (b"datastore: 5", "'datastore'"),
        (b"registri: x.sqlite3", "unknown key 'registri'; did you mean 'registry'"),
        (b"registry:\n  db: sqlite:///<butlerRoot>/gen3.sqlite3", "lsst-daf-butler.*butler import"),
        (b"datastore:\n  cls: lsst.daf.butler.FileDatastore", "lsst-daf-butler.*butler import"),
    ],
)
def test_a_config_that_is_none_is_told(empty, text, message):
    (empty / "butler.yaml").write_bytes(text)
    with pytest.raises(RepositoryConfigError, match=message) as caught:
        Butler.from_config(empty)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("root", ["s3://bucket/repo", "sqlite:///repo.db"])
def test_a_uri_is_not_made_a_folder_of_that_name(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RepositoryExistsError, match="name a new local folder"):
        Butler.makeRepo(root)
    assert not list(tmp_path.iterdir())


def test_it_is_opened_for_reading_unless_told_otherwise(empty):
    with Butler.from_config(empty) as butler:
        assert not butler.writeable
        with pytest.raises(Exception, match="reading only"):
            butler.collections.register("x")
    with Butler.from_config(empty, run="x") as butler:
        assert butler.collections.query() == ["x"]


def test_collections_without_an_instrument_must_be_named(empty):
    with Butler.from_config(empty) as butler, pytest.raises(InstrumentError, match="it has none"):
        butler.search_path()


def test_a_repository_whose_database_is_down_leaves_no_folder(tmp_path):
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    with pytest.raises(RegistryError, match="No connection"):
        Butler.makeRepo(tmp_path / "new", registry_db=url)
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(RegistryError, match="No connection"):
        Butler.makeRepo(tmp_path / "mine", registry_db=url)
    assert (tmp_path / "mine").is_dir()
