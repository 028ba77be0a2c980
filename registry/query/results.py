"""What all results of a query can do: be restricted, sorted, counted, iterated, exported."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from sqlalchemy import Select

from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.explain import reasons
from registry.query.factory import Name
from registry.query.names import Names
from registry.query.select import Order, count_select, sort_terms
from registry.query.source import Plan, Source, Spec
from registry.query.where import interpret

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class QueryResults(ABC, Generic[T]):
    """Rows that match a query, found anew by each iteration; methods return changed copies.

    Attributes
    ----------
    source : `Source`
        What is asked.
    spec : `Spec`
        What a row must fulfil.
    order : `tuple`
        From `registry.query.select.sort_terms`.
    most : `int` or `None`
        How many rows at most.
    """

    source: Source
    spec: Spec
    order: Order = ()
    most: int | None = None

    @property
    @abstractmethod
    def dimensions(self) -> DimensionGroup:
        """Dimensions of the rows."""

    @property
    @abstractmethod
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each column that the rows have when they are exported."""

    @property
    def _datasets(self) -> tuple[str, ...]:
        """Dataset types whose properties may be named."""
        return ()

    def where(self, *args: Any, bind: Mapping[str, Any] | None = None, **kwargs: Any) -> Self:
        """Return the rows that also fulfil conditions; see `Query.where`."""
        predicate = interpret(
            args,
            dimensions=self.dimensions,
            bind=bind,
            data_id=kwargs,
            datasets=self._datasets,
            known=self.source.values_for_conditions,
        )
        return replace(self, spec=self.spec.restricted(predicate))

    def order_by(self, *args: str | Name) -> Self:
        """Return the rows sorted by dimensions or columns of records; ``-`` in front sorts downwards."""
        names = [each.text if isinstance(each, Name) else each for each in args]
        return replace(
            self, order=tuple(sort_terms(names, Names(self.dimensions, self._datasets, may_be_texts=False)))
        )

    def limit(self, limit: int | None = None) -> Self:
        """Return the first rows only; `None` for all."""
        if limit is not None and (type(limit) is not int or not 0 <= limit < 2**63):
            raise InvalidQueryError(f"A limit is a whole number or None, not {limit!r}")
        return replace(self, most=limit)

    def count(self, *, exact: bool = True, discard: bool = False) -> int:
        """Return the number of rows; the database counts, so it is exact whatever is asked for."""
        statement = self.statement()
        return 0 if statement is None else int(self.source.db.fetch(count_select(statement))[0][0])

    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Return whether there are rows; with ``execute=False``, whether there may be some."""
        if self.most == 0:
            return False
        statement = self.statement()
        return statement is not None and (not execute or self.source.any(statement))

    def explain_no_results(self, execute: bool = True) -> list[str]:
        """Return sentences that say why there are no rows; none if there are some.

        Parameters
        ----------
        execute : `bool`, optional
            Whether to ask the database which part of the query nothing matches.
        """
        return reasons(self.source, self.spec, execute=execute)

    def __iter__(self) -> Iterator[T]:
        for page in self._pages():
            with _without_collector():
                made = list(self._objects(page))
            yield from made

    def to_arrow(self) -> pa.Table:
        """Return the rows as a table of Arrow, without making an object for each.

        Ids are texts, times TAI nanoseconds since 1970, regions as `lsst.sphgeom.Region.encode` makes them.
        """
        from registry.query.export import to_arrow

        return to_arrow(self.columns, map(self._exported, self._pages()))

    def to_astropy(self) -> Table:
        """Return the rows as an `astropy.table.Table`, masked where values are unknown; see `to_arrow`."""
        from registry.query.export import to_astropy

        return to_astropy(self.to_arrow(), self.columns)

    def to_pandas(self) -> Any:  # a library that need not be installed
        """Return the rows as a `pandas.DataFrame`; `ModuleNotFoundError` without pandas. See `to_arrow`."""
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, ICN001  # for pyarrow
        except ModuleNotFoundError as err:
            raise ModuleNotFoundError(
                "pandas is not installed (pip install pandas); to_astropy and to_arrow do without it.",
                name="pandas",
            ) from err
        return self.to_arrow().to_pandas()

    @abstractmethod
    def statement(self) -> Select[Any] | None:
        """Return the select of the rows, or `None` if it is known that there are none."""

    @abstractmethod
    def _objects(self, page: Sequence[Row]) -> Iterable[T]:
        """Make the objects of some rows."""

    def _exported(self, page: Sequence[Row]) -> Sequence[Row]:
        """Return rows in the order of `columns`."""
        return page

    def _pages(self) -> Iterator[list[Row]]:
        statement = self.statement()
        return iter(()) if statement is None else self.source.pages(statement, self.most)

    def _select(self, plan: Plan | None, **options: Any) -> Select[Any] | None:
        if plan is None:
            return None
        return self.source.select(plan, self.dimensions, order=self.order, limit=self.most, **options)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from looking at objects while many are made that are all in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def key_columns(group: DimensionGroup) -> tuple[tuple[str, str], ...]:
    """Return name and type of all dimensions of a group."""
    return tuple((name, key.type) for name in group.keys if (key := group.universe[name].key))
