"""PostgreSQL fulfils the dialects' contract, and what is special about a server."""

import os
import socket
from contextlib import suppress

import pytest

from registry.dataset_type import DatasetType
from registry.dialects.base import dialect_for
from registry.dialects.postgresql import PostgreSQLDialect
from registry.errors import (
    DatabaseConflictError,
    DatabaseUnavailableError,
    InvalidArgumentError,
    RegistryError,
    RepositoryFormatError,
    SchemaVersionError,
)
from registry.migrations import migrate
from registry.registry import Registry
from registry.testing import DialectSuite


class TestPostgreSQL(DialectSuite):
    @pytest.fixture
    def url(self, postgresql_url):
        return postgresql_url


@pytest.fixture
def url(postgresql_url):
    Registry.create(postgresql_url).close()
    return postgresql_url


def schema_of(url):
    return url.rpartition("schema=")[2]


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert isinstance(caught.value, RegistryError)
    return text


def test_a_registry_lives_in_its_schema_alone(url, postgresql_server):
    with postgresql_server.connect() as connection:
        rows = connection.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'collection'"
        ).fetchall()
    assert (schema_of(url),) in rows
    assert ("public",) not in rows


def test_two_registries_share_a_database(url, postgresql_server):
    other = postgresql_server.new_schema()
    with Registry.open(url) as first, Registry.create(other) as second:
        first.collections.register("run")
        assert second.collections.query() == []
    postgresql_server.drop(other)


def test_a_schema_may_exist_before(postgresql_url, postgresql_server):
    with postgresql_server.connect() as connection:
        connection.execute(f"CREATE SCHEMA {schema_of(postgresql_url)}")
    Registry.create(postgresql_url).close()


def test_creation_overwrites_nothing(url):
    with pytest.raises(RepositoryFormatError, match="holds a registry already"):
        Registry.create(url)


@pytest.mark.parametrize(
    "prepare", [None, "CREATE SCHEMA {0}", "CREATE SCHEMA {0}; CREATE TABLE {0}.t (a int)"]
)
def test_a_schema_without_registry_is_refused_in_one_line(postgresql_url, postgresql_server, prepare):
    if prepare:
        with postgresql_server.connect() as connection:
            connection.execute(prepare.format(schema_of(postgresql_url)))
    with pytest.raises(RepositoryFormatError) as caught:
        Registry.open(postgresql_url)
    assert "no registry" in one_line(caught)


def test_another_version_of_the_tables_is_refused_with_the_way_out(url, postgresql_server):
    for version, remedy in (("0000", "butler migrate upgrade"), ("9999", "newer program")):
        with postgresql_server.connect() as connection:
            connection.execute(f"UPDATE {schema_of(url)}.alembic_version SET version_num = '{version}'")
        with pytest.raises(SchemaVersionError, match=remedy):
            Registry.open(url)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("act", [Registry.open, Registry.create])
def test_a_server_that_is_down_is_one_line_without_the_password(act):
    url = f"postgresql+psycopg://me:s3cret@127.0.0.1:{free_port()}/db?schema=s&sslpassword=hidden"
    with pytest.raises(DatabaseUnavailableError) as caught:
        act(url)
    text = one_line(caught)
    assert "refused" in text
    assert "s3cret" not in text
    assert "hidden" not in text
    assert "me@127.0.0.1" in text


def test_a_connection_that_is_lost_is_made_again(url, postgresql_server):
    with Registry.open(url) as registry:
        registry.collections.register("before")
        pid = registry._db.session.connection.connection.driver_connection.info.backend_pid
        with postgresql_server.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(DatabaseUnavailableError):
            registry.collections.query()
        assert registry.collections.query() == ["before"]


def test_messages_name_no_password(postgresql_server, url):
    secret = url.replace("postgres@", "postgres:s3cret@")
    assert secret != url
    with Registry.open(secret) as registry:
        assert "s3cret" not in registry.url
        with pytest.raises(RegistryError) as caught:
            registry.get_dataset_type("nope")
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in repr(registry._db.engine)


@pytest.fixture
def reader_url(url, postgresql_server):
    """The registry as seen by a role that may only select."""
    role = f"reader_{os.getpid()}_{postgresql_server.count}"
    schema = schema_of(url)
    with postgresql_server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    yield url.replace("postgres@", f"{role}@")
    with postgresql_server.connect() as connection:
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_role_that_may_only_select_can_read(url, reader_url):
    with Registry.open(url) as writer:
        writer.collections.register("run")
    with Registry.open(reader_url, writeable=False) as registry:
        assert registry.collections.query() == ["run"]
        with pytest.raises(DatabaseConflictError, match="reading only"):
            registry.collections.register("other")


def test_a_role_that_may_only_select_is_told_so_when_it_writes(reader_url):
    with (
        Registry.open(reader_url) as registry,
        pytest.raises(DatabaseConflictError, match="may not") as caught,
    ):
        registry.collections.register("other")
    one_line(caught)
    with pytest.raises(DatabaseConflictError, match="may not do this") as caught:
        migrate(reader_url, "0001")
    one_line(caught)


def test_a_writer_that_waits_too_long_says_so(url, monkeypatch):
    with Registry.open(url) as first, Registry.open(url) as second:
        second._db.session.connection.connection.driver_connection.execute("SET lock_timeout = '20ms'")
        with first.transaction():
            first.collections.register("run")
            with pytest.raises(DatabaseConflictError, match="locked by another client"):
                second.collections.register("run")
        assert not second.collections.register("run")


def test_the_commit_of_a_failed_transaction_is_an_error(url):
    with Registry.open(url) as registry:
        db = registry._db

        def swallow():
            with registry.transaction():
                registry.set_attribute("a", "b")
                with suppress(Exception):
                    db.session.connection.exec_driver_sql("SELECT nonsense")

        with pytest.raises(DatabaseConflictError, match="nothing was stored"):
            swallow()
        assert registry.get_attribute("a") is None


def test_ids_are_of_the_type_for_them(url, postgresql_server):
    with postgresql_server.connect() as connection:
        query = (
            "SELECT data_type FROM information_schema.columns WHERE table_schema = %s AND column_name = %s"
        )
        assert set(connection.execute(query, [schema_of(url), "dataset_id"])) == {("uuid",)}


def test_a_lone_change_waits_for_the_disk_and_runs_do_not(url):
    with Registry.open(url) as registry:
        driver = registry._db.session.connection.connection.driver_connection
        for durable, setting in ((True, "on"), (False, "off")):
            with registry.transaction(durable=durable):
                assert driver.execute("SHOW synchronous_commit").fetchone() == (setting,)


def test_values_are_sent_apart_from_the_statement(url):
    with Registry.open(url) as registry:
        name = "it's; DROP TABLE run; -- %s %(x)s {}"
        registry.register_dataset_type(DatasetType("t", [], "X", universe=registry.universe))
        registry.collections.register("run", doc=name)
        assert registry.collections.get_info("run").doc == name


def test_the_character_nul_is_told_in_one_line(url):
    with Registry.open(url) as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        kind = DatasetType("t", ["instrument"], "X", universe=registry.universe)
        registry.register_dataset_type(kind)
        registry.collections.register("run")
        for act in (
            lambda: registry.dimension_record("instrument", {"instrument": "C\0m"}),
            lambda: registry.insert_datasets(kind, "run", {"instrument": ["Cam", "C\0m"]}),
        ):
            with pytest.raises(InvalidArgumentError) as caught:
                act()
            assert "character NUL" in one_line(caught)


def test_a_driver_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "registry.dialects.postgresql", None)
    with pytest.raises(RepositoryFormatError, match=r"pipetask\[postgresql\]"):
        dialect_for("postgresql://x")


def test_a_url_keeps_its_other_parts():
    shown = PostgreSQLDialect().shown("postgresql+psycopg://u:p%40ss@h:5/db?schema=s&sslmode=require")
    assert shown == "postgresql+psycopg://u@h:5/db?schema=s&sslmode=require"


def test_errors_of_the_driver_are_no_bugs_when_the_role_is_unknown(postgresql_server, url):
    with pytest.raises(DatabaseUnavailableError) as caught:
        Registry.open(url.replace("postgres@", "nobody_of_that_name@"))
    assert "nobody_of_that_name" in one_line(caught)
