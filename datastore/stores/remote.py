"""Object stores and servers (S3, Google, Azure, HTTP, …), through fsspec."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import ArtifactExistsError, ArtifactMissingError, ArtifactWriteError, LocationError
from datastore.inventory import FoundFile
from datastore.locations import Source
from datastore.stores.base import Store, checked
from datastore.stores.retry import retried
from datastore.stores.side_by_side import side_by_side
from datastore.transfer import Transfer

_S3 = ("s3://", "s3a://")
"""Its client, and what fsspec adds to that, try five times each: with `retried`, far too often."""


class RemoteObject:
    """One object of a remote file system, read by ranges of bytes; see `Ranges`."""

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        self._uri, self._options = uri, options

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return filesystem(self._uri, self._options)

    def size(self) -> int:
        """Return the size of the object."""
        files, key = self._opened
        try:
            return int(retried(self._uri, lambda: _info(files, key))["size"])
        except FileNotFoundError:
            raise ArtifactMissingError(self._uri) from None

    def read(self, begin: int, end: int) -> bytes:
        """Return a range of bytes, by one request."""
        files, key = self._opened
        try:
            data: bytes = retried(self._uri, lambda: files.cat_file(key, start=begin, end=end))
        except FileNotFoundError:
            raise ArtifactMissingError(self._uri) from None
        # A server that knows no ranges sends all.
        return data[begin:end] if len(data) > end - begin else data


class RemoteStore(Store):
    """Objects below a URI.

    Parameters
    ----------
    name, root : `str`
        See `Store`.
    options : mapping, optional
        For the file system of fsspec: ``endpoint_url``, ``anon``, … Secrets have no place there: they come
        from the environment, as for other programs.

    Notes
    -----
    Putting an object is one request, which other readers see when it is complete, and which the server
    refuses if there is an object of that name. What fails is tried again; see `retried`.
    """

    is_remote = True

    def __init__(self, name: str, root: str, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(name, root)
        self._options = dict(options or {})

    def put(self, path: str, data: Buffer, *, sync: bool = True, clobber: bool = False) -> None:
        """Send bytes as one object."""
        uri = self.uri(path)
        files, key = filesystem(uri, self._options)
        content = bytes(data)
        mode = "overwrite" if clobber else "create"
        attempts = 0

        def send() -> None:
            nonlocal attempts
            attempts += 1
            try:
                files.pipe_file(key, content, mode=mode)
            except FileExistsError:
                # A first attempt may have arrived although its answer did not.
                if attempts == 1 or files.cat_file(key) != content:
                    raise

        try:
            retried(uri, send)
        except FileExistsError:
            raise ArtifactExistsError(uri) from None
        except FileNotFoundError as err:  # there is no such bucket
            raise ArtifactWriteError(uri, str(err)) from err

    def take(self, local: str, path: str, transfer: Transfer, *, sync: bool = True) -> None:
        """Send a file."""
        if transfer not in ("auto", "copy", "move"):
            raise LocationError(local, f"a remote store takes files by copy or move, not by {transfer}")
        self.put(path, Path(local).read_bytes())
        if transfer == "move":
            os.unlink(local)  # noqa: PTH108 - text

    def source(self, path: str, *, fragment: str = "", offset: int = -1, size: int = -1) -> Source:
        """Return what reads an object."""
        return remote_source(self.uri(path), fragment, offset, size, self._options)

    def size(self, path: str) -> int | None:
        """Return the size of an object."""
        try:
            return RemoteObject(self.uri(path), self._options).size()
        except ArtifactMissingError:
            return None

    def delete(self, path: str) -> None:
        """Delete an object."""
        uri = self.uri(path)
        files, key = filesystem(uri, self._options)
        try:
            retried(uri, lambda: files.rm_file(key))
        except FileNotFoundError:
            return

    def delete_all(self, paths: Sequence[str]) -> None:
        """Delete objects, several at a time."""
        side_by_side(self.delete, paths, lambda _path, _nothing: None)

    def move(self, path: str, target: str) -> None:
        """Copy an object, then delete it."""
        uri = self.uri(path)
        files, key = filesystem(uri, self._options)
        _, new = filesystem(self.uri(target), self._options)
        retried(uri, lambda: files.cp_file(key, new))
        self.delete(path)

    def files(self, folder: str = "") -> Iterator[FoundFile]:
        """List objects."""
        uri = self.uri(folder).rstrip("/")
        files, key = filesystem(uri, self._options)
        _, top = filesystem(self.root, self._options)
        files.invalidate_cache()
        found = retried(uri, lambda: files.find(key, detail=True))
        for name, info in sorted(found.items()):
            relative = name.removeprefix(top).lstrip("/")
            if not folder or relative.startswith(f"{folder}/"):
                yield FoundFile(relative, int(info["size"]), _changed_s(info), self.name)

    def sync(self, paths: Iterable[str]) -> None:
        """Do nothing: a store that has answered has stored."""

    def uri(self, path: str) -> str:
        """Return the URI of an object."""
        return f"{self.root}/{checked(path)}"


def remote_source(uri: str, fragment: str, offset: int, size: int, options: Mapping[str, Any]) -> Source:
    """Return what reads a remote object."""
    return Source(uri, None, fragment, offset, size, RemoteObject(uri, options), is_remote=True)


def filesystem(uri: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the file system of a URI, one per process and options, and the name of the object in it.

    Raises
    ------
    LocationError
        If there is none for its scheme.
    """
    import fsspec

    is_s3 = uri.startswith(_S3)
    if is_s3:
        config = {"retries": {"total_max_attempts": 1}, **options.get("config_kwargs", {})}
        options = {**options, "config_kwargs": config}
    try:
        files, key = fsspec.url_to_fs(uri, **options)
    except (ValueError, ImportError) as err:
        raise LocationError(uri, f"nothing opens it: {err}") from err
    if is_s3:
        files.retries = 1
    return files, key


def _info(files: Any, key: str) -> Mapping[str, Any]:
    files.invalidate_cache()  # of listings: others may write too
    info: Mapping[str, Any] = files.info(key)
    if info.get("type") == "directory" or info.get("size") is None:
        raise FileNotFoundError(key)
    return info


def _changed_s(info: Mapping[str, Any]) -> float:
    """Return when an object was written, 0 if its store doesn't say."""
    value = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
    return value.timestamp() if isinstance(value, datetime) else float(value)
