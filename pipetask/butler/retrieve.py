"""Files of datasets, brought to a folder: for people and programs that know no repository."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.butler.composites.ref import CompositeRef
from pipetask.butler.data_ids import show
from pipetask.counted import counted
from registry.dataset_ref import DatasetRef
from registry.errors import DatasetNotFoundError, InvalidArgumentError

if TYPE_CHECKING:
    from datastore.records import ArtifactRecord
    from datastore.transfer import Transfer
    from pipetask.butler.butler import Butler


def retrieve_artifacts(
    butler: Butler,
    refs: Iterable[DatasetRef],
    destination: str | Path,
    *,
    transfer: Transfer = "auto",
    preserve_path: bool = True,
    clobber: bool = False,
) -> list[Path]:
    """Bring the files of datasets to a folder, and return where they are.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    refs : iterable of `DatasetRef`
        Datasets; those without files are an error. Of a composite, the files of its parts come.
    destination : path
        Folder; made if it does not exist.
    transfer : `str`, optional
        "copy", "hardlink", "symlink", "relsymlink", "link", or "auto": a hard link, else a copy. What is
        remote, or shares its file with others, is copied.
    preserve_path : `bool`, optional
        Whether files keep their path in the repository, or only its last part.
    clobber : `bool`, optional
        Whether files that are there are replaced; else they are an error.

    Raises
    ------
    InvalidArgumentError
        If two files would get one name, or that of a file that is there; nothing is brought then.
    """
    if transfer in ("move", "direct"):
        raise InvalidArgumentError(f"transfer={transfer!r} brings no files to a folder; copy or link them.")
    folder = Path(destination).absolute()
    targets: dict[Path, ArtifactRecord] = {}
    refs = list(_with_files(refs))
    artifacts = butler.artifacts(ref.id for ref in refs)
    for ref in refs:
        if not (records := artifacts.get(ref.id)):
            raise DatasetNotFoundError(f"Dataset {show(ref)} has no files in {butler.root!r}.")
        for record in records:
            target = folder / _name(butler, ref, record, preserve_path=preserve_path)
            other = targets.setdefault(target, record)
            if (other.store, _file(other)) != (record.store, _file(record)):
                raise InvalidArgumentError(
                    f"{_file(other)!r} and {_file(record)!r} would both be {str(target)!r}; preserve paths."
                )
    if not clobber and (there := [target for target in targets if os.path.lexists(target)]):
        raise InvalidArgumentError(
            f"{counted(len(there), 'file')} of {len(targets)} would replace what is there, "
            f"{str(there[0])!r} for one; ask to clobber, or name another folder."
        )
    wanted = [(record, str(target)) for target, record in targets.items()]
    butler.datastore.retrieve_all(wanted, transfer=transfer, clobber=clobber)
    return list(targets)


def _file(record: ArtifactRecord) -> str:
    return record.path.partition("#")[0]


def _with_files(refs: Iterable[DatasetRef]) -> Iterable[DatasetRef]:
    for ref in refs:
        yield from ref.all_parts() if isinstance(ref, CompositeRef) else (ref,)


def _name(butler: Butler, ref: DatasetRef, record: ArtifactRecord, *, preserve_path: bool) -> str:
    """Return the name of a retrieved file: its own, or what it would have if it were alone in its file."""
    from datastore.locations import is_uri
    from pipetask.butler.limited import hint_of

    path = _file(record)
    if is_uri(path):
        path = path.rpartition("/")[2]
    if record.offset >= 0:
        path = butler.datastore.path_for(hint_of(ref), record.component)
    return path if preserve_path else path.rpartition("/")[2]
