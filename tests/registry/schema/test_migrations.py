"""Climbing from nothing to the newest migration gives the tables that a new repository gets."""

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command
from registry.dialects.base import dialect_for
from registry.registry import Registry
from registry.schema.tables import REVISION

ROOT = Path(__file__).parents[3]


@pytest.fixture
def config():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    return config


def definitions(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    # SQLAlchemy orders constraints by the order of their making: compare the sets of lines.
    return {
        name: sorted(re.sub(r",\s*$", "", line.strip()) for line in sql.splitlines()) for name, sql in rows
    }


def migrated(config) -> dict[str, str]:
    with dialect_for("sqlite://").make_engine("sqlite://", "create").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return definitions(connection.connection.driver_connection)


def test_migrating_from_nothing_gives_the_fixed_tables_of_a_new_repository(config):
    climbed = migrated(config)
    with Registry.create("sqlite://") as registry:
        made = definitions(registry._db.session.connection.connection.driver_connection)
    assert len(climbed) > 20
    assert climbed == {name: made[name] for name in climbed}
    assert "dataset" in climbed
    fixed = {name for name in made if name in registry._schema.metadata.tables}
    elements = {element.name for element in registry.universe.elements}
    assert {n for n in fixed if n not in elements and not n.startswith("overlap_")} <= set(climbed)


def test_the_stamp_of_a_new_repository_is_the_newest_migration(config):
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_downgrading_leaves_no_table(config):
    with dialect_for("sqlite://").make_engine("sqlite://", "create").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.downgrade(config, "base")
        assert set(definitions(connection.connection.driver_connection)) == {"alembic_version"}


def test_the_command_line_migrates_a_file(config, tmp_path):
    path = tmp_path / "r.sqlite3"
    sqlite3.connect(path).close()
    config.cmd_opts = type("Options", (), {"x": [f"url=sqlite:///{path}"]})()
    command.upgrade(config, "head")
    assert "dataset" in definitions(sqlite3.connect(path))
