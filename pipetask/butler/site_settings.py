"""Settings of a site, which hold in every repository that has none of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipetask.errors import RepositoryConfigError

CONFIG_PATH_VARIABLE = "BUTLER_CONFIG_PATH"
_SETTINGS = "datastore.yaml"


def over_site_settings(
    datastore: Mapping[str, Any], folders: Sequence[str | os.PathLike[str]] = ()
) -> dict[str, Any]:
    """Return the configuration of a datastore over those of a site.

    Parameters
    ----------
    datastore : mapping
        What a repository says; it holds before all else.
    folders : sequence of paths, optional
        Folders whose ``datastore.yaml`` says more, the first one before the others; then come those of
        ``$BUTLER_CONFIG_PATH``, separated as in ``$PATH``.
    """
    variable = os.environ.get(CONFIG_PATH_VARIABLE, "")
    layers: list[Mapping[str, Any]] = []
    for folder in folders:
        if not (path := Path(folder) / _SETTINGS).is_file():
            raise RepositoryConfigError(f"{os.fspath(folder)!r} holds no {_SETTINGS}.", hint="")
        layers.append(read_mapping(path))
    paths = [Path(folder) / _SETTINGS for folder in variable.split(os.pathsep) if folder]
    layers += [read_mapping(path) for path in paths if path.is_file()]
    return merged(*reversed(layers), datastore)


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return configurations of a datastore as one; of two entries, the later one holds."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, given in layer.items():
            below = result.get(key)
            both = isinstance(below, Mapping) and isinstance(given, Mapping)
            result[key] = {**(below or {}), **given} if both else given
    return result


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty file holds an empty one."""
    import yaml

    config = str(path)
    try:
        text = path.read_bytes()
        try:  # in C where that is there: long ones take 0.1 s
            values = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
        except yaml.YAMLError:
            values = yaml.safe_load(text)  # names the right line
    except yaml.MarkedYAMLError as err:
        where = f", line {err.problem_mark.line + 1}" if err.problem_mark else ""
        raise RepositoryConfigError(f"{config!r}{where} is not valid YAML: {err.problem}.") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise RepositoryConfigError(f"{config!r} is not valid YAML: {' '.join(str(err).split())}.") from err
    except OSError as err:
        raise RepositoryConfigError(f"{config!r} cannot be read: {err.strerror}.") from err
    if not isinstance(values, dict | None):
        raise RepositoryConfigError(f"{config!r} is not a mapping of settings to values.")
    return values or {}
