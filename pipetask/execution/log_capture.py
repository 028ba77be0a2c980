"""What tasks say through `logging`, gathered quantum by quantum."""

from __future__ import annotations

import logging

from pipetask.butler import LogRecords

_LOG_LEVEL = logging.INFO


class LogCapture(logging.Handler):
    """Gathers what is logged, warnings too, with all of level INFO and above, until it is closed.

    One serves all quanta of a process: a change of level makes `logging` forget what it knows of each logger.
    """

    def __init__(self) -> None:
        super().__init__(_LOG_LEVEL)
        self._records = LogRecords()
        root = logging.getLogger()
        self._level = root.level
        self._others = [(handler, handler.level) for handler in root.handlers]
        for handler, level in self._others:
            handler.setLevel(max(level, root.level))  # nobody else is to see more than before
        root.addHandler(self)
        root.setLevel(min(root.level or _LOG_LEVEL, _LOG_LEVEL))
        logging.captureWarnings(capture=True)

    def start(self) -> LogRecords:
        """Return the empty list that records go to from now on."""
        self._records = LogRecords()
        return self._records

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        self._records.append(record)

    def close(self) -> None:
        """Leave `logging` as it was."""
        logging.captureWarnings(capture=False)
        root = logging.getLogger()
        root.setLevel(self._level)
        root.removeHandler(self)
        for handler, level in self._others:
            handler.setLevel(level)
        super().close()
