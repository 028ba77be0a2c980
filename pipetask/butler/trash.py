"""The trash: files to be deleted, written down before their rows are gone, so that none is forgotten.

A list is durable before the change that it belongs to is committed, and goes when its files are deleted. One
that is left over tells of a removal that was cut short: what it names is deleted later, if no row names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from datastore.artifact import TEMPORARY_SUFFIX
from pipetask.butler.inventory import paths_in_use

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from pipetask.butler.butler import Butler

FOLDER = ".trash"


@dataclass(frozen=True, slots=True)
class TrashList:
    """Files and folders of runs that are to be deleted.

    Parameters
    ----------
    path : `~pathlib.Path`
        Where this is written down.
    files : `tuple`
        Store and path of each file.
    runs : `tuple` [`str`]
        Runs whose folders go.
    """

    path: Path
    files: tuple[tuple[str, str], ...]
    runs: tuple[str, ...] = ()

    def drop(self) -> None:
        """Forget it: all is deleted, or nothing is to be."""
        discard(self.path)


def discard(path: Path) -> None:
    """Delete a list, whether or not it was written to its end."""
    path.unlink(missing_ok=True)
    with suppress(OSError):  # others are using the folder
        path.parent.rmdir()


def write_down(root: str, records: Iterable[ArtifactRecord], runs: Sequence[str] = ()) -> TrashList:
    """Write down what will be deleted; return when that is durable."""
    from datastore.artifact import write_artifact
    from datastore.locations import is_uri

    files = dict.fromkeys(
        (record.store, record.path.partition("#")[0]) for record in records if not is_uri(record.path)
    )
    path = Path(root) / FOLDER / f"{uuid4().hex}.json"
    content = json.dumps({"files": list(files), "runs": list(runs)}).encode()
    write_artifact(str(path), content, root=root, sync=True)
    return TrashList(path, tuple(files), tuple(runs))


def left_lists(root: str, before_s: float) -> list[TrashList]:
    """Return the lists of removals that were cut short before a time [s since 1970]."""
    found = []
    for path in sorted((Path(root) / FOLDER).glob("*.json")):
        with suppress(FileNotFoundError):  # just finished
            if os.stat(path).st_mtime <= before_s:  # noqa: PTH116 - one call
                values = json.loads(path.read_bytes())
                files = tuple((store, name) for store, name in values["files"])
                found.append(TrashList(path, files, tuple(values["runs"])))
    return found


def left_parts(root: str, before_s: float) -> list[Path]:
    """Return the lists that were not written to their end, before a time [s since 1970]."""
    paths = sorted((Path(root) / FOLDER).glob(f".*{TEMPORARY_SUFFIX}"))
    return [path for path in paths if path.stat().st_mtime <= before_s]


def unused(butler: Butler, trash: TrashList) -> TrashList:
    """Return a list without what rows still name: all of it, if the removal was rolled back."""
    in_use = paths_in_use(butler.registry, trash.files)
    runs = butler.registry.collections.query("*", kinds=["RUN"])
    return replace(
        trash,
        files=tuple(file for file in trash.files if file not in in_use),
        runs=tuple(run for run in trash.runs if run not in runs),
    )


def finish(butler: Butler, trash: TrashList) -> None:
    """Delete what a list names; see `unused`."""
    for store, path in trash.files:
        butler.datastore.stores[store].delete(path)
    for run in trash.runs:
        butler.datastore.remove_tree(run, keep=butler.registry.collections.query("*", kinds=["RUN"]))
    trash.drop()
