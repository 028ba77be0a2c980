"""Where a repository is, and what its ``butler.yaml`` says: found without opening a database."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pipetask.butler.site_settings import over_site_settings, read_mapping
from pipetask.errors import RepositoryConfigError, RepositoryNotFoundError
from registry.arguments import checked
from registry.suggest import suggest

CONFIG_NAME = "butler.yaml"
REPOSITORY_VARIABLE = "BUTLER_REPO"
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@|(?<=password=)[^&]*")
REGISTRY_FILE = "registry.sqlite3"
BATCH_STORED = "stored"
"""In a folder of a batch: the file that says that all of its graph is in the registry."""
_KEYS = ("root", "registry", "datastore")
_NAMES_PLACES = re.compile(r"(?ms)(?=.*^root:)(?=.*^registry:)")


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
    """Return whether a path is a repository's folder, or the file that holds its configuration."""
    path = Path(location)
    if path.suffix != ".yaml" or not path.is_file():
        return (path / CONFIG_NAME).is_file()
    return path.name == CONFIG_NAME or bool(_NAMES_PLACES.match(path.read_text("utf-8", errors="replace")))


def find_repository(
    location: str | os.PathLike[str] | None = None, *, search_path: Sequence[str | os.PathLike[str]] = ()
) -> Repository:
    """Read the configuration of a repository.

    Parameters
    ----------
    location : path, optional
        Its folder or its configuration file; else that of ``$BUTLER_REPO``, else the nearest one in the
        current folder or those above it.
    search_path : sequence of paths, optional
        Folders with settings that hold where the repository has none; before those of
        ``$BUTLER_CONFIG_PATH``.

    Raises
    ------
    RepositoryNotFoundError
        If there is none.
    RepositoryConfigError
        If its configuration, or one of those settings, cannot be understood.
    """
    location = location or os.environ.get(REPOSITORY_VARIABLE) or _nearest()
    checked(location, (str, os.PathLike), "place of a repository")
    path = Path(location)
    if not is_repository(path):
        raise RepositoryNotFoundError(f"No repository at {str(location)!r}: it has no {CONFIG_NAME}.")
    config = path if path.is_file() else path / CONFIG_NAME
    values = read_config(config)
    root = (config.parent / values.get("root", "")).resolve()
    return Repository(
        str(root),
        registry_url(root, values.get("registry", REGISTRY_FILE)),
        over_site_settings(values.get("datastore") or {}, search_path),
    )


def name_needed(root: str) -> str:
    """Return the folder of a repository if commands given here must name it: else they find another."""
    try:
        is_found = find_repository().root == root
    except (RepositoryNotFoundError, RepositoryConfigError):
        is_found = False
    return root if is_repository(root) and not is_found else ""


def registry_url(root: Path, registry: str) -> str:
    """Return the URL of a registry, which a configuration names by a URL or by a file in the repository."""
    return registry if "://" in registry else f"sqlite:///{root / registry}"


def read_config(path: Path) -> dict[str, Any]:
    """Return what the configuration file of a repository says, checked for form."""
    config = str(path)
    values = read_mapping(path)
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
                f"{', '.join(_KEYS[:-1])} and {_KEYS[-1]}."
            )
    for key, wanted, what in (
        ("root", str, "the path of a folder"),
        ("registry", str, "the name of a database"),
        ("datastore", dict, "a mapping"),
    ):
        if not isinstance(values.get(key) or wanted(), wanted):
            raise RepositoryConfigError(f"{key!r} in {config!r} is not {what}: {values[key]!r}.")
    return values


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
    """Return where the steps of a run that a batch system executes leave what they did, by graph."""
    return Path(root) / ".journal" / (quote(run, safe="") + ".batch")


def has_open_batch(root: str | os.PathLike[str], run: str) -> bool:
    """Tell whether a graph of a run is executed by a batch system, and not all of it is stored."""
    return any(not (graph / BATCH_STORED).exists() for graph in batch_folder(root, run).glob("*"))


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
