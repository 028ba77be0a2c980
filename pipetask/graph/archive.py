"""Zip archives of stored, aligned members that are read as slices of the mapped file."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipetask.errors import GraphFileError
from pipetask.graph.codes import Codes

ALIGNMENT = 64
BATCH_ROWS = 65536
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def add_table(archive: zipfile.ZipFile, name: str, table: pa.Table) -> None:
    """Store a table as an Arrow file in compressed batches."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    add_member(archive, name, sink.getvalue())


def add_member(archive: zipfile.ZipFile, name: str, data: bytes | pa.Buffer) -> None:
    """Store a member so that its content starts at a multiple of `ALIGNMENT`."""
    info = zipfile.ZipInfo(name)
    assert archive.fp is not None
    start = archive.fp.tell() + _LOCAL_HEADER.size + len(name.encode()) + 20  # 20: sizes of 64 bits
    padding = -(start + 4) % ALIGNMENT
    info.extra = struct.pack("<HH", 0x4150, padding) + bytes(padding)
    with archive.open(info, "w", force_zip64=True) as member:
        member.write(memoryview(data))


class MappedArchive:
    """The members of an archive as slices of the mapped file; their checksums are compared at once.

    The module `zipfile` only reads the directory: its stored members can't be sought in with some
    versions of Python.

    Parameters
    ----------
    path : `pathlib.Path`
        The file.

    Raises
    ------
    GraphFileError
        If there is no such file, or it is not what was saved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            buffer = pa.memory_map(str(path)).read_buffer()
        except OSError as err:
            reason = os.strerror(err.errno) if err.errno else str(err)
            raise GraphFileError(
                f"No quantum graph at '{path}': {reason}. To save one: pipetask qgraph --save-qgraph"
            ) from err
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, struct.error) as err:
            raise GraphFileError(f"'{path}' is not a quantum graph file, or was cut short: {err}") from err
        self._members = {info.filename: self._checked(buffer, info) for info in members}

    def _checked(self, buffer: pa.Buffer, info: zipfile.ZipInfo) -> pa.Buffer:
        content = _stored(buffer, info)
        if content is None or zlib.crc32(content) != info.CRC:
            raise GraphFileError(
                f"'{self.path}' is damaged: '{info.filename}' is not what was saved. Copy the file "
                "again, or build the graph again."
            )
        return content

    def bytes(self, name: str) -> pa.Buffer:
        """Return the content of a member."""
        if name not in self._members:
            raise GraphFileError(f"'{self.path}' is not a quantum graph file: it has no member '{name}'")
        return self._members[name]

    def table(self, name: str) -> pa.Table:
        """Read a member that is an Arrow file."""
        try:
            return _opened(self.bytes(name)).read_all()
        except (pa.ArrowException, OSError) as err:
            raise GraphFileError(
                f"Member '{name}' of '{self.path}' is no Arrow table: {err}. Build the graph again."
            ) from err


class StoredRecords:
    """Dimension records in a member of an archive, of which only the batch with a row is read.

    Columns whose names begin with ``#`` are the codes of the required dimensions.
    """

    def __init__(self, archive: MappedArchive, member: str) -> None:
        self._archive = archive
        self._member = member
        self._latest: tuple[int, pa.RecordBatch] | None = None

    def keys(self) -> Codes:
        """Codes of the required dimensions, shape (n, k), rows in ascending order."""
        found = self._columns(keys=True).read_all()
        codes = np.empty((found.num_rows, found.num_columns), np.int32, order="F")
        for position, column in enumerate(found.columns):
            codes[:, position] = column.to_numpy()
        return codes

    def row(self, at: int) -> Mapping[str, Any]:
        """Values of all other columns of a row."""
        number, within = divmod(at, BATCH_ROWS)
        if self._latest is None or self._latest[0] != number:
            self._latest = number, self._columns(keys=False).get_batch(number)
        found: dict[str, Any] = self._latest[1].slice(within, 1).to_pylist()[0]
        return found

    def table(self) -> pa.Table:
        """All other columns."""
        return self._columns(keys=False).read_all()

    def _columns(self, *, keys: bool) -> pa.ipc.RecordBatchFileReader:
        content = self._archive.bytes(self._member)
        names = _opened(content).schema.names
        wanted = [i for i, name in enumerate(names) if name.startswith("#") is keys]
        return _opened(content, pa.ipc.IpcReadOptions(included_fields=wanted))


def _stored(buffer: pa.Buffer, info: zipfile.ZipInfo) -> pa.Buffer | None:
    """Find a stored member; none where its entry in the directory doesn't lead to it."""
    begin = info.header_offset + _LOCAL_HEADER.size
    if not 0 <= info.header_offset <= begin <= buffer.size:
        return None
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(buffer.slice(info.header_offset, _LOCAL_HEADER.size))
    is_it = buffer.slice(begin, name_length).to_pybytes() == info.filename.encode()
    begin += name_length + extra_length
    return buffer.slice(begin, info.file_size) if is_it and begin + info.file_size <= buffer.size else None


def _opened(content: pa.Buffer, options: pa.ipc.IpcReadOptions | None = None) -> pa.ipc.RecordBatchFileReader:
    """Open an Arrow file; what is freed of it goes back to the system, and not to Arrow's own reserve."""
    return pa.ipc.open_file(content, options=options, memory_pool=pa.system_memory_pool())
