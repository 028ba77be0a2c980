"""Moving the tables of a registry between versions: what there are, up, down, and the SQL of either."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import MetaData, select
from sqlalchemy.exc import DBAPIError

from alembic import command
from registry.database import Database
from registry.dialects.base import dialect_for
from registry.errors import RepositoryFormatError, SchemaVersionError
from registry.schema.naming import CONVENTION
from registry.schema.tables import FixedTables


@dataclass(frozen=True, slots=True)
class Revision:
    """A version of the tables.

    Attributes
    ----------
    number : `str`
        Its name; later ones sort after earlier ones.
    doc : `str`
        What it is about.
    is_applied : `bool`
        Whether the database has it.
    """

    number: str
    doc: str
    is_applied: bool


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did, or would do.

    Attributes
    ----------
    before, after : `str`
        Versions.
    sql : `str`
        Statements, if it was a trial.
    copy : `str` or `None`
        File that holds the database as it was.
    """

    before: str
    after: str
    sql: str = ""
    copy: str | None = None


def revisions(url: str) -> list[Revision]:
    """Return all versions that this program knows, oldest first, and which of them a database has."""
    known = _known()
    current = known.index(_version(url))
    return [
        Revision(script.revision, _first_line(script), i <= current)
        for i, script in enumerate(_scripts(ScriptDirectory.from_config(_config())))
    ]


def migrate(url: str, target: str, *, dry_run: bool = False) -> Migration:
    """Bring the tables of a registry to another version, in one transaction.

    Parameters
    ----------
    url : `str`
        The database; an SQLite file is copied first.
    target : `str`
        The version.
    dry_run : `bool`, optional
        Whether only the SQL is wanted.

    Raises
    ------
    SchemaVersionError
        If the program does not know the version, or that of the database.
    """
    known, before = _known(), _version(url)
    if target not in known:
        raise SchemaVersionError(f"No version {target!r} of the tables; there are {', '.join(known)}.")
    if target == before:
        return Migration(before, target)
    config = _config()
    run = command.upgrade if known.index(target) > known.index(before) else command.downgrade
    dialect = dialect_for(url)
    if dry_run:
        config.output_buffer = io.StringIO()
        config.attributes["dialect_name"] = dialect.name
        run(config, f"{before}:{target}", sql=True)
        return Migration(before, target, config.output_buffer.getvalue())
    copies: list[str | None] = []
    config.attributes["before"] = lambda: copies.append(dialect.backup(url, f"version-{before}"))
    try:
        with dialect.make_engine(url, "write").connect() as connection:
            config.attributes["connection"] = connection
            run(config, target)
    except (DBAPIError, dialect.driver_error) as error:
        raise dialect.explain(error, dialect.shown(url)) or error from error
    return Migration(before, target, copy=copies[0])


def newest() -> str:
    """Return the version that this program works with."""
    return _known()[-1]


def previous(url: str) -> str:
    """Return the version before that of a database; `SchemaVersionError` if there is none."""
    known, current = _known(), _version(url)
    if known.index(current) == 0:
        raise SchemaVersionError(f"Version {current} of the tables is the oldest one.")
    return known[known.index(current) - 1]


def _version(url: str) -> str:
    dialect = dialect_for(url)
    db = Database(url, dialect, dialect.make_engine(url, "read"), writeable=False)
    try:
        table = FixedTables(MetaData(naming_convention=CONVENTION), dialect).alembic_version
        rows = db.fetch(select(table.c.version_num))
    except (DBAPIError, dialect.driver_error) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise RepositoryFormatError(f"{db.url} is no registry: {reason}.") from error
    finally:
        db.close()
    version, known = str(rows[0][0]) if rows else "", _known()
    if version not in known:
        raise SchemaVersionError(
            f"{db.url} has the tables of version {version!r}, this program knows {', '.join(known)} only; "
            "use a newer program."
        )
    return version


def _known() -> list[str]:
    return [script.revision for script in _scripts(ScriptDirectory.from_config(_config()))]


def _scripts(directory: ScriptDirectory) -> list[Script]:
    return list(directory.walk_revisions())[::-1]


def _first_line(script: Script) -> str:
    return (script.module.__doc__ or "").strip().partition("\n")[0]


def _config() -> Config:
    here = Path(__file__).parent
    installed, source = here / "_migrations", here.parent / "alembic"
    config = Config()
    config.set_main_option("script_location", str(installed if installed.is_dir() else source))
    return config
