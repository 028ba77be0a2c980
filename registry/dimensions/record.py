"""DimensionRecord: what the registry keeps about one instrument, visit or patch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from registry.arguments import checked, merged_data_id
from registry.errors import DataIdError
from registry.suggest import suggest
from registry.timespan import Timespan

from .coordinate import DataCoordinate
from .element import DimensionElement

if TYPE_CHECKING:
    from lsst.sphgeom import Region


@final
class DimensionRecord:
    """One record of a dimension element; its columns are attributes.

    Parameters
    ----------
    definition : `DimensionElement`
        The element.
    values : `~collections.abc.Mapping`, optional
        Values by column. The key may be spelt ``id`` or ``name`` as well; ``timespan`` (`Timespan`) and
        ``region`` (`lsst.sphgeom.Region` or its encoding) stand for their columns.
    **kwargs
        More values.

    Raises
    ------
    DataIdError
        If a value is missing, unknown or of the wrong type.
    """

    __slots__ = ("_region", "_values", "definition")

    definition: DimensionElement
    _values: tuple[Any, ...]  # in the order of definition.columns
    _region: Region | None

    def __init__(
        self, definition: DimensionElement, values: Mapping[str, Any] | None = None, /, **kwargs: Any
    ) -> None:
        self.definition = definition
        self._region = None
        given = self._spelt_out(merged_data_id(values, kwargs))
        try:
            self._values = tuple([each.coerce(given.get(each.name)) for each in definition.columns])
        except DataIdError as err:
            raise DataIdError(f"{record_title(definition, given)}: {err}") from err
        for name in given:
            if name not in definition.column_names:
                raise unknown_column(definition, name)

    def _spelt_out(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return values by the name of their column, regions encoded."""
        element = self.definition
        given = {element.universe.resolve(name): value for name, value in given.items()}
        if element.key_name in given and element.key_name not in element.column_names:
            given[element.name] = given.pop(element.key_name)
        if element.temporal and "timespan" in given:
            timespan: Timespan | None = given.pop("timespan")
            if timespan is not None:
                bounds = checked(timespan, Timespan, "timespan").nsec
                given["timespan_begin"], given["timespan_end"] = bounds
        region: Any = given.get("region")
        if element.spatial and hasattr(region, "encode"):
            self._region = region
            given["region"] = region.encode()
        return given

    @classmethod
    def from_values(cls, definition: DimensionElement, values: tuple[Any, ...]) -> DimensionRecord:
        """Return the record of checked values in the order of ``definition.columns``."""
        self = object.__new__(cls)
        self.definition = definition
        self._values = values
        self._region = None
        return self

    @property
    def dataId(self) -> DataCoordinate:
        """What identifies the record; with implied values as far as the record knows them."""
        element = self.definition
        group = element.minimal_group
        known = dict(zip(element.required + element.implied, self._values, strict=False))
        names = group.keys if all(name in known for name in group.implied) else group.required
        return DataCoordinate(group, tuple([known[name] for name in names]))

    @property
    def region(self) -> Region | None:
        """The sky that it covers, or `None` (`lsst.sphgeom.Region`)."""
        if self._region is None:
            encoded = self._column("region")
            if encoded is not None:
                from registry.spatial import decode

                self._region = decode(encoded)
        return self._region

    @property
    def timespan(self) -> Timespan | None:
        """The time that it covers, or `None`."""
        begin, end = self._column("timespan_begin"), self._column("timespan_end")
        return None if begin is None or end is None else Timespan.from_ns(begin, end)

    def values_tuple(self) -> tuple[Any, ...]:
        """Return the values in the order of the element's columns, the region encoded."""
        return self._values

    def to_dict(self) -> dict[str, Any]:
        """Return values by column, with ``region`` and ``timespan`` as objects."""
        result = dict(zip(self.definition.column_names, self._values, strict=True))
        if self.definition.spatial:
            result["region"] = self.region
        if self.definition.temporal:
            del result["timespan_begin"], result["timespan_end"]
            result["timespan"] = self.timespan
        return result

    def _column(self, name: str) -> Any:
        place = self.definition.column_places.get(name)
        if place is None:
            hint = suggest(name, self.definition.column_names)
            raise AttributeError(f"Record of {self.definition.name} has no {name!r}{hint}")
        return self._values[place]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        definition = self.definition
        return self._column(name if name in definition.column_places else definition.universe.resolve(name))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DimensionRecord):
            return self.definition is other.definition and self._values == other._values
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.definition.name, self._values[: len(self.definition.required)]))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return DimensionRecord.from_values, (self.definition, self._values)

    def __repr__(self) -> str:
        columns = zip(self.definition.column_names, self._values, strict=True)
        shown = [f"{name}={value!r}" for name, value in columns if value is not None and name != "region"]
        return f"{self.definition.name}({', '.join(shown)})"


def record_title(element: DimensionElement, values: Mapping[str, Any]) -> str:
    """Return how a message calls a record: its element, and as much of its key as is known."""
    key = ", ".join(f"{name}: {values[name]!r}" for name in element.required if name in values)
    return f"Record of {element.name}" + (f" {{{key}}}" if key else "")


def unknown_column(element: DimensionElement, name: str) -> DataIdError:
    """Return the error about a column that records of an element do not have."""
    known = element.column_names
    hint = suggest(name, known) or f"; they have {', '.join(known)}."
    return DataIdError(f"Records of {element.name} have no column {name!r}{hint}")
