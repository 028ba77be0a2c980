"""Climbing from nothing to the newest migration gives the tables that a new repository gets; data stay."""

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command
from registry import migrations
from registry.dataset_type import DatasetType
from registry.dialects.base import dialect_for
from registry.errors import RepositoryFormatError, SchemaVersionError
from registry.registry import Registry
from registry.schema.tables import REVISION

ROOT = Path(__file__).parents[3]
RUNTIME = re.compile(r"(dataset|calibration)_\d+|overlap_")


@pytest.fixture
def config():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    return config


def rows(url, query):
    dialect = dialect_for(url)
    with dialect.make_engine(url, "write").connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def definitions(url) -> dict[str, list]:
    """What the database says about each table, index and constraint."""
    if url.startswith("sqlite"):
        found = rows(url, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        # SQLAlchemy orders constraints by the order of their making: compare the sets of lines.
        return {
            name: sorted(re.sub(r",\s*$", "", line.strip()) for line in sql.splitlines())
            for name, sql in found
        }
    here = "current_schema()"
    found = rows(
        url,
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, collation_name,"
        " left(column_default, 8) FROM information_schema.columns"
        f" WHERE table_schema = {here} ORDER BY table_name, column_name",
    )
    found += rows(
        url,
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        f" WHERE connamespace = {here}::regnamespace ORDER BY conname",
    )
    found += rows(
        url, f"SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = {here} ORDER BY indexdef"
    )
    tables: dict[str, list] = {}
    for name, *rest in found:
        schema = url.rpartition("schema=")[2]
        tables.setdefault(name.strip('"'), []).append([str(each).replace(f"{schema}.", "") for each in rest])
    return tables


def climb(url, config, target="head"):
    dialect = dialect_for(url)
    with dialect.make_engine(url, "create").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)


@pytest.fixture
def other_url(backend, tmp_path, request):
    """URL of a second empty database of the same kind."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path}/other.sqlite3"
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.new_schema()
    yield url
    server.drop(url)


def test_migrating_from_nothing_gives_the_fixed_tables_of_a_new_repository(config, database_url, other_url):
    climb(database_url, config)
    climbed = definitions(database_url)
    with Registry.create(other_url) as registry:
        elements = {element.name for element in registry.universe.elements}
    made = definitions(other_url)
    assert {"dataset", "collection_log", "quantum_version", "dataset_input"} <= set(climbed)
    assert climbed == {name: made[name] for name in climbed}
    tables = {name for name in made if not name.startswith(("ix_", "sqlite_"))}
    assert {name for name in tables if name not in elements and not RUNTIME.match(name)} <= set(climbed)


def test_the_stamp_of_a_new_repository_is_the_newest_migration(config):
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION == migrations.newest()


def test_downgrading_to_nothing_leaves_no_table(config, database_url):
    climb(database_url, config)
    dialect = dialect_for(database_url)
    with dialect.make_engine(database_url, "write").connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(definitions(database_url)) == {"alembic_version"}


def test_the_command_line_of_alembic_migrates_a_file(config, tmp_path):
    path = tmp_path / "r.sqlite3"
    sqlite3.connect(path).close()
    config.cmd_opts = type("Options", (), {"x": [f"url=sqlite:///{path}"]})()
    command.upgrade(config, "head")
    assert "dataset" in definitions(f"sqlite:///{path}")


@pytest.fixture
def filled_url(database_url):
    """A registry with a dataset, a tag and a chain."""
    with Registry.create(database_url) as registry:
        registry.insert_dimension_records("instrument", [{"name": "Cam"}])
        thing = DatasetType("thing", ["instrument"], "X", universe=registry.universe)
        registry.register_dataset_type(thing)
        for name, kind in (("run", "RUN"), ("tag", "TAGGED"), ("chain", "CHAINED")):
            registry.collections.register(name, kind)
        registry.insert_datasets(thing, "run", {"instrument": ["Cam"]})
        registry.collections.associate("tag", registry.query_datasets("thing", "run"))
        registry.collections.set_chain("chain", ["tag", "run"])
    return database_url


def contents(url):
    with Registry.open(url, writeable=False) as registry:
        names = registry.collections.query()
        infos = [registry.collections.get_info(name) for name in names]
        return infos, registry.query_datasets("thing", "chain"), registry.collections.history("chain")


def test_data_stay_when_going_down_and_up_again(filled_url):
    infos, refs, history = contents(filled_url)
    assert len(refs) == 1
    assert [edit.action for edit in history] == ["register", "set chain"]
    tables = definitions(filled_url)

    done = migrations.migrate(filled_url, "0001")
    assert (done.before, done.after) == (REVISION, "0001")
    assert "collection_log" not in definitions(filled_url)
    with pytest.raises(SchemaVersionError, match="butler migrate upgrade"):
        Registry.open(filled_url)

    migrations.migrate(filled_url, REVISION)
    assert definitions(filled_url) == tables
    assert contents(filled_url) == (infos, refs, [])
    with Registry.open(filled_url) as registry:
        registry.collections.set_chain("chain", ["run"])
        assert [edit.detail for edit in registry.collections.history("chain")] == [{"children": ["run"]}]


def test_what_is_applied_can_be_asked_at_any_version(filled_url):
    assert [r.is_applied for r in migrations.revisions(filled_url)] == [True] * 6
    assert migrations.previous(filled_url) == "0005"
    migrations.migrate(filled_url, "0001")
    assert [(r.number, r.is_applied) for r in migrations.revisions(filled_url)] == [
        ("0001", True),
        ("0002", False),
        ("0003", False),
        ("0004", False),
        ("0005", False),
        ("0006", False),
    ]
    assert all(r.doc for r in migrations.revisions(filled_url))
    with pytest.raises(SchemaVersionError, match="oldest"):
        migrations.previous(filled_url)


def test_a_trial_prints_the_statements_and_changes_nothing(filled_url):
    before = definitions(filled_url)
    down = migrations.migrate(filled_url, "0001", dry_run=True)
    assert "DROP TABLE collection_log" in down.sql
    assert down.copy is None
    assert definitions(filled_url) == before
    migrations.migrate(filled_url, "0001")
    up = migrations.migrate(filled_url, "0002", dry_run=True)
    assert "CREATE TABLE collection_log" in up.sql
    assert "UPDATE alembic_version SET version_num='0002'" in up.sql


def test_the_same_version_again_changes_nothing(filled_url):
    done = migrations.migrate(filled_url, REVISION)
    assert (done.before, done.after, done.copy) == (REVISION, REVISION, None)


def test_a_version_that_nobody_knows_is_refused(filled_url):
    with pytest.raises(SchemaVersionError, match="there are 0001, 0002, 0003"):
        migrations.migrate(filled_url, "0404")
    table = rows(filled_url, "SELECT version_num FROM alembic_version")
    assert table == [(REVISION,)]


def test_what_is_no_registry_is_not_migrated(sqlite_url, postgresql_url):
    for url in (sqlite_url, postgresql_url):
        with pytest.raises(RepositoryFormatError):
            migrations.migrate(url, "0002")


def test_a_file_is_copied_before_its_tables_change(sqlite_url, tmp_path):
    with Registry.create(sqlite_url) as registry:
        registry.collections.register("run")
    for name in (f"registry.sqlite3.version-{REVISION}", f"registry.sqlite3.version-{REVISION}.2"):
        copy = migrations.migrate(sqlite_url, "0001").copy
        assert copy == str(tmp_path / name)
        with Registry.open(f"sqlite:///{copy}", writeable=False) as registry:
            assert registry.collections.query() == ["run"]
        migrations.migrate(sqlite_url, REVISION)


def test_a_migration_that_fails_changes_nothing(filled_url, monkeypatch):
    from alembic import op

    before = definitions(filled_url)

    def fail(*arguments, **options):
        drop(*arguments, **options)
        raise OSError("power cut")

    drop = op.drop_table
    monkeypatch.setattr(op, "drop_table", fail)
    with pytest.raises(OSError, match="power cut"):
        migrations.migrate(filled_url, "0001")
    assert definitions(filled_url) == before
    assert migrations.revisions(filled_url)[-1].is_applied


def test_migrations_import_nothing_of_the_registry():
    for path in sorted((ROOT / "alembic" / "versions").glob("*.py")):
        assert "registry" not in re.findall(r"^(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
