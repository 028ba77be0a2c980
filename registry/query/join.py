"""Which tables a query needs, and how they are joined: as few as give the natural join of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, and_, select, true

from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.tree import (
    Column,
    KeysAmong,
    Predicate,
    RegionsOverlap,
    all_of,
    conjuncts,
    walk,
)
from registry.query.tree import columns as columns_of
from registry.query.value_rows import value_rows
from registry.query.where import dimensions_of

if TYPE_CHECKING:
    from registry.schema.schema import Schema


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that a query is joined with by their dimensions: datasets, data IDs, pixels of regions.

    Attributes
    ----------
    rows : `~sqlalchemy.FromClause`
        Table or select, with a column for each required dimension.
    dimensions : `DimensionGroup`
        Dimensions of the rows.
    conditions : `tuple` [`~sqlalchemy.ColumnElement`]
        What restricts the rows.
    repeats : `bool`
        Whether several rows may have one data ID, so that results must be made distinct.
    """

    rows: FromClause
    dimensions: DimensionGroup
    conditions: tuple[ColumnElement[bool], ...] = ()
    repeats: bool = False


def given_relation(rows: Sequence[tuple[Any, ...]], dimensions: DimensionGroup) -> Relation:
    """Return distinct data IDs, values in the order of ``dimensions.required``, as rows to join."""
    types = [key.type for name in dimensions.required if (key := dimensions.universe[name].key)]
    # Materialized: else SQLite may read the values again for each row of another table.
    given = value_rows(rows, types).cte().prefix_with("MATERIALIZED")
    values = zip(dimensions.required, given.c, strict=True)
    return Relation(select(*(column.label(name) for name, column in values)).subquery(), dimensions)


class Join:
    """The tables of one query.

    A table is left out where nothing but the existence of its record would be asked, and another table, whose
    rows were checked when they were inserted, says that already.

    Parameters
    ----------
    schema : `Schema`
        All tables.
    dimensions : `DimensionGroup`
        What the result needs: ``keys`` of these, or ``required`` with ``implied=False``.
    predicate : condition
        The condition; conditions that the join itself fulfils are taken out of `predicate`.
    columns : iterable of `Column`
        Further columns that are needed.
    relations : sequence of `Relation`, optional
        What else to join; what one relates is not related by overlaps or visit definitions again.
    elements : iterable of `str`, optional
        Elements whose records are needed.
    implied : `bool`, optional
        Whether the result needs implied dimensions.
    maybe : iterable of `DimensionElement`, optional
        Elements, identified by dimensions of the result, whose records are needed where there are any.
    """

    def __init__(
        self,
        schema: Schema,
        dimensions: DimensionGroup,
        predicate: Predicate,
        *,
        columns: Iterable[Column] = (),
        relations: Sequence[Relation] = (),
        elements: Iterable[str] = (),
        implied: bool = True,
        maybe: Iterable[DimensionElement] = (),
    ) -> None:
        self.schema = schema
        self.universe = dimensions.universe
        self.relations = relations
        needed = [*columns, *columns_of(predicate)]
        self.dimensions = dimensions.union(
            [
                dimensions_of(predicate, self.universe),
                self.universe.conform(name for each in columns for name in self._names(each)),
                *(relation.dimensions for relation in relations),
            ]
        )
        self.predicate = predicate
        self.from_clause: FromClause | None = None
        self.keys: dict[str, ColumnElement[Any]] = {}
        self.tables: dict[str, FromClause] = {}
        self._covered: set[str] = set()
        self._owned: set[str] = set()  # dimensions whose values come from a table that they identify
        self.nullable: dict[str, ColumnElement[Any]] = {}
        for relation in relations:
            self._owned.update(relation.dimensions.required)
            self._add_table(relation.rows, relation.dimensions.required)
        self._add_relations()
        self._add_overlaps()
        for name in [*elements, *(each.element for each in needed if each.element and not each.is_key)]:
            self._add(self.universe[name])
        for node in walk(self.predicate):
            if isinstance(node, (KeysAmong, RegionsOverlap)) and node.negated:
                for name in [node.element] if isinstance(node, KeysAmong) else [node.left, node.right]:
                    self._add(self.universe[name])
        for name in reversed(self.dimensions.required):
            if name not in self._covered:
                self._add(self._stored(name))
        wanted = {column.name for column in needed if column.is_key}
        for name in [*(dimensions.keys if implied else dimensions.required), *sorted(wanted)]:
            self._provide(name)
        # What one table implies and another holds as a key must agree: the bands of a coadd and of a visit.
        for name in self.dimensions.implied:
            if name in self._owned and not any(name in self.universe[each].implied for each in self.tables):
                self._add_implier(name)
        for element in maybe:
            self._add_if_any(element)

    def lookup(self, column: Column) -> ColumnElement[Any]:
        """Return the SQL column of a dimension, or of a record."""
        if column.is_key:
            return self.keys[column.name]
        return self.tables[column.element].c[column.name]

    def _names(self, column: Column) -> tuple[str, ...]:
        if not column.element:
            return ()
        return self.universe[column.element].required

    def _add_table(self, table: FromClause, names: Iterable[str], implied: Iterable[str] = ()) -> None:
        """Join a table by all dimensions that it shares with those before."""
        shared = []
        for name in (*names, *implied):
            column = table.c[name]
            if name in self.keys:
                shared.append(self.keys[name] == column)
            else:
                self.keys[name] = column
                if name in implied:
                    self.nullable[name] = column
        if self.from_clause is None:
            self.from_clause = table
        else:
            self.from_clause = self.from_clause.join(table, and_(true(), *shared))
        self._covered.update(names, implied)

    def _add(self, element: DimensionElement) -> None:
        """Join the records of an element."""
        if element.name in self.tables:
            return
        for name in element.required:
            if name in self.dimensions.implied:
                self._provide(name)
        table = self.tables[element.name] = self.schema.element_table(element.name)
        self._owned.update(name for name in element.required if name != element.name)
        for name in element.required:
            self.nullable.pop(name, None)
        self._add_table(table, element.required, element.implied)

    def _add_if_any(self, element: DimensionElement) -> None:
        """Join the records of an element, keeping rows without."""
        if element.name not in self.tables:
            assert self.from_clause is not None
            table = self.tables[element.name] = self.schema.element_table(element.name)
            same = (self.keys[name] == table.c[name] for name in element.required)
            self.from_clause = self.from_clause.outerjoin(table, and_(*same))

    def _stored(self, name: str) -> DimensionElement:
        element = self.universe[name]
        if element.skypix is not None:
            raise InvalidQueryError(
                f"The pixels of the whole sky are not listed: name those of {name!r} that are wanted "
                f"({name} IN (…), or {name}.region OVERLAPS …), or query datasets or regions with them"
            )
        return element

    def _provide(self, name: str) -> None:
        """Make sure that some table holds the values of a dimension."""
        if name not in self.keys:
            if name in self.dimensions.implied:
                self._add_implier(name)
            else:
                self._add(self._stored(name))

    def _add_implier(self, name: str) -> None:
        impliers = [each for each in self.dimensions.names if name in self.universe[each].implied]
        joined = [each for each in impliers if each in self.tables]
        self._add(self.universe[(joined or impliers)[0]])

    def _related(self, *elements: str) -> bool:
        """Return whether one relation is of all the elements, which says how they go together."""
        return any(set(elements) <= set(relation.dimensions.elements) for relation in self.relations)

    def _add_relations(self) -> None:
        """Join what always relates dimensions, unless there are rows of related dimensions already."""
        for name in self.dimensions.elements:
            element = self.universe[name]
            if element.always_join and not self._related(name):
                self._add(element)

    def _add_overlaps(self) -> None:
        """Join elements by overlaps of their regions: those that the condition names, else the finest."""
        parts = conjuncts(self.predicate)
        explicit = [part for part in parts if isinstance(part, RegionsOverlap) and not part.negated]
        families = {self.universe[each.left].spatial for each in explicit}
        families |= {self.universe[each.right].spatial for each in explicit}
        pairs = [(part.left, part.right) for part in explicit]
        for a, b in combinations(self.dimensions.spatial, 2):
            if (
                not self._related(a, b)
                and not {self.universe[a].spatial, self.universe[b].spatial} <= families
            ):
                pairs.append((a, b))
        for a, b in pairs:
            if not any(self.universe[each].skypix for each in (a, b)):
                self._overlap(a, b)
            elif not self._related(a, b):
                raise InvalidQueryError(f"No overlaps are kept between {a!r} and {b!r}; query them apart")
        self.predicate = all_of(part for part in parts if part not in explicit)

    def _overlap(self, a: str, b: str) -> None:
        names = dict.fromkeys((*self.universe[a].required, *self.universe[b].required))
        self._add_table(self.schema.overlap_table(a, b).alias(), names)
