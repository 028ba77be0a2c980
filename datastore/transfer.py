"""Ingest: how a file that exists already becomes an artifact, by transfer mode."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH105, PTH108, PTH114, PTH116, PTH120, PTH211

from __future__ import annotations

import os
import shutil
import stat
from typing import Literal, get_args

from datastore.artifact import make_folder, remove_temporary, rename_to_free, sync_folders, temporary_name
from datastore.errors import (
    ArtifactExistsError,
    ArtifactMissingError,
    ArtifactReadError,
    ArtifactWriteError,
    LocationError,
)

Transfer = Literal["auto", "copy", "move", "hardlink", "link", "symlink", "relsymlink", "direct"]
TRANSFERS: tuple[Transfer, ...] = get_args(Transfer)


def file_size(path: str) -> int:
    """Return the size of a file; `ArtifactMissingError` if there is none."""
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactMissingError(path) from None
    except OSError as err:  # a loop of links, a folder that is not ours to look into
        raise ArtifactReadError(path, err.strerror or str(err)) from err
    if not stat.S_ISREG(info.st_mode):
        raise ArtifactMissingError(path)
    return info.st_size


def place_file(
    source: str, target: str, transfer: Transfer, *, root: str | None, clobber: bool = False
) -> None:
    """Bring a local file, which exists, to a target path in one step.

    "auto" is a hard link, else a copy; "link" a hard link, else a symbolic one; "relsymlink" a symbolic one
    relative to its folder. With a root, return when the file and its name, up to the root, are durable; with
    ``clobber``, a file of the target's name is replaced.

    Raises
    ------
    ArtifactExistsError
        If the target is there already.
    """
    if not clobber and os.path.lexists(target):
        raise ArtifactExistsError(target)
    temporary = temporary_name(target)
    try:
        make_folder(os.path.dirname(target))
        _transfer(source, temporary, transfer)
        if root is not None and not os.path.islink(temporary):
            _sync(temporary)
        if clobber:
            os.replace(temporary, target)
        else:
            rename_to_free(temporary, target)
    except OSError as err:
        remove_temporary(temporary)
        if isinstance(err, ArtifactExistsError):
            raise
        raise ArtifactWriteError(target, f"{transfer} of {source!r}: {err.strerror or err}") from err
    if transfer == "move":
        os.unlink(source)
    if root is not None:
        sync_folders(root, [target])


def _transfer(source: str, temporary: str, transfer: Transfer) -> None:
    if transfer == "symlink":
        os.symlink(os.path.realpath(source), temporary)
    elif transfer == "relsymlink":
        folder = os.path.realpath(os.path.dirname(temporary))
        os.symlink(os.path.relpath(os.path.realpath(source), folder), temporary)
    elif transfer == "link":
        try:
            _transfer(source, temporary, "hardlink")
        except OSError:  # another file system, or one without links
            _transfer(source, temporary, "symlink")
    elif transfer == "hardlink":
        os.link(os.path.realpath(source), temporary)
    elif transfer in ("auto", "move"):
        try:
            os.link(os.path.realpath(source), temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, temporary)
    elif transfer == "copy":
        shutil.copyfile(source, temporary)
    else:
        raise LocationError(source, f"transfer mode {transfer!r} is none of {', '.join(TRANSFERS)}")


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
