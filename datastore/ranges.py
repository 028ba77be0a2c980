"""Bytes that are read by ranges: the contract, and a stream over it that reads no more than it must."""

from __future__ import annotations

import io
from collections import deque
from typing import BinaryIO, Protocol, cast

from datastore.artifact import Buffer

READ_AHEAD = 32 * 1024
"""Bytes of the least request: the headers of a FITS file, or the footer of a table, come with one."""

_REMEMBERED = 4


class Ranges(Protocol):
    """Bytes of known size, of which any range may be read."""

    def size(self) -> int:
        """Return how many bytes there are."""

    def read(self, begin: int, end: int) -> bytes:
        """Return some of them."""


def open_ranges(ranges: Ranges, size: int) -> BinaryIO:
    """Return a seekable stream over ranges, of which ``size`` is the size (-1: to be asked)."""
    stream = io.BufferedReader(_RangeStream(ranges, size), READ_AHEAD)
    return cast("BinaryIO", stream)


class _RangeStream(io.RawIOBase):
    """A stream of which each read is one range, or what is left of one of the last small ones.

    A buffer before it forgets what it holds at a jump, and formats jump: to the end of a file and back.
    """

    def __init__(self, ranges: Ranges, size: int) -> None:
        self._ranges = ranges
        self._last: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED)
        self._size = ranges.size() if size < 0 else size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        if not (data := self._remembered(end)):
            data = self._ranges.read(self._position, end)
            if len(data) <= READ_AHEAD:
                self._last.append((self._position, data))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _remembered(self, end: int) -> bytes:
        """Return bytes from here on that one of the last reads has given, maybe fewer than to the end."""
        for begin, data in self._last:
            if begin <= self._position < begin + len(data):
                return data[self._position - begin : end - begin]
        return b""
