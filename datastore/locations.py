"""Locations: paths and URIs of artifacts, and how what lies there is opened for reading."""

# Plain os calls cost a tenth of pathlib's, which counts for small files.
# ruff: noqa: PTH100, PTH123

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from datastore.errors import ArtifactMissingError, ArtifactReadError
from datastore.ranges import Ranges, open_ranges

_PLAIN = re.compile(r"[\w.~/-]*", re.ASCII)  # paths that are URIs as they are


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
    ranges : `Ranges` or None
        What reads it, if it is not local.
    is_remote : `bool`
        Whether reading it takes a network.
    """

    uri: str
    path: str | None
    fragment: str = ""
    offset: int = -1
    size: int = -1
    ranges: Ranges | None = None
    is_remote: bool = False

    def open(self) -> BinaryIO:
        """Return a seekable binary stream of just these bytes; the caller closes it."""
        if self.offset >= 0:
            return io.BytesIO(self.read_bytes())
        if self.path is None:
            return open_ranges(self._remote(), self.size)
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
            if self.offset >= 0:
                return self._complete(self._remote().read(self.offset, self.offset + self.size))
            data = self._remote().read(0, self.size if self.size >= 0 else self.remote_size())
            self._check_size(len(data))
            return data
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

    def _remote(self) -> Ranges:
        assert self.ranges is not None
        return self.ranges

    def remote_size(self) -> int:
        """Return the size of what is not local; `ArtifactReadError` if that is less than recorded."""
        found = self._remote().size()
        self._check_size(found)
        return found

    def _complete(self, data: bytes) -> bytes:
        if len(data) != self.size:
            reason = f"its slice at {self.offset} has {len(data)} of {self.size} bytes: truncated"
            raise ArtifactReadError(self.uri, reason)
        return data

    def _check_size(self, found: int) -> None:
        if found < self.size:
            raise ArtifactReadError(self.uri, f"it has {found} of the recorded {self.size} bytes: truncated")


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
    return "file://" + (path if _PLAIN.fullmatch(path) else quote(path))


def parse_fragment(fragment: str) -> dict[str, Any]:
    """Return ``{'hdu': 2}`` of ``hdu=2``; values that are whole numbers become int."""
    pairs = (item.partition("=")[::2] for item in fragment.split("&") if item)
    return {key: int(value) if value.lstrip("-").isdigit() else value for key, value in pairs}
