"""The journal of a run: an append-only file of what the registry does not hold yet.

A record is its length and CRC-32 (two little-endian 32-bit integers), then its bytes. A crash can leave a
torn record at the end only: reading stops there, and opening for more cuts it off.

The journal is also the run's lock. Whoever has it open holds an exclusive ``flock``, which the system drops
when that process ends in any way, so that a dead run never looks like a running one.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

from pipetask.errors import JournalError, RunLockedError

_log = logging.getLogger(__name__)

_FRAME = struct.Struct("<II")
LOCK_ATTEMPTS = 10
LOCK_PAUSE_S = 0.03
"""A process that only looks whether a run is being executed holds the lock for microseconds."""


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
    while begin + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, begin)
        end = begin + _FRAME.size + length
        payload = data[begin + _FRAME.size : end]
        if len(payload) < length or crc32(payload) != checksum:
            return
        yield payload, end
        begin = end


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
        self._fd = _open_locked(path)
        data = path.read_bytes()
        self.records = [payload for payload, _ in _frames(data)]
        """What was in it when it was opened."""
        whole = max((end for _, end in _frames(data)), default=0)
        if whole < len(data):
            _log.warning(
                "The last %d bytes of the journal %s are no whole record: a crash cut it short, or the file "
                "was damaged. The quanta that they may have told of are run again.",
                len(data) - whole,
                path,
            )
            # What is appended behind a torn record would never be found again.
            os.ftruncate(self._fd, whole)

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


def _open_locked(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    attempts_left = LOCK_ATTEMPTS
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            attempts_left -= 1
            if attempts_left:
                time.sleep(LOCK_PAUSE_S)
                continue
            raise RunLockedError(
                f"Another process is executing this run: it holds {path}. Wait for it, or name another run."
            ) from None
        try:
            if os.path.samestat(os.fstat(fd), path.stat()):
                _sync_folder(path.parent)
                return fd
        except FileNotFoundError:
            pass
        # Between opening and locking, another process finished and removed the file: this lock is of no use.
        os.close(fd)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable: a journal whose name is lost is lost."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
