"""A statement that is compiled once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Executable


class Prepared:
    """A statement compiled once, to be run many times with other values.

    Parameters
    ----------
    statement : `sqlalchemy.Executable`
        Select, update or delete with named bind parameters.
    engine : `sqlalchemy.Engine`
        What to compile it for.
    """

    def __init__(self, statement: Executable, engine: Engine) -> None:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]
            dialect=engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        self.sql = str(compiled)
        self.names: tuple[str, ...] = tuple(
            column.name for column in getattr(statement, "selected_columns", ())
        )
        self._values: Mapping[str, Any] = compiled.params
        self._order: Sequence[str] | None = compiled.positiontup

    def bind(self, values: Mapping[str, Any]) -> Any:  # what the driver takes: a tuple or a mapping
        """Return the driver's parameters."""
        merged = {**self._values, **values} if values else self._values
        return merged if self._order is None else tuple([merged[name] for name in self._order])
