"""A folder of a local file system: plain ``os`` calls, temporary names and links."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH103, PTH105, PTH106, PTH108, PTH116, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator

from datastore.appender import Appender, FileAppender
from datastore.artifact import (
    Buffer,
    give_name,
    remove_temporary,
    sync_files,
    write_artifact,
    write_temporary,
)
from datastore.inventory import FoundFile, files_below
from datastore.locations import Source, file_uri
from datastore.stores.base import Store, checked
from datastore.transfer import Transfer, place_file


class LocalStore(Store):
    """Files below a folder, which is made with the first of them."""

    def put(self, path: str, data: Buffer, *, sync: bool = True, clobber: bool = False) -> None:
        """Write a file beside its name and link it there."""
        write_artifact(self._local(path), data, root=self.root, sync=sync, clobber=clobber)

    def stage(self, path: str, data: Buffer) -> str:
        """Write a file beside its name."""
        return write_temporary(self._local(path), (data,))

    def place(self, staged: str, path: str) -> None:
        """Link it to its name."""
        give_name(staged, self._local(path), clobber=False)

    def discard(self, staged: str) -> None:
        """Delete it, and the folders that it leaves empty."""
        if remove_temporary(staged):
            self._remove_empty_folders(os.path.dirname(staged))

    def take(self, local: str, path: str, transfer: Transfer, *, sync: bool = True) -> None:
        """Copy, move or link a file."""
        place_file(local, self._local(path), transfer, root=self.root if sync else None)

    def source(self, path: str, *, fragment: str = "", offset: int = -1, size: int = -1) -> Source:
        """Return what reads a file."""
        local = self._local(path)
        return Source(local, local, fragment, offset, size)

    def size(self, path: str) -> int | None:
        """Return the size of a file, that a link points at maybe; of links in a circle, there is none."""
        try:
            return os.stat(self._local(path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            if err.errno == errno.ELOOP:
                return None
            raise

    def delete(self, path: str) -> None:
        """Delete a file, and the folders that it leaves empty."""
        local = self._local(path)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(local)
        self._remove_empty_folders(os.path.dirname(local))

    def delete_tree(self, folder: str, *, keep: Iterable[str] = ()) -> None:
        """Delete a folder, except those in it that are to be kept."""
        local, kept = self._local(folder), {self._local(each) for each in keep}
        if kept:
            _remove_except(local, kept)
        else:
            shutil.rmtree(local, ignore_errors=not os.path.lexists(local))
        self._remove_empty_folders(os.path.dirname(local))

    def move(self, path: str, target: str) -> None:
        """Rename a file."""
        source, new = self._local(path), self._local(target)
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.replace(source, new)
        self._remove_empty_folders(os.path.dirname(source))

    def files(self, folder: str = "") -> Iterator[FoundFile]:
        """Yield the files below a folder, those that are being written too."""
        return files_below(self.root, folder, self.name)

    def sync(self, paths: Iterable[str]) -> None:
        """Make files durable in one pass; what links point at is not ours."""
        sync_files(self.root, map(self._local, paths))

    def appender(self, path: str) -> Appender:
        """Open a file that grows."""
        return FileAppender(self._local(path), path, self.name, self.root)

    def relative(self, local: str) -> str | None:
        """Return the name of a file below the root."""
        prefix = self.root + "/"
        return local.removeprefix(prefix) if local.startswith(prefix) else None

    def uri(self, path: str) -> str:
        """Return a ``file://`` URI."""
        return file_uri(self._local(path))

    def _local(self, path: str) -> str:
        return f"{self.root}/{checked(path)}"

    def _remove_empty_folders(self, folder: str) -> None:
        while self.relative(folder):
            try:
                os.rmdir(folder)
            except OSError:  # not empty, or gone
                return
            folder = os.path.dirname(folder)


def _remove_except(folder: str, kept: set[str]) -> None:
    """Delete a folder's content, except kept folders and those on the way to them."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.path in kept:
            continue
        if entry.is_dir(follow_symlinks=False):
            if any(path.startswith(entry.path + "/") for path in kept):
                _remove_except(entry.path, kept)
            else:
                shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
