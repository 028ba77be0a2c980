"""What tasks say through `logging`, gathered quantum by quantum."""

from __future__ import annotations

import logging

from pipetask.butler import LogRecords

_LOG_LEVEL = logging.INFO


class LogCapture(logging.Handler):
    """Gathers what is logged, warnings too, until it is closed: what is shown, and all from INFO on.

    One serves all quanta of a process: a change of level makes `logging` forget what it knows of each logger.
    """

    def __init__(self) -> None:
        super().__init__()
        self._records = LogRecords()
        root = logging.getLogger()
        self._level = root.level
        self._notes = _ShownBefore(root.level)
        self._others = list(root.handlers)
        for handler in self._others:
            handler.addFilter(self._notes)
        root.addHandler(self)
        root.setLevel(min(root.level or _LOG_LEVEL, _LOG_LEVEL))
        logging.captureWarnings(capture=True)

    def start(self, *quantum: object) -> LogRecords:
        """Return the empty list that records of a quantum, which these objects name, go to from now on."""
        self._records = LogRecords()
        self._notes.quantum = quantum
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
        for handler in self._others:
            handler.removeFilter(self._notes)
        super().close()


class _ShownBefore(logging.Filter):
    """Lets pass what the levels of loggers did before the root's was lowered; notes the quantum."""

    def __init__(self, root_level: int) -> None:
        super().__init__()
        self._root_level = root_level
        self.quantum: tuple[object, ...] = ()

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide about a record."""
        record.quantum = " ".join(map(str, self.quantum))
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger.parent is not None and not logger.level:
            logger = logger.parent
        level = self._root_level if logger is None or logger.parent is None else logger.level
        return record.levelno >= level
