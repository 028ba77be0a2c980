"""Conditions written as Python, ``x.visit.exposure_time > 30``: each becomes an expression with values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, final

from registry.errors import InvalidQueryError

_numbers = count()


class Written:
    """A part of an expression: its text, and the values of the names that it writes as ``:name``."""

    __slots__ = ("bind", "text")

    def __init__(self, text: str, bind: Mapping[str, Any] | None = None) -> None:
        self.text = text
        self.bind = dict(bind or {})

    def __repr__(self) -> str:
        return f"<{self.text}>"


@final
class WrittenCondition(Written):
    """What `Query.where` takes; made by comparing, and by `ExpressionFactory.all`, ``any`` and ``not_``."""

    __slots__ = ()

    def __bool__(self) -> bool:
        raise InvalidQueryError(
            f"{self.text} is neither true nor false before it is asked: join conditions by x.all(…), "
            "x.any(…) and x.not_(…), not by 'and', 'or', 'not', nor by 1 < x < 2"
        )


class Term(Written):
    """A value to compare."""

    __slots__ = ()

    def __eq__(self, other: object) -> WrittenCondition:  # type: ignore[override]  # as a condition
        return self._compared("=", other)

    def __ne__(self, other: object) -> WrittenCondition:  # type: ignore[override]  # as a condition
        return self._compared("!=", other)

    def __lt__(self, other: object) -> WrittenCondition:
        return self._compared("<", other)

    def __le__(self, other: object) -> WrittenCondition:
        return self._compared("<=", other)

    def __gt__(self, other: object) -> WrittenCondition:
        return self._compared(">", other)

    def __ge__(self, other: object) -> WrittenCondition:
        return self._compared(">=", other)

    __hash__ = None  # type: ignore[assignment]  # equality is a question here

    def overlaps(self, other: Any) -> WrittenCondition:
        """Return whether two timespans, or two regions, share something."""
        return self._compared("OVERLAPS", other)

    def in_iterable(self, values: Iterable[Any]) -> WrittenCondition:
        """Return whether the value is one of several."""
        many = term(list(values))
        return WrittenCondition(f"{self.text} IN {many.text}", {**self.bind, **many.bind})

    def in_range(self, start: int, stop: int, step: int = 1) -> WrittenCondition:
        """Return whether the value is in ``range(start, stop, step)``."""
        if start >= stop:
            return self.in_iterable(())
        return WrittenCondition(f"{self.text} IN ({start}..{stop - 1}:{step})", self.bind)

    @property
    def is_null(self) -> WrittenCondition:
        """Whether the value is unknown."""
        return WrittenCondition(f"{self.text} IS NULL", self.bind)

    @property
    def desc(self) -> str:
        """What `order_by` takes for the descending order."""
        return f"-{self.text}"

    def _compared(self, operator: str, other: Any) -> WrittenCondition:
        right = term(other)
        return WrittenCondition(f"{self.text} {operator} {right.text}", {**self.bind, **right.bind})


@final
class Name(Term):
    """A dimension, an element, or a column of it, which are its attributes."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Name:
        if name.startswith("_"):
            raise AttributeError(name)
        return Name(f"{self.text}.{name}")


@final
class ExpressionFactory:
    """Dimensions as attributes, dataset types as items: ``x.visit.day_obs``, ``x["raw"].ingest_date``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Name:
        if name.startswith("_"):
            raise AttributeError(name)
        return Name(name)

    def __getitem__(self, dataset_type: str) -> Name:
        return Name(dataset_type)

    def literal(self, value: Any) -> Term:
        """Return a value as a term."""
        return term(value)

    def all(self, first: WrittenCondition, /, *more: WrittenCondition) -> WrittenCondition:
        """Return whether all conditions hold."""
        return _joined("AND", (first, *more))

    def any(self, first: WrittenCondition, /, *more: WrittenCondition) -> WrittenCondition:
        """Return whether at least one condition holds."""
        return _joined("OR", (first, *more))

    def not_(self, condition: WrittenCondition) -> WrittenCondition:
        """Return whether a condition does not hold."""
        return WrittenCondition(f"NOT ({condition.text})", condition.bind)


def term(value: Any) -> Term:
    """Return a term as it is, another value as one that is bound."""
    if isinstance(value, Term):
        return value
    name = f"value_{next(_numbers)}"
    return Term(f":{name}", {name: value})


def _joined(operator: str, conditions: tuple[WrittenCondition, ...]) -> WrittenCondition:
    bind = {name: value for each in conditions for name, value in each.bind.items()}
    return WrittenCondition(f" {operator} ".join(f"({each.text})" for each in conditions), bind)
