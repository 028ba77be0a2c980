"""How log messages look for people and programs: short lines, long ones, and JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

SHORT = "%(levelname)s %(name)s: %(message)s"


class _Labelled(logging.Formatter):
    """Lines that carry what the user calls the process.

    Parameters
    ----------
    labels : `~collections.abc.Mapping` [`str`, `str`]
        What every line is to carry.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__()
        self.labels = dict(labels)


class LongLines(_Labelled):
    """Lines with the time, the quantum that was run, the labels, and the place."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        about = [quantum_of(record), *(f"{name}={value}" for name, value in self.labels.items())]
        told = f" ({', '.join(filter(None, about))})" if any(about) else ""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        place = f"{record.filename}:{record.lineno}"
        return f"{record.levelname} {time} {record.name}{told} {place}: {record.message}"


class JsonLines(_Labelled):
    """One JSON object a line.

    Its keys are ``time`` (UTC), ``level``, ``logger``, ``message``, ``file``, ``line``, ``process``; where
    they apply, ``quantum``, ``labels``, ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message."""
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "file": record.pathname,
            "line": record.lineno,
            "process": record.process,
        }
        more = {
            "quantum": quantum_of(record),
            "labels": self.labels,
            "exception": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps(values | {name: value for name, value in more.items() if value})


def quantum_of(record: logging.LogRecord) -> str:
    """Say which quantum a message is from, as far as that was noted with it."""
    return str(getattr(record, "quantum", ""))
