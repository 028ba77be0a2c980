"""DataCoordinate: a data ID, the values of a group of dimensions that identify something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, final

from registry.arguments import merged_data_id
from registry.errors import DataIdError, InconsistentUniverseError, UnknownDimensionError
from registry.suggest import suggest

from .group import DimensionGroup
from .universe import DimensionUniverse

if TYPE_CHECKING:
    from lsst.sphgeom import Region

    from registry.timespan import Timespan

    from .record import DimensionRecord

DataIdValue: TypeAlias = int | str
Values: TypeAlias = "tuple[Any, ...]"

NO_RECORDS: Mapping[str, Any] = MappingProxyType({})


class RecordSource:  # no ABC: to ask whether something is of one takes as long as to find a record
    """Where data IDs find their dimension records when somebody asks for them."""

    def of(self, values: Values) -> Mapping[str, DimensionRecord | None]:
        """Return the records of the data ID of values, by element name."""
        raise NotImplementedError


@final
class DataCoordinate:
    """Values of the required dimensions of a group, and maybe of the implied ones.

    Made by `standardize` from what users write, by `from_required` and `from_full` from checked values.
    Immutable and hashable. Two are equal if they have the same group and required values; those of one
    group are ordered by value, others by their dimensions.

    Attributes
    ----------
    dimensions : `DimensionGroup`
        The dimensions.
    """

    __slots__ = ("_hash", "_records", "_values", "dimensions")

    dimensions: DimensionGroup
    _values: Values  # as long as dimensions.required, or as dimensions.keys
    _records: Mapping[str, DimensionRecord | None] | RecordSource
    _hash: int | None

    def __init__(
        self,
        dimensions: DimensionGroup,
        values: Values,
        records: Mapping[str, Any] | RecordSource = NO_RECORDS,
    ) -> None:
        self.dimensions = dimensions
        self._values = values
        self._records = records
        self._hash = None

    @staticmethod
    def standardize(
        mapping: DataId | None = None,
        *,
        dimensions: DimensionGroup | Iterable[str] | None = None,
        universe: DimensionUniverse | None = None,
        **kwargs: Any,
    ) -> DataCoordinate:
        """Return the data ID of a mapping and keywords, checked.

        Parameters
        ----------
        mapping : `DataCoordinate` or `~collections.abc.Mapping`, optional
            Values by name of dimension; aliases are accepted.
        dimensions : `DimensionGroup` or names, optional
            Dimensions of the result; other known dimensions are left out. Those of the keys by default.
        universe : `DimensionUniverse`, optional
            Needed if neither ``mapping`` nor ``dimensions`` knows it and it is not the default one.
        **kwargs
            More values; they precede those of ``mapping``.

        Raises
        ------
        DataIdError
            If a value is missing or has the wrong type.
        UnknownDimensionError
            If a key is not the name of a dimension.
        """
        if isinstance(mapping, DataCoordinate):
            universe = mapping.dimensions.universe
            if not kwargs and dimensions is None:
                return mapping
        if isinstance(dimensions, DimensionGroup):
            universe = dimensions.universe
        elif universe is None:
            universe = DimensionUniverse.default()
        group = None if dimensions is None else universe.conform(dimensions)
        if isinstance(mapping, DataCoordinate) and not kwargs and group is not None:
            if mapping.dimensions.universe is not universe:
                raise InconsistentUniverseError(f"Data ID {mapping} is of another dimension universe.")
            if mapping.dimensions.index.keys() >= set(group.required):
                return mapping.subset(group)
        given = _coerce(merged_data_id(mapping, kwargs), universe)
        return _of_values(given, universe.conform(given) if group is None else group)

    @classmethod
    def from_required(cls, dimensions: DimensionGroup, values: Values) -> DataCoordinate:
        """Return the data ID of values (plain `int` and `str`) in the order of ``dimensions.required``."""
        return cls(dimensions, values)

    @classmethod
    def from_full(cls, dimensions: DimensionGroup, values: Values) -> DataCoordinate:
        """Return the data ID of values (plain `int` and `str`) in the order of ``dimensions.keys``."""
        return cls(dimensions, values)

    @classmethod
    def from_rows(
        cls,
        dimensions: DimensionGroup,
        rows: Iterable[Values],
        records: Mapping[str, Any] | RecordSource = NO_RECORDS,
    ) -> list[DataCoordinate]:
        """Return the data IDs of many rows of values, those of ``dimensions.keys`` or only of the required.

        What is implied may be unknown (`None`); such a data ID knows its required values only.
        """
        made = []
        k = len(dimensions.required)
        for values in rows:
            data_id = object.__new__(cls)
            data_id.dimensions = dimensions
            data_id._values = values if None not in values else values[:k]
            data_id._records = records
            data_id._hash = None
            made.append(data_id)
        return made

    @staticmethod
    def make_empty(universe: DimensionUniverse) -> DataCoordinate:
        """Return the data ID without dimensions."""
        return DataCoordinate(universe.empty, ())

    @property
    def universe(self) -> DimensionUniverse:
        """The universe of the dimensions."""
        return self.dimensions.universe

    @property
    def values_tuple(self) -> Values:
        """Values in the order of ``dimensions.required``."""
        return self._values[: len(self.dimensions.required)]

    @property
    def full_values(self) -> Values:
        """Values in the order of ``dimensions.keys``; `DataIdError` if the implied ones are not known."""
        if not self.hasFull():
            raise DataIdError(f"Data ID {self} does not say {', '.join(self.dimensions.implied)}.")
        return self._values

    @property
    def required(self) -> Mapping[str, DataIdValue]:
        """Values of the required dimensions."""
        return dict(zip(self.dimensions.required, self._values, strict=False))

    @property
    def mapping(self) -> Mapping[str, DataIdValue]:
        """All values known."""
        return dict(zip(self.dimensions.keys, self._values, strict=False))

    @property
    def records(self) -> Mapping[str, DimensionRecord | None]:
        """Dimension records by element name; empty unless `expanded` gave them."""
        if isinstance(self._records, RecordSource):
            self._records = self._records.of(self._values)
        return self._records

    @property
    def region(self) -> Region | None:
        """The sky that it covers, by its records (`lsst.sphgeom.Region`); `None` if that is not limited."""
        from .extent import region_of

        return region_of(self)

    @property
    def timespan(self) -> Timespan | None:
        """The time that it covers, by its records; `None` if that is not limited."""
        from .extent import timespan_of

        return timespan_of(self)

    def hasFull(self) -> bool:
        """Return whether the implied values are known as well."""
        return len(self._values) == len(self.dimensions.keys)

    def hasRecords(self) -> bool:
        """Return whether the dimension records are known."""
        return isinstance(self._records, RecordSource) or bool(self._records) or not self.dimensions.keys

    def keys(self) -> tuple[str, ...]:
        """Return the dimensions whose values are known."""
        return self.dimensions.keys[: len(self._values)]

    def values(self) -> Values:
        """Return all values known, in the order of `keys`."""
        return self._values

    def items(self) -> Iterable[tuple[str, DataIdValue]]:
        """Return pairs of dimension and value."""
        return zip(self.dimensions.keys, self._values, strict=False)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a dimension, or ``default`` if it is not known."""
        return self[name] if name in self else default  # noqa: SIM401  # this is `get` itself

    def __getitem__(self, name: str) -> Any:
        index = self.dimensions.index
        position = index.get(name)
        if position is None:
            position = index.get(self.universe.resolve(name))
        if position is None:
            raise UnknownDimensionError(f"Data ID {self} has no {name!r}{suggest(name, self.keys())}")
        if position >= len(self._values):
            raise UnknownDimensionError(
                f"Data ID {self} does not say {name!r}, which follows from its dimension records: expand it"
            )
        return self._values[position]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        index = self.dimensions.index
        position = index.get(name, index.get(self.universe.resolve(name), len(self._values)))
        return position < len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._values)

    def subset(self, dimensions: DimensionGroup | Iterable[str]) -> DataCoordinate:
        """Return the data ID of fewer dimensions; `DataIdError` if a required value is not known."""
        group = self.universe.conform(dimensions)
        if group is self.dimensions:
            return self
        known = self.keys()
        missing = [name for name in group.required if name not in known]
        if missing:
            raise DataIdError(f"Data ID {self} does not say {', '.join(missing)}, which {group} needs.")
        full = self.hasFull() and group <= self.dimensions
        values = self.dimensions.pick(group.keys if full else group.required)(self._values)
        records = {name: record for name, record in self.records.items() if name in group.elements}
        return DataCoordinate(group, values, records or NO_RECORDS)

    def union(self, other: DataCoordinate) -> DataCoordinate:
        """Return the data ID of the dimensions of both; `DataIdError` if they contradict each other."""
        group = self.dimensions | other.dimensions
        values = {**self.mapping, **other.mapping}
        for name, value in self.items():
            if values[name] != value:
                raise DataIdError(f"Data IDs {self} and {other} differ in {name!r}.")
        return _of_values(values, group, {**self.records, **other.records} or NO_RECORDS)

    def expanded(
        self,
        values: Values | Mapping[str, Any] | None = None,
        records: Mapping[str, DimensionRecord | None] | None = None,
    ) -> DataCoordinate:
        """Return the same data ID with all values, and maybe with dimension records.

        Parameters
        ----------
        values : `tuple` or `~collections.abc.Mapping`, optional
            All values, in the order of ``dimensions.keys``, or by name; the present ones by default.
        records : `~collections.abc.Mapping`, optional
            Records by element name.
        """
        if isinstance(values, Mapping):
            known = {**self.mapping, **values}
            values = tuple(known[name] for name in self.dimensions.keys)
        full = self.full_values if values is None else values
        return DataCoordinate(self.dimensions, full, self.records if records is None else records)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DataCoordinate):
            return self.dimensions == other.dimensions and self.values_tuple == other.values_tuple
        return NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.dimensions._hash, self.values_tuple))
        return self._hash

    def _order(self) -> tuple[tuple[str, ...], Values]:
        return self.dimensions.required, self.values_tuple

    def __lt__(self, other: DataCoordinate) -> bool:
        return self._order() < other._order()

    def __le__(self, other: DataCoordinate) -> bool:
        return self._order() <= other._order()

    def __gt__(self, other: DataCoordinate) -> bool:
        return self._order() > other._order()

    def __ge__(self, other: DataCoordinate) -> bool:
        return self._order() >= other._order()

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return DataCoordinate, (self.dimensions, self._values, dict(self.records))

    def __str__(self) -> str:
        return f"{{{', '.join(f'{name}: {value!r}' for name, value in self.items())}}}"

    __repr__ = __str__


def _coerce(given: Mapping[str, Any], universe: DimensionUniverse) -> dict[str, DataIdValue]:
    """Return values by proper name, as plain Python objects of the key's type."""
    values: dict[str, DataIdValue] = {}
    for name, value in given.items():
        element = universe[name]
        if element.key is None:
            raise UnknownDimensionError(f"{name!r} relates dimensions, but is none itself")
        values[element.name] = element.key.coerce(value)
    return values


def _of_values(
    given: Mapping[str, DataIdValue], group: DimensionGroup, records: Mapping[str, Any] = NO_RECORDS
) -> DataCoordinate:
    full = all(name in given for name in group.implied)
    try:
        values = tuple([given[name] for name in (group.keys if full else group.required)])
    except KeyError as err:
        missing = [name for name in group.required if name not in given]
        shown = ", ".join(f"{name}: {value!r}" for name, value in given.items())
        raise DataIdError(
            f"Data ID {{{shown}}} lacks {', '.join(missing)}; {group} needs {', '.join(group.required)}."
        ) from err
    return DataCoordinate(group, values, records)


DataId: TypeAlias = DataCoordinate | Mapping[str, Any]
"""What is taken as a data ID."""
