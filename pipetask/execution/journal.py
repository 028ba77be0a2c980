"""The journal of a run: an append-only file of what the registry does not hold yet.

A record is its length and CRC-32 (two little-endian 32-bit integers), then its bytes, at least one. A crash
can leave a torn record at the end only, which opening for more cuts off. A damaged disk can spoil others:
what is no record is passed over.

The journal is also the run's lock. Whoever has it open holds an exclusive ``flock``, which the system drops
when that process ends in any way, so that a dead run never looks like a running one.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

from pipetask.butler.run_lock import open_locked
from pipetask.errors import JournalError

_log = logging.getLogger(__name__)

_FRAME = struct.Struct("<II")


def read_journal(path: Path) -> Iterator[bytes]:
    """Read all whole records of a journal, which may be growing meanwhile; none if there is no such file."""
    try:
        with path.open("rb") as file:
            yield from (payload for payload, _ in _frames(file.read()))
    except FileNotFoundError:
        return


def _frames(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Find the whole records, each with the offset of its end."""
    begin = 0
    while begin + _FRAME.size < len(data):
        length, checksum = _FRAME.unpack_from(data, begin)
        payload_at, end = begin + _FRAME.size, begin + _FRAME.size + length
        # Without this, zeros, which a crash may leave, would be records.
        if length and end <= len(data) and crc32(payload := data[payload_at:end]) == checksum:
            yield payload, end
            begin = end
        else:
            begin += 1


class Journal:
    """A run's journal, open for appending by this process alone.

    Parameters
    ----------
    path : `pathlib.Path`
        The file; it and its folder are made if needed.

    Raises
    ------
    RunLockedError
        If another process has it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = open_locked(path)
        data = path.read_bytes()
        found = list(_frames(data))
        self.records = [payload for payload, _ in found]
        """What was in it when it was opened."""
        if lost := len(data) - sum(_FRAME.size + len(payload) for payload in self.records):
            _log.warning(
                "%d bytes of the journal %s are no whole record: a crash cut it short, or the file was "
                "damaged. The quanta that they may have told of are run again.",
                lost,
                path,
            )
            os.ftruncate(self._fd, found[-1][1] if found else 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def append(self, *payloads: bytes) -> None:
        """Add records and make them durable: when this returns, a crash of anything can't lose them."""
        data = memoryview(b"".join(_FRAME.pack(len(p), crc32(p)) + p for p in payloads))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fdatasync(self._fd)
        except OSError as error:
            raise JournalError(
                f"Can't write the journal {self.path}: {error.strerror}. Free some space or mend the disk, "
                "then go on with --extend-run: what was journaled so far is kept."
            ) from error

    def clear(self) -> None:
        """Forget all records, because the registry now holds what they say."""
        os.ftruncate(self._fd, 0)
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the run; the file stays if it holds anything."""
        if self._fd >= 0:
            if not os.fstat(self._fd).st_size:
                self.path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1
