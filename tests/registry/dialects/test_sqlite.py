"""SQLite fulfils the dialects' contract, and what is special about files."""

import multiprocessing
import os
import sqlite3
import threading

import pytest

from registry.dialects.base import dialect_for
from registry.dialects.sqlite import SQLiteDialect
from registry.errors import (
    DatabaseBusyError,
    DatabaseConflictError,
    RegistryError,
    RepositoryFormatError,
    SchemaVersionError,
)
from registry.registry import Registry
from registry.testing import DialectSuite


class TestSQLite(DialectSuite):
    @pytest.fixture
    def url(self, tmp_path):
        return f"sqlite:///{tmp_path}/contract.sqlite3"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.sqlite3"


@pytest.fixture
def url(path):
    Registry.create(f"sqlite:///{path}").close()
    return f"sqlite:///{path}"


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert isinstance(caught.value, RegistryError)
    return text


def test_a_new_registry_is_in_wal_mode(url, path):
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_system_without_shared_memory_gets_another_journal_and_this_is_said(path, monkeypatch, caplog):
    from registry.dialects import sqlite

    file_uri = sqlite._file_uri
    monkeypatch.setattr(sqlite, "_file_uri", lambda *arguments: f"{file_uri(*arguments)}&vfs=unix-dotfile")
    with Registry.create(f"sqlite:///{path}") as registry:
        registry.collections.register("run")
        assert registry.collections.query() == ["run"]
    assert f"The file system of {path} can't do write-ahead logging; with journal mode delete" in caplog.text


def test_a_registry_that_was_copied_to_a_file_system_without_shared_memory_is_used_there(
    path, monkeypatch, caplog
):
    from registry.dialects import sqlite

    url = f"sqlite:///{path}"
    with Registry.create(url) as registry:
        registry.collections.register("run")
    file_uri = sqlite._file_uri
    monkeypatch.setattr(sqlite, "_file_uri", lambda *arguments: f"{file_uri(*arguments)}&vfs=unix-dotfile")
    with Registry.open(url, writeable=False) as registry:
        assert registry.collections.query() == ["run"]
        monkeypatch.setattr(SQLiteDialect.__init__, "__defaults__", (0.1,))
        for writeable in (False, True):
            with pytest.raises(DatabaseBusyError, match="was locked by another"):
                Registry.open(url, writeable=writeable)
        monkeypatch.setattr(SQLiteDialect.__init__, "__defaults__", (60.0,))
    assert caplog.text == ""
    with Registry.open(url) as registry, Registry.open(url, writeable=False) as reader:
        assert "can't do write-ahead logging; with journal mode delete" in caplog.text
        registry.collections.register("more")
        assert reader.collections.query() == ["more", "run"]
    assert caplog.text.count("can't do") == 1


@pytest.mark.parametrize("content", [b"not a database, but long enough to look at" * 40, b""])
def test_a_foreign_file_is_refused_in_one_line(path, content):
    path.write_bytes(content)
    with pytest.raises(RepositoryFormatError) as caught:
        Registry.open(f"sqlite:///{path}")
    assert str(path) in one_line(caught)


def test_another_programs_database_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    with pytest.raises(RepositoryFormatError) as caught:
        Registry.open(f"sqlite:///{path}")
    assert "no registry" in one_line(caught)


def test_a_damaged_file_is_refused_in_one_line(url, path):
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(RepositoryFormatError) as caught:
        Registry.open(url).get_attribute("x")
    one_line(caught)


def test_a_missing_file_is_not_made(path):
    with pytest.raises(RepositoryFormatError, match="butler create"):
        Registry.open(f"sqlite:///{path}")
    assert not path.exists()


def test_creation_overwrites_nothing(url):
    with pytest.raises(RepositoryFormatError, match="exists already"):
        Registry.create(url)


def test_another_version_of_the_tables_is_refused_with_the_way_out(url, path):
    connection = sqlite3.connect(path)
    for version, remedy in (("0000", "butler migrate upgrade"), ("9999", "newer program")):
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
        with pytest.raises(SchemaVersionError, match=remedy):
            Registry.open(url)


def test_an_unknown_kind_of_database_is_refused():
    with pytest.raises(RepositoryFormatError, match="'oracle'"):
        dialect_for("oracle://x")
    with pytest.raises(RepositoryFormatError, match="no database URL"):
        dialect_for("nonsense")


def test_a_registry_open_for_reading_refuses_changes(url):
    with Registry.open(url, writeable=False) as registry:
        assert registry.get_attribute("universe")
        with pytest.raises(DatabaseConflictError, match="reading only"):
            registry.set_attribute("a", "b")


def test_a_reader_sees_what_a_writer_commits(url):
    with Registry.open(url) as writer, Registry.open(url, writeable=False) as reader:
        assert reader.collections.query() == []
        writer.collections.register("run")
        assert reader.collections.query() == ["run"]


def test_caches_notice_what_other_connections_commit(url):
    with Registry.open(url) as a, Registry.open(url) as b:
        a.collections.register("run", doc="old")
        assert b.collections.get_info("run").doc == "old"
        a.collections.set_doc("run", "new")
        assert b.collections.get_info("run").doc == "new"


def test_a_folder_that_may_not_be_written_is_opened_as_immutable(url, path, monkeypatch):
    Registry.open(url).close()
    assert not path.with_name(path.name + "-wal").exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Registry.open(url, writeable=False) as registry:
        assert registry.get_attribute("universe")
    assert not path.with_name(path.name + "-shm").exists()


def test_a_writer_that_waits_too_long_says_so(url):
    with Registry.open(url) as first, Registry.open(url) as second:
        driver = second._db.session.connection.connection.driver_connection
        driver.execute("PRAGMA busy_timeout = 10")
        with first.transaction():
            first.set_attribute("a", "1")
            with pytest.raises(DatabaseConflictError, match="locked by another writer"):
                second.set_attribute("a", "2")
        second.set_attribute("a", "3")
        assert first.get_attribute("a") == "3"


def test_writers_wait_for_each_other(url):
    def add(prefix):
        with Registry.open(url) as registry:
            for i in range(20):
                registry.collections.register(f"{prefix}{i}")

    threads = [threading.Thread(target=add, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Registry.open(url) as registry:
        assert len(registry.collections.query()) == 40


def test_threads_share_a_registry(url):
    with Registry.open(url) as registry:
        registry.collections.register("before")
        found = []
        thread = threading.Thread(target=lambda: found.extend(registry.collections.query()))
        thread.start()
        thread.join()
        assert found == ["before"]


def in_child(registry, queue):
    registry.collections.register("child")
    queue.put(registry.collections.query())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_gets_its_own_connection(url):
    context = multiprocessing.get_context("fork")
    with Registry.open(url) as registry:
        registry.collections.register("parent")
        queue = context.Queue()
        process = context.Process(target=in_child, args=(registry, queue))
        process.start()
        assert queue.get(timeout=30) == ["child", "parent"]
        process.join()
        assert registry.collections.query() == ["child", "parent"]


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_lone_puts_are_synced_fully_and_runs_are_not(url, durable, level):
    with Registry.open(url) as registry, registry.transaction(durable=durable):
        driver = registry._db.session.connection.connection.driver_connection
        assert driver.execute("PRAGMA synchronous").fetchone() == (level,)


def test_foreign_keys_are_checked():
    with SQLiteDialect().make_engine("sqlite://", "create").connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
