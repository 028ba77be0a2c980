"""LogRecords: the log of a quantum as data, filled by any `logging` handler."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One message; ``time_s`` is seconds UTC since 1970, as `logging` counts."""

    time_s: float
    level: int
    name: str
    message: str
    filename: str = ""
    line: int = 0
    exception: str = ""

    @classmethod
    def from_logging(cls, record: logging.LogRecord) -> LogRecord:
        """Keep what can be kept of a record of `logging`, with its arguments formatted in."""
        exception = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        try:
            message = record.getMessage()
        except Exception as error:  # as `logging`, which lets nobody fail for what is only said
            message = _unformatted(record, type(error).__name__)
        return cls(
            record.created,
            record.levelno,
            record.name,
            message,
            record.filename,
            record.lineno,
            exception,
        )

    def __str__(self) -> str:
        text = f"{logging.getLevelName(self.level)} {self.name}: {self.message}"
        return f"{text}\n{self.exception}" if self.exception else text


def _unformatted(record: logging.LogRecord, reason: str) -> str:
    try:
        return f"{record.msg} {record.args} ({reason})"
    except Exception:  # not even its parts have a text
        return f"(a message that cannot be had: {reason})"


class LogRecords:
    """Log records in the order in which they came."""

    __slots__ = ("_records",)

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self._records = list(records)

    def append(self, record: LogRecord | logging.LogRecord) -> None:
        """Add one record, ours or `logging`'s."""
        ours = record if isinstance(record, LogRecord) else LogRecord.from_logging(record)
        self._records.append(ours)

    def __iter__(self) -> Iterator[LogRecord]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> LogRecord:
        return self._records[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LogRecords):
            return NotImplemented
        return self._records == other._records

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __str__(self) -> str:
        return "\n".join(str(record) for record in self._records)

    def to_json(self) -> list[Any]:
        """Return one list per record, its fields in order."""
        return [list(astuple(record)) for record in self._records]

    @classmethod
    def from_json(cls, value: list[Any]) -> LogRecords:
        """Rebuild from `to_json`."""
        return cls(LogRecord(*fields) for fields in value)
