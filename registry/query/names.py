"""What a name in an expression stands for: a dimension, a column of its records, a property of datasets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.dimensions.universe import DimensionUniverse
from registry.errors import InvalidQueryError
from registry.query.tree import Column, Span
from registry.suggest import suggest

DATASET_FIELDS = {"dataset_id": "uuid", "run": "string", "collection": "string", "ingest_date": "time_ns"}
"""Properties of the datasets that a query joins, and their types; besides, they have a ``timespan``."""


Known = Callable[[str], Collection[str]]


def unknown_value(universe: DimensionUniverse, name: str, value: object, known: Known | None) -> str:
    """Return what is wrong with a value of a dimension: that a governor does not have it, or nothing."""
    if known is None or not universe[name].governor or value in (values := known(name)):
        return ""
    there_are = f"; there are {', '.join(map(repr, sorted(values)))}" if values else "; there is none at all"
    return f"No {name} {value!r} is registered{suggest(str(value), values) or there_are}"


class Names:
    """Resolves names.

    Parameters
    ----------
    dimensions : `DimensionGroup`
        Those of the query: a column may be named without its element if it is in one of theirs only.
    datasets : iterable of `str`, optional
        Dataset types that the query joins.
    known : callable, optional
        Returns the values that a governor dimension has; without, any value may be named.
    may_be_texts : `bool`, optional
        Whether an unknown name may be meant as a text: not among columns to show or sort by.
    """

    def __init__(
        self,
        dimensions: DimensionGroup,
        datasets: Iterable[str] = (),
        known: Known | None = None,
        *,
        may_be_texts: bool = True,
    ) -> None:
        self.may_be_texts = may_be_texts
        self.universe = dimensions.universe
        self.dimensions = dimensions
        self.datasets = tuple(datasets)
        self.known = known

    def resolve(self, text: str) -> Column | Span:
        """Return what a name stands for; `InvalidQueryError` (without position) if that is nothing."""
        parts = text.split(".")
        if parts[-1] in ("begin", "end") and len(parts) > 1:
            span = self.resolve(".".join(parts[:-1]))
            if not isinstance(span, Span):
                raise InvalidQueryError(f"{'.'.join(parts[:-1])!r} is no timespan; it has no {parts[-1]!r}")
            bound = span.begin if parts[-1] == "begin" else span.end
            assert isinstance(bound, Column)
            return bound
        if len(parts) == 1:
            return self._plain(text)
        if len(parts) == 2:
            return self._dotted(*parts)
        raise InvalidQueryError(f"{text!r} has too many dots; write element.column")

    def _plain(self, name: str) -> Column | Span:
        if name in self.universe and (element := self.universe[name]).is_dimension:
            return self._key(element.name)
        found = {
            f"{element.name}.{name}": column
            for element in self._elements(name)
            if (column := self._field(element, name)) is not None
        }
        if name in DATASET_FIELDS:
            found |= {f"{each}.{name}": self._property(each, name) for each in self.datasets}
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise InvalidQueryError(f"{name!r} is ambiguous: write one of {', '.join(sorted(found))}")
        known = self._known()
        raise InvalidQueryError(f"Unknown name {name!r}{suggest(name, known) or self._otherwise(known)}")

    def _otherwise(self, known: Iterable[str]) -> str:
        """Return what to do about a name to which nothing is similar."""
        if self.may_be_texts:
            return "; if it is a text, put it in quotes"
        return f"; there are {', '.join(dict.fromkeys(known))}"

    def _dotted(self, first: str, second: str) -> Column | Span:
        if first in self.datasets and second in (*DATASET_FIELDS, "timespan"):
            return self._property(first, second)
        if first not in self.universe:
            known = [*(element.name for element in self.universe.elements), *self.datasets]
            raise InvalidQueryError(f"Unknown name {first!r} in {first}.{second}{suggest(first, known)}")
        element = self.universe[first]
        column = self._field(element, self.universe.resolve(second))
        if column is None:
            known = [*_spelt(element), "id", "timespan"]
            raise InvalidQueryError(f"{element.name!r} has no column {second!r}{suggest(second, known)}")
        return column

    def _elements(self, name: str) -> Iterable[DimensionElement]:
        """Return the elements whose columns may be named alone: for regions and times, the most specific."""
        names = {"region": self.dimensions.spatial, "timespan": self.dimensions.temporal}
        return [self.universe[each] for each in names.get(name, self.dimensions.elements)]

    def _field(self, element: DimensionElement, name: str) -> Column | Span | None:
        if name == "timespan" and element.temporal:
            bounds = ("timespan_begin", "timespan_end")
            return Span(*(Column(element.name, bound, "time_ns") for bound in bounds))
        if element.is_dimension and name == element.key_name:
            return self._key(element.name)
        if name in element.required + element.implied:
            return self._key(name)
        for column in element.columns:
            if column.name == name:
                return Column(element.name, name, column.type)
        return None

    def _key(self, dimension: str) -> Column:
        key = self.universe[dimension].key
        assert key is not None
        return Column(dimension, dimension, key.type)

    def _property(self, dataset_type: str, name: str) -> Column | Span:
        if name == "timespan":  # when a CALIBRATION collection holds the dataset to be valid
            bounds = ("timespan_begin", "timespan_end")
            return Span(*(Column("", bound, "time_ns", dataset_type) for bound in bounds))
        return Column("", name, DATASET_FIELDS[name], dataset_type)

    def _known(self) -> list[str]:
        fields = [name for each in self.dimensions.elements for name in _spelt(self.universe[each])]
        datasets = DATASET_FIELDS if self.datasets else ()
        times = ["timespan.begin", "timespan.end", "timespan"] if self.dimensions.temporal else []
        dimensions = self.universe.dimensions if self.may_be_texts else ()
        return [*self.dimensions.names, *fields, *times, *datasets, *(element.name for element in dimensions)]


def _spelt(element: DimensionElement) -> list[str]:
    return [name for name in element.column_names if not name.startswith("timespan_")]
