"""Locations: where artifacts lie, below the root or anywhere by URI, and how they are opened for reading."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH100, PTH123

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from datastore.errors import ArtifactMissingError, ArtifactReadError, LocationError


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to read: a file, a slice of it, or a remote object.

    Parameters
    ----------
    uri : `str`
        For messages, and for what is not local.
    path : `str` or None
        Local path, if it is local.
    fragment : `str`
        What followed ``#`` in the location, for example ``hdu=2``.
    offset, size : `int`
        The slice; offset -1 is the whole file. For a whole file, size is what was recorded (-1: not).
    """

    uri: str
    path: str | None
    fragment: str = ""
    offset: int = -1
    size: int = -1

    def open(self) -> BinaryIO:
        """Return a seekable binary stream of just these bytes; the caller closes it."""
        if self.offset >= 0:
            return io.BytesIO(self.read_bytes())
        if self.path is None:
            return _open_remote(self.uri)
        try:
            stream = open(self.path, "rb")  # noqa: SIM115 - handed over to the caller
        except FileNotFoundError as err:
            raise ArtifactMissingError(self.uri) from err
        except OSError as err:
            raise ArtifactReadError(self.uri, err.strerror or str(err)) from err
        try:
            self._check_size(os.fstat(stream.fileno()).st_size)
        except ArtifactReadError:
            stream.close()
            raise
        return stream

    def read_bytes(self) -> bytes:
        """Return the bytes."""
        if self.path is None:
            with _open_remote(self.uri) as stream:
                if self.offset >= 0:
                    stream.seek(self.offset)
                    return self._complete(stream.read(self.size))
                return stream.read()
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if self.offset >= 0:
                    return self._complete(os.pread(descriptor, self.size, self.offset))
                with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
                    data = file.readall()
            finally:
                os.close(descriptor)
        except FileNotFoundError as err:
            raise ArtifactMissingError(self.uri) from err
        except OSError as err:
            raise ArtifactReadError(self.uri, err.strerror or str(err)) from err
        self._check_size(len(data))
        return data

    def _complete(self, data: bytes) -> bytes:
        if len(data) != self.size:
            reason = f"its slice at {self.offset} has {len(data)} of {self.size} bytes: truncated"
            raise ArtifactReadError(self.uri, reason)
        return data

    def _check_size(self, found: int) -> None:
        if found < self.size:
            raise ArtifactReadError(self.uri, f"it has {found} of the recorded {self.size} bytes: truncated")


def _open_remote(uri: str) -> BinaryIO:
    import fsspec

    try:
        stream: BinaryIO = fsspec.open(uri, "rb").open()
    except FileNotFoundError as err:
        raise ArtifactMissingError(uri) from err
    except (OSError, ValueError, ImportError) as err:
        raise ArtifactReadError(uri, str(err)) from err
    return stream


def is_uri(text: str) -> bool:
    """Tell whether a location has a scheme (``file://``, ``s3://``, …)."""
    return "://" in text


def local_path(location: str) -> str | None:
    """Return the absolute local path of a path or ``file://`` URI, or None for other URIs."""
    if location.startswith("file://"):
        return unquote(urlsplit(location).path)
    return None if is_uri(location) else os.path.abspath(location)


def file_uri(path: str) -> str:
    """Return the ``file://`` URI of an absolute local path."""
    return "file://" + quote(path)


class Root:
    """The folder or URI that relative locations are below."""

    __slots__ = ("is_local", "text")

    def __init__(self, root: str | os.PathLike[str]) -> None:
        text = os.fspath(root)
        local = local_path(text)
        self.is_local = local is not None
        self.text = text.rstrip("/") if local is None else local

    def local_path(self, relative: str) -> str:
        """Return the absolute local path of a location below the root."""
        if not self.is_local:
            raise LocationError(relative, f"the root {self.text!r} is remote, so it is only read")
        self._check(relative)
        return f"{self.text}/{relative}"

    def _check(self, relative: str) -> None:
        if relative.startswith("/") or ".." in relative.split("/"):
            raise LocationError(relative, "it leaves the root of the datastore")

    def source(self, location: str, offset: int = -1, size: int = -1) -> Source:
        """Return what to read for a recorded location (relative or URI, maybe with ``#fragment``)."""
        location, _, fragment = location.partition("#")
        if not is_uri(location):
            self._check(location)
            whole = f"{self.text}/{location}"
            return Source(whole, whole if self.is_local else None, fragment, offset, size)
        return Source(location, local_path(location), fragment, offset, size)

    def relative(self, path: str) -> str | None:
        """Return a local path relative to the root, or None if it is not below it."""
        if not self.is_local:
            return None
        prefix = self.text + "/"
        return path.removeprefix(prefix) if path.startswith(prefix) else None


def parse_fragment(fragment: str) -> dict[str, Any]:
    """Return ``{'hdu': 2}`` of ``hdu=2``; values that are whole numbers become int."""
    pairs = (item.partition("=")[::2] for item in fragment.split("&") if item)
    return {key: int(value) if value.lstrip("-").isdigit() else value for key, value in pairs}
