"""What a new repository begins with: its folder, and the configuration that makes it one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipetask.butler.repository import (
    CONFIG_NAME,
    REGISTRY_FILE,
    Repository,
    is_repository,
    read_config,
    registry_url,
)
from pipetask.butler.site_settings import merged
from pipetask.errors import RepositoryConfigError, RepositoryExistsError

_HEADER = """\
# A repository of datasets. Paths are relative to {folder}. Passwords have no place here: they are taken
# from $PGPASSWORD, or from the file that $PGPASSFILE names.
"""
_DATASTORE = """\
# Stores, storage classes, formatters and file name templates of this repository, over the built-in ones.
"""


@dataclass(frozen=True, slots=True)
class NewRepository:
    """A repository whose folder is there, but not yet its configuration.

    Parameters
    ----------
    repository : `Repository`
        What it will be.
    config : `pathlib.Path`
        Where its configuration goes.
    left_out : `tuple` [`str`]
        What a seed says of places, and was left out.
    """

    repository: Repository
    config: Path
    left_out: tuple[str, ...] = ()

    def write_config(self) -> None:
        """Write the configuration: from then on, there is a repository."""
        import yaml

        from registry.dialects.base import dialect_for

        root, registry = self.repository.root, self.repository.registry
        inside = f"sqlite:///{root}{os.sep}"
        if registry.startswith(inside):
            registry = registry.removeprefix(inside)  # so that the folder may be moved
        elif not registry.startswith("sqlite"):
            registry = dialect_for(registry).shown(registry)
        is_apart = self.config != Path(root) / CONFIG_NAME
        text = _HEADER.format(folder="the root" if is_apart else "this folder")
        if is_apart:
            text += f"root: {json.dumps(root)}\n"
        text += f"registry: {registry if registry == REGISTRY_FILE else json.dumps(registry)}\n{_DATASTORE}"
        datastore = json.loads(json.dumps(self.repository.datastore))  # without anchors for what is shared
        text += yaml.safe_dump({"datastore": datastore}, sort_keys=False, allow_unicode=True)
        self.config.write_text(text, encoding="utf-8")


def new_repository(
    root: str | os.PathLike[str],
    registry_db: str | None = None,
    schema: str | None = None,
    *,
    seed_config: str | os.PathLike[str] | None = None,
    override: bool = False,
    standalone: bool = False,
    outfile: str | os.PathLike[str] | None = None,
) -> NewRepository:
    """Make the folder of a new repository, which must be empty or not exist yet; see ``Butler.makeRepo``."""
    seed, left_out = _seed(seed_config, override=override)
    registry_db = registry_db or seed.get("registry")
    if schema is not None and not (registry_db or "").startswith("postgresql"):
        raise RepositoryConfigError(
            "A schema is a part of a PostgreSQL database; name one with --registry-db.", hint=""
        )
    if registry_db is not None and "://" not in registry_db and registry_db != seed.get("registry"):
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
    config = (folder if outfile is None else Path(outfile).parent).resolve() / (
        CONFIG_NAME if outfile is None else Path(outfile).name
    )
    if outfile is not None:
        _check_outfile(config)
    if registry_db and schema:
        registry_db += f"{'&' if '?' in registry_db else '?'}schema={quote(schema, safe='')}"
    datastore = _checked_datastore(folder, seed.get("datastore") or {}, standalone=standalone)
    folder.mkdir(parents=True, exist_ok=True)
    where = folder.resolve()
    return NewRepository(
        Repository(str(where), registry_url(where, registry_db or REGISTRY_FILE), datastore), config, left_out
    )


def _seed(path: str | os.PathLike[str] | None, *, override: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the configuration to begin with, and what of it is left out: places of another one."""
    if path is None:
        return {}, ()
    seed = read_config(Path(path))
    seed.pop("root", None)
    left_out = []
    if not override:
        if seed.pop("registry", None) is not None:
            left_out.append("registry")
        datastore = dict(seed.get("datastore") or {})
        if datastore.pop("stores", None) is not None:
            left_out.append("datastore.stores")
        seed["datastore"] = datastore
    return seed, tuple(left_out)


def _checked_datastore(folder: Path, given: Mapping[str, Any], *, standalone: bool) -> dict[str, Any]:
    """Return the configuration of a datastore, with the built-in one beneath it if it is to stand alone."""
    from datastore.datastore import Datastore

    made = Datastore(folder, config=given)
    for name in given.get("storageClasses") or ():
        made.storage_classes.get(name)
    return merged(made.defaults(), given) if standalone else dict(given)


def _check_outfile(config: Path) -> None:
    if config.exists():
        raise RepositoryExistsError(f"{str(config)!r} exists already; name a new file for the configuration.")
    if config.suffix != ".yaml" or not config.parent.is_dir():
        raise RepositoryConfigError(
            f"{str(config)!r} cannot hold a configuration; name a file FOLDER/NAME.yaml of a folder.",
            hint="",
        )
