"""Dimension elements (dimensions and the relations between them) and the columns of their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from registry.errors import DataIdError

if TYPE_CHECKING:
    from .group import DimensionGroup
    from .universe import DimensionUniverse


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an element's records.

    Attributes
    ----------
    name : `str`
        Unique within the element. The key of a dimension is named after the dimension.
    type : `str`
        One of ``string``, ``int``, ``float``, ``bool``, ``hash`` (bytes), ``region`` (encoded region)
        and ``time_ns`` (TAI nanoseconds).
    nullable : `bool`
        Whether records may go without.
    length : `int`
        Maximum number of characters or bytes; 0 is any.
    doc : `str`
        What it means, with unit.
    """

    name: str
    type: str
    nullable: bool = True
    length: int = 0
    doc: str = ""

    def coerce(self, value: Any) -> Any:  # any value a caller may pass
        """Return a plain Python value of this column's type, or raise `DataIdError`."""
        if value is None:
            if self.nullable:
                return None
            raise DataIdError(f"{self.name!r} needs a value of type {self.type}, not None.")
        kind, convert = _COERCIONS[self.type]
        if not isinstance(value, kind) or (self.type != "bool" and isinstance(value, bool)):
            raise DataIdError(
                f"{self.name!r} is of type {self.type}; {value!r} is of type {type(value).__name__}."
            )
        result = convert(value)
        if self.length and len(result) > self.length:
            raise DataIdError(f"{self.name!r} holds at most {self.length} characters; {value!r} is longer.")
        return result


def _int64(value: Any) -> int:
    result = int(value)
    if not -(2**63) <= result < 2**63:
        raise DataIdError(f"{result} does not fit in 64 bits.")
    return result


def _bool(value: Any) -> bool:
    if value not in (0, 1):
        raise DataIdError(f"{value!r} is neither true nor false.")
    return bool(value)


_COERCIONS: dict[str, tuple[type | tuple[type, ...], Callable[[Any], Any]]] = {
    "string": (str, str),
    "int": (Integral, _int64),
    "float": (Real, float),
    "bool": ((bool, Integral), _bool),
    "hash": ((bytes, bytearray, memoryview), bytes),
    "region": ((bytes, bytearray, memoryview), bytes),
    "time_ns": (Integral, _int64),
}


@dataclass(frozen=True, eq=False)
class DimensionElement:
    """A dimension (visit, band, htm7, …) or a relation between dimensions (visit_definition, …).

    Attributes
    ----------
    name, doc : `str`
        Identifier and meaning.
    required : `tuple` [`str`]
        Dimensions whose values identify a record, itself last if it is a dimension.
    implied : `tuple` [`str`]
        Dimensions whose values follow from a record.
    key : `Column` or `None`
        The column that data IDs hold, named after the dimension; `None` for a relation.
    key_name : `str`
        The key as users spell it: ``id`` or ``name``; empty for a relation.
    alternate_keys, metadata : `tuple` [`Column`]
        Other unique columns; all other columns.
    spatial, temporal : `str` or `None`
        Family that the record's region, or timespan, belongs to.
    governor, always_join : `bool`
        Whether the dimension has few values and rules others; whether the relation restricts every join of
        its dimensions.
    populated_by : `str` or `None`
        Dimension whose definition brings these records.
    view_of : `str` or `None`
        Element whose records hold this dimension's values, where it has no table of its own.
    skypix : `tuple` [`str`, `int`] or `None`
        Pixelisation and level of a sky-pixel dimension.
    """

    name: str
    universe: DimensionUniverse = field(repr=False)
    doc: str = field(repr=False)
    required: tuple[str, ...]
    implied: tuple[str, ...]
    key: Column | None = field(default=None, repr=False)
    key_name: str = field(default="", repr=False)
    alternate_keys: tuple[Column, ...] = field(default=(), repr=False)
    metadata: tuple[Column, ...] = field(default=(), repr=False)
    spatial: str | None = field(default=None, repr=False)
    temporal: str | None = field(default=None, repr=False)
    governor: bool = field(default=False, repr=False)
    always_join: bool = field(default=False, repr=False)
    populated_by: str | None = field(default=None, repr=False)
    view_of: str | None = field(default=None, repr=False)
    skypix: tuple[str, int] | None = field(default=None, repr=False)

    @property
    def is_dimension(self) -> bool:
        """Whether data IDs may hold a value of it."""
        return self.key is not None

    @property
    def has_table(self) -> bool:
        """Whether its records are stored."""
        return self.view_of is None and self.skypix is None

    @cached_property
    def dimensions(self) -> DimensionGroup:
        """Group of all that its records identify or imply."""
        return self.universe.conform(self.required + self.implied)

    @cached_property
    def minimal_group(self) -> DimensionGroup:
        """Group of its required dimensions (and what these imply)."""
        return self.universe.conform(self.required)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Columns of its records: dimensions, alternate keys, metadata, region, timespan."""
        dimensions = [self._dimension_column(name, nullable=False) for name in self.required]
        dimensions += [self._dimension_column(name, nullable=True) for name in self.implied]
        columns = (*dimensions, *self.alternate_keys, *self.metadata)
        if self.spatial:
            columns += (Column("region", "region", doc="The sky that it covers."),)
        if self.temporal:
            columns += (
                Column("timespan_begin", "time_ns", doc="First moment [TAI ns]."),
                Column("timespan_end", "time_ns", doc="First moment after [TAI ns]."),
            )
        return columns

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of `columns`."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def column_places(self) -> Mapping[str, int]:
        """Where values of records are, by the name of their column or another that the key goes by."""
        places = {name: i for i, name in enumerate(self.column_names)}
        if self.is_dimension:
            places.setdefault(self.key_name, places[self.name])
        return places

    def _dimension_column(self, name: str, *, nullable: bool) -> Column:
        key = self.key if name == self.name else self.universe[name].key
        assert key is not None
        return Column(name, key.type, nullable, key.length, key.doc)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _element, (self.universe, self.name)

    def __str__(self) -> str:
        return self.name


def _element(universe: DimensionUniverse, name: str) -> DimensionElement:
    return universe[name]
