"""Schema: all tables of one repository, as SQLAlchemy knows them."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import Connection, FromClause, MetaData, Table, select

from registry.dialects.base import Dialect
from registry.dimensions.element import DimensionElement
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
        # Made when they are asked for: most commands need few of them.
        self._elements: dict[str, FromClause] = {}
        self._overlaps: dict[tuple[str, str], Table] = {}
        self._groups: dict[int, tuple[DimensionGroup, Table, Table]] = {}
        self._lock = threading.RLock()

    def create_all(self, connection: Connection) -> None:
        """Make all tables that do not depend on dimension groups."""
        for element in self.universe.elements:
            self.element_table(element.name)
        for pair in self.universe.overlap_pairs:
            self.overlap_table(*pair)
        self.metadata.create_all(connection)

    def element_table(self, name: str) -> FromClause:
        """Return the table of an element's records; a subquery where another element's records hold them."""
        found = self._elements.get(name)
        if found is None:
            with self._lock:
                found = self._elements.get(name)
                if found is None:
                    found = self._elements[name] = self._made_element(self.universe[name])
        return found

    def _made_element(self, element: DimensionElement) -> FromClause:
        if element.view_of is None:
            return dimension_tables.element_table(element, self.metadata, self.dialect)
        column = self.element_table(element.view_of).c[element.name]
        return select(column).where(column.is_not(None)).distinct().subquery(element.name)

    def overlap_table(self, a: str, b: str) -> Table:
        """Return the table of overlaps between two elements, in either order."""
        pairs = self.universe.overlap_pairs
        pair = (a, b) if (a, b) in pairs else (b, a)
        if pair not in pairs:
            raise LookupError(
                f"No table {overlap_table_name(a, b)}: {a} and {b} are not of two spatial families."
            )
        with self._lock:
            if pair not in self._overlaps:
                made = dimension_tables.overlap_table(self.universe, *pair, self.metadata, self.dialect)
                self._overlaps[pair] = made
            return self._overlaps[pair]

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
