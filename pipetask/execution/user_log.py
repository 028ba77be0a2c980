"""What of the log the user sees, on standard error and in files: workers write there for themselves."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module


@dataclass(frozen=True, slots=True)
class UserLog:
    """The levels of loggers, and the handlers of the root logger that write to standard error and files.

    Parameters
    ----------
    levels : `~collections.abc.Mapping` [`str`, `int`]
        Levels of loggers that have one, by name; that of the root logger, whose name is empty, is among them.
    stderr : `list` [`tuple` [`int`, `logging.Formatter`]]
        Level and format of what goes to standard error.
    files : `list` [`tuple` [`str`, `int`, `logging.Formatter`]]
        Path, level and format of each file.
    """

    levels: Mapping[str, int]
    stderr: list[tuple[int, logging.Formatter | None]] = field(default_factory=list)
    files: list[tuple[str, int, logging.Formatter | None]] = field(default_factory=list)

    @classmethod
    def of_this_process(cls) -> UserLog:
        """Look at what was set up in `logging`."""
        root = logging.getLogger()
        loggers = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
        found = cls({"": root.level} | {each.name: each.level for each in loggers if each.level})
        for handler in root.handlers:
            if isinstance(handler, logging.FileHandler):
                found.files.append((handler.baseFilename, handler.level, handler.formatter))
            elif getattr(handler, "stream", None) in (sys.stderr, sys.__stderr__):
                found.stderr.append((handler.level, handler.formatter))
        return found

    def show(self) -> None:
        """Set the same up in this process."""
        for name, level in self.levels.items():
            logger_of(name).setLevel(level)
        for level, formatter in self.stderr:
            _add(logging.StreamHandler(), level, formatter)
        for path, level, formatter in self.files:
            _add(logging.FileHandler(path, encoding="utf-8"), level, formatter)


def logger_of(name: str) -> logging.Logger:
    """Return a logger; that of astropy is made by its import, which fails where it was made before."""
    if name == "astropy":
        import_module(name)
    return logging.getLogger(name or None)


def _add(handler: logging.Handler, level: int, formatter: logging.Formatter | None) -> None:
    handler.setLevel(level)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
