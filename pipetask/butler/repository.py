"""Where a repository is, and what its ``butler.yaml`` says: found without opening a database."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pipetask.errors import RepositoryConfigError, RepositoryExistsError, RepositoryNotFoundError
from registry.arguments import checked
from registry.suggest import suggest

CONFIG_NAME = "butler.yaml"
REPOSITORY_VARIABLE = "BUTLER_REPO"
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@|(?<=password=)[^&]*")
_FILE = "registry.sqlite3"
_KEYS = ("registry", "datastore")
_INITIAL = """\
# A repository of datasets. Paths are relative to this folder. Passwords have no place here: they are taken
# from $PGPASSWORD, or from the file that $PGPASSFILE names.
registry: {registry}
# Stores, storage classes, formatters and file name templates of this repository, over the built-in ones.
datastore: {{}}
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository's parts are.

    Parameters
    ----------
    root : `str`
        Absolute path of its folder.
    registry : `str`
        URL of the database.
    datastore : `dict`
        Configuration of the datastore.
    """

    root: str
    registry: str = field(repr=False)  # may hold a password, if it was given with one
    datastore: Mapping[str, Any] = field(default_factory=dict)


def is_repository(location: str | os.PathLike[str]) -> bool:
    """Return whether a path is a repository's folder or its ``butler.yaml``."""
    path = Path(location)
    return path.is_file() if path.name == CONFIG_NAME else (path / CONFIG_NAME).is_file()


def find_repository(location: str | os.PathLike[str] | None = None) -> Repository:
    """Read the configuration of a repository.

    Parameters
    ----------
    location : path, optional
        Its folder or ``butler.yaml``; else that of ``$BUTLER_REPO``, else the nearest one in the current
        folder or those above it.

    Raises
    ------
    RepositoryNotFoundError
        If there is none.
    RepositoryConfigError
        If its ``butler.yaml`` cannot be understood.
    """
    location = location or os.environ.get(REPOSITORY_VARIABLE) or _nearest()
    checked(location, (str, os.PathLike), "place of a repository")
    path = Path(location)
    if not is_repository(path):
        raise RepositoryNotFoundError(f"No repository at {str(location)!r}: it has no {CONFIG_NAME}.")
    folder = path.parent if path.name == CONFIG_NAME else path
    return _from_text(folder, (folder / CONFIG_NAME).read_bytes())


def new_repository(
    root: str | os.PathLike[str], registry_db: str | None = None, schema: str | None = None
) -> Repository:
    """Make the folder of a new repository, which must be empty or not exist yet; see `write_config`.

    Parameters
    ----------
    root : path
        The folder.
    registry_db : `str`, optional
        URL of the database; a file in the folder by default.
    schema : `str`, optional
        Schema (namespace) in a PostgreSQL database.
    """
    if schema is not None and not (registry_db or "").startswith("postgresql"):
        raise RepositoryConfigError(
            "A schema is a part of a PostgreSQL database; name one with --registry-db.", hint=""
        )
    if registry_db is not None and "://" not in registry_db:
        raise RepositoryConfigError(
            f"{registry_db!r} is no URL of a database, as postgresql+psycopg://user@host/database is one.",
            hint="",
        )
    if not str(root) or "://" in str(root):
        raise RepositoryExistsError(f"{str(root)!r} cannot become a repository; name a new local folder.")
    folder = Path(root)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "a repository" if is_repository(folder) else "something else"
        raise RepositoryExistsError(f"{str(root)!r} already holds {what}; name an empty or new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if registry_db and schema:
        registry_db += f"{'&' if '?' in registry_db else '?'}schema={quote(schema, safe='')}"
    return _from_text(folder, _INITIAL.format(registry=json.dumps(registry_db or _FILE)))


def write_config(repository: Repository) -> None:
    """Write ``butler.yaml``: from then on, the folder is a repository."""
    from registry.dialects.base import dialect_for

    registry = repository.registry
    if registry == f"sqlite:///{Path(repository.root) / _FILE}":
        registry = _FILE  # so that the folder may be moved
    elif not registry.startswith("sqlite"):
        registry = dialect_for(registry).shown(registry)
    text = _INITIAL.format(registry=registry if registry == _FILE else json.dumps(registry))
    (Path(repository.root) / CONFIG_NAME).write_text(text, encoding="utf-8")


def config_of(repository: Repository, key: str = "") -> Any:
    """Return the configuration in use, or the part of it with a dotted key; without passwords.

    Raises
    ------
    RepositoryConfigError
        If there is no such key.
    """
    found: Any = {
        "root": repository.root,
        "registry": _PASSWORD.sub(
            lambda found: f"{found[1]}:***@" if found[1] else "***", repository.registry
        ),
        "datastore": dict(repository.datastore),
    }
    for name in filter(None, key.split(".")):
        if not isinstance(found, Mapping) or name not in found:
            known = f"; there are {', '.join(map(str, found))}" if isinstance(found, Mapping) else ""
            raise RepositoryConfigError(
                f"No {name!r} of {key!r} in the configuration of {repository.root!r}{known}.", hint=""
            )
        found = found[name]
    return found


def journal_path(root: str | os.PathLike[str], run: str) -> Path:
    """Return where a run is journaled while it is executed."""
    return Path(root) / ".journal" / (quote(run, safe="") + ".journal")


def batch_folder(root: str | os.PathLike[str], run: str) -> Path:
    """Return where the steps of a run that a batch system executes leave what they did."""
    return Path(root) / ".journal" / (quote(run, safe="") + ".batch")


def journals(root: str | os.PathLike[str]) -> dict[str, Path]:
    """Return the journals of a repository by run: of runs that are executed now, or were cut short.

    A graph whose journal is gone counts as well.
    """
    folder = Path(root) / ".journal"
    found = {*folder.glob("*.journal"), *(path.with_suffix(".journal") for path in folder.glob("*.graph"))}
    return {unquote(path.stem): path for path in sorted(found)}


def _nearest() -> Path:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if is_repository(folder):
            return folder
    raise RepositoryNotFoundError(
        f"No repository: ${REPOSITORY_VARIABLE} is not set, and neither {str(here)!r} nor a folder above it "
        f"has a {CONFIG_NAME}."
    )


def _from_text(folder: Path, text: str | bytes) -> Repository:
    import yaml

    root = folder.resolve()
    config = str(folder / CONFIG_NAME)
    try:
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as err:
        where = f", line {err.problem_mark.line + 1}" if err.problem_mark else ""
        raise RepositoryConfigError(f"{config!r}{where} is not valid YAML: {err.problem}.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise RepositoryConfigError(f"{config!r} is not valid YAML: {' '.join(str(err).split())}.") from err
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise RepositoryConfigError(f"{config!r} is not a mapping with 'registry' and 'datastore'.")
    theirs = values.get("datastore")
    if isinstance(values.get("registry"), dict) or (isinstance(theirs, dict) and "cls" in theirs):
        raise RepositoryConfigError(
            f"{config!r} is of a repository of LSST's lsst-daf-butler, which this program cannot open. "
            "Export what you need with its Butler.export, and take that in here: butler import REPO FOLDER",
            hint="",
        )
    for key in values:
        if key not in _KEYS:
            raise RepositoryConfigError(
                f"{config!r} has the unknown key {key!r}{suggest(str(key), _KEYS)}; there are "
                f"{' and '.join(_KEYS)}."
            )
    registry, datastore = values.get("registry", "registry.sqlite3"), values.get("datastore") or {}
    if not isinstance(registry, str):
        raise RepositoryConfigError(f"'registry' in {config!r} is not the name of a database: {registry!r}.")
    if not isinstance(datastore, dict):
        raise RepositoryConfigError(f"'datastore' in {config!r} is not a mapping: {datastore!r}.")
    if "://" not in registry:
        registry = f"sqlite:///{root / registry}"
    return Repository(str(root), registry, datastore)
