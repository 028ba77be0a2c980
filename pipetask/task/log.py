"""The logger of a task: that of the standard library, with levels between its own."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

VERBOSE = (logging.DEBUG + logging.INFO) // 2
TRACE = logging.DEBUG // 2

logging.addLevelName(VERBOSE, "VERBOSE")
logging.addLevelName(TRACE, "TRACE")


class TaskLog(logging.LoggerAdapter[logging.Logger]):
    """A logger with ``verbose``, between info and debug, and ``trace``, below debug.

    Everything else is the logger's own.

    Parameters
    ----------
    logger : `logging.Logger`
        Where messages go.
    """

    def verbose(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log what is of interest to few people."""
        self.log(VERBOSE, msg, *args, **_outer(kwargs))

    def trace(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log what is of interest to whoever looks for a bug."""
        self.log(TRACE, msg, *args, **_outer(kwargs))

    def fatal(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a critical error."""
        self.log(logging.CRITICAL, msg, *args, **_outer(kwargs))

    def getChild(self, name: str) -> TaskLog:
        """Return the logger whose name has one more part."""
        return TaskLog(self.logger.getChild(name))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Leave messages as they are."""
        return msg, kwargs

    def __getattr__(self, name: str) -> Any:  # whatever a logger has
        if name == "logger":  # of one that is being copied
            raise AttributeError(name)
        return getattr(self.logger, name)


def _outer(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a logger that make it look for its caller one step further out."""
    return {**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1}
