"""Schema: all tables of one repository, as SQLAlchemy knows them."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, FromClause, MetaData, Table, select

from registry.dialects.base import Dialect
from registry.dimensions.group import DimensionGroup
from registry.dimensions.universe import DimensionUniverse
from registry.schema import dataset_tables, dimension_tables
from registry.schema.naming import CONVENTION, overlap_table_name
from registry.schema.tables import FixedTables


class Schema(FixedTables):
    """All tables of one repository; the fixed ones are attributes (`collection`, `dataset`, …).

    Parameters
    ----------
    universe : `DimensionUniverse`
        Gives the tables of dimension records and overlaps.
    dialect : `Dialect`
        Gives the types that differ.
    """

    def __init__(self, universe: DimensionUniverse, dialect: Dialect) -> None:
        self.universe = universe
        self.dialect = dialect
        self.metadata = MetaData(naming_convention=CONVENTION)
        super().__init__(self.metadata, dialect)
        self._elements: dict[str, FromClause] = {}
        for element in universe.elements:
            if element.has_table:
                self._elements[element.name] = dimension_tables.element_table(element, self.metadata, dialect)
        for element in universe.elements:
            if element.view_of is not None:
                column = self._elements[element.view_of].c[element.name]
                view = select(column).where(column.is_not(None)).distinct()
                self._elements[element.name] = view.subquery(element.name)
        self._overlaps = {
            pair: dimension_tables.overlap_table(universe, *pair, self.metadata, dialect)
            for pair in universe.overlap_pairs
        }
        self._groups: dict[int, tuple[DimensionGroup, Table, Table]] = {}
        self._lock = threading.Lock()

    def create_all(self, connection: Connection) -> None:
        """Make all tables that do not depend on dimension groups."""
        self.metadata.create_all(connection)

    def element_table(self, name: str) -> FromClause:
        """Return the table of an element's records; a subquery where another element's records hold them."""
        return self._elements[name]

    def overlap_table(self, a: str, b: str) -> Table:
        """Return the table of overlaps between two elements, in either order."""
        found = self._overlaps.get((a, b))
        if found is None:
            found = self._overlaps.get((b, a))
        if found is None:
            raise LookupError(
                f"No table {overlap_table_name(a, b)}: {a} and {b} are not of two spatial families."
            )
        return found

    def add_group(self, group_id: int, group: DimensionGroup) -> None:
        """Make a group's tables known here; `create_group` makes them in the database."""
        with self._lock:
            if group_id in self._groups:
                if self._groups[group_id][0] == group:
                    return
                for table in self._groups.pop(group_id)[1:]:  # the group that had this number was rolled back
                    self.metadata.remove(table)
            arguments: tuple[Any, ...] = (group_id, group, self.metadata, self.dialect)
            self._groups[group_id] = (
                group,
                dataset_tables.dataset_table(*arguments),
                dataset_tables.calibration_table(*arguments),
            )

    def create_group(self, group_id: int, connection: Connection) -> None:
        """Make the tables of a group that was added."""
        for table in self._groups[group_id][1:]:
            table.create(connection)

    def dataset_table(self, group_id: int) -> Table:
        """Return the table of what RUN and TAGGED collections hold for data IDs of a group."""
        return self._groups[group_id][1]

    def calibration_table(self, group_id: int) -> Table:
        """Return the table of what CALIBRATION collections hold for data IDs of a group."""
        return self._groups[group_id][2]
