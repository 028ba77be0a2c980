"""Artifacts: the only place that makes a file visible (temporary name, sync, checksum, rename)."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH103, PTH105, PTH108, PTH114, PTH120, PTH123

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import secrets
from collections.abc import Iterable

from datastore.errors import ArtifactExistsError, ArtifactWriteError

Buffer = bytes | bytearray | memoryview

ALGORITHM = "sha256"

TEMPORARY_SUFFIX = ".part"
_token = secrets.token_hex(6)
_counter = itertools.count()
_known_folders: set[str] = set()
_durable_folders: dict[str, tuple[int, int]] = {}  # those whose names were synced
_FEW_FILES = 4  # up to here fsync of each is cheaper than a sync of the file system


def checksum(data: Buffer) -> str:
    """Return the hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def file_checksum(path: str) -> str:
    """Return the hexadecimal sha256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, ALGORITHM).hexdigest()


def temporary_name(target: str) -> str:
    """Return a name beside the target that no other attempt, process or host uses."""
    folder = os.path.dirname(target)
    return f"{folder}/.{_token}-{os.getpid()}-{next(_counter)}{TEMPORARY_SUFFIX}"


def write_artifact(target: str, data: Buffer, *, root: str, sync: bool, clobber: bool = False) -> None:
    """Write bytes to a temporary file beside the target and give it the target's name.

    Parameters
    ----------
    target : `str`
        Absolute local path. Its folder is made if it is not there.
    data : buffer
        All of the content.
    root : `str`
        Folder that is there for good.
    sync : `bool`
        Return only when the file and its name, up to the root, are durable.
    clobber : `bool`, optional
        Replace a file of this name.

    Raises
    ------
    ArtifactExistsError
        If there is one, and ``clobber`` is not asked for: also if another writer was only just faster.
    """
    write_parts(target, (data,), root=root, sync=sync, clobber=clobber)


def write_parts(
    target: str, parts: Iterable[Buffer], *, root: str, sync: bool, clobber: bool = False
) -> None:
    """Write bytes that come in parts, which need not be in memory at once; see `write_artifact`."""
    if not clobber and os.path.lexists(target):
        raise ArtifactExistsError(target)
    temporary = write_temporary(target, parts, sync=sync)
    try:
        give_name(temporary, target, clobber=clobber)
    except BaseException:
        remove_temporary(temporary)
        raise
    if sync:
        sync_folders(root, [target])


def write_temporary(target: str, parts: Iterable[Buffer], *, sync: bool = False) -> str:
    """Write bytes to a new file beside the target, and return its name; with ``sync``, they are durable."""
    temporary = temporary_name(target)
    try:
        descriptor = _create(temporary)
        try:
            for part in parts:
                view = memoryview(part).cast("B")
                while view:
                    view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException as err:
        remove_temporary(temporary)
        if isinstance(err, OSError):
            raise ArtifactWriteError(target, err.strerror or str(err)) from err
        raise
    return temporary


def give_name(temporary: str, target: str, *, clobber: bool) -> None:
    """Give a temporary file the target's name, in one step; it stays as it is if that fails."""
    try:
        if clobber:
            os.replace(temporary, target)
        else:
            rename_to_free(temporary, target)
    except ArtifactExistsError:
        raise
    except OSError as err:
        raise ArtifactWriteError(target, err.strerror or str(err)) from err


def remove_temporary(path: str) -> bool:
    """Delete a temporary file; return whether it was there."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def rename_to_free(temporary: str, target: str) -> None:
    """Give a file a name that nothing has: of several that want it, one gets it.

    Raises
    ------
    ArtifactExistsError
        If something has it.
    """
    try:
        os.link(temporary, target, follow_symlinks=False)
    except FileExistsError:
        raise ArtifactExistsError(target) from None
    except OSError:  # a file system without links: claim the name with an empty file, then replace that
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        except FileExistsError:
            raise ArtifactExistsError(target) from None
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _create(path: str) -> int:
    """Open a new file for writing, making its folder if that is missing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    folder = os.path.dirname(path)
    if folder not in _known_folders:
        make_folder(folder)
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:  # somebody removed the folder since
        make_folder(folder)
        return os.open(path, flags, 0o666)


def make_folder(folder: str) -> None:
    """Make a folder and those above it."""
    os.makedirs(folder, exist_ok=True)
    _known_folders.add(folder)


def sync_folder(folder: str) -> tuple[int, int]:
    """Make the names in a folder durable; return device and number of the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino


def sync_folders(root: str, paths: Iterable[str]) -> None:
    """Make the names of files below a root, and of the folders above them, durable.

    The name of a folder is synced once per process, and again if another folder has it.
    """
    for folder in dict.fromkeys(map(os.path.dirname, paths)):
        identity = sync_folder(folder)
        while len(folder) > len(root) and _durable_folders.get(folder) != identity:
            above = os.path.dirname(folder)
            identity_above = sync_folder(above)
            _durable_folders[folder] = identity
            folder, identity = above, identity_above


def sync_files(root: str, paths: Iterable[str]) -> None:
    """Make files that were written before, and their names, durable in one pass.

    A few are synced one by one; for many, one sync of the root's file system is cheaper. What links point at
    is left as it is.
    """
    unique = list(dict.fromkeys(paths))
    if len(unique) > _FEW_FILES and _sync_file_system(root):
        return
    for path in unique:
        if not os.path.islink(path):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_folders(root, unique)


def _sync_file_system(root: str) -> bool:
    """Sync the file system that holds a folder, where the C library offers it."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return bool(syncfs(descriptor) == 0)
    finally:
        os.close(descriptor)
