"""What a query asks for, and the database that it asks: from names to what can be selected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Select, Table, insert, select

from registry.dataset_type import DatasetType
from registry.dimensions.element import DimensionElement
from registry.dimensions.group import DimensionGroup
from registry.errors import InvalidQueryError
from registry.query.join import Relation
from registry.query.regions import resolve
from registry.query.searches import Search
from registry.query.select import Order, data_id_select
from registry.query.tree import FALSE, TRUE, Column, Predicate, all_of
from registry.query.where import constants, constrain, dimensions_of, missing_governors
from registry.schema.dimension_tables import key_columns

if TYPE_CHECKING:
    from registry.collections.base import CollectionInfo
    from registry.queries import Queries

Names = Sequence[str]


@dataclass(frozen=True, slots=True)
class DatasetJoin:
    """A search that a query joins.

    Attributes
    ----------
    dataset_type : `DatasetType`
        What to search for, registered.
    collections : `tuple` [`str`] or `None`
        Where, in order; `None` stands for the default collections.
    """

    dataset_type: DatasetType
    collections: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Spec:
    """What a query joins, and what it demands.

    Attributes
    ----------
    dimensions : `DimensionGroup`
        All dimensions joined so far.
    predicate : condition
        What the user demands.
    datasets : `tuple` [`DatasetJoin`]
        Datasets that must exist.
    given : `tuple` [`Relation`]
        Data IDs that were handed in, or stored on the way.
    """

    dimensions: DimensionGroup
    predicate: Predicate = TRUE
    datasets: tuple[DatasetJoin, ...] = ()
    given: tuple[Relation, ...] = ()

    def joined(self, dimensions: DimensionGroup) -> Spec:
        """Return the same with more dimensions."""
        return replace(self, dimensions=self.dimensions | dimensions)

    def restricted(self, predicate: Predicate) -> Spec:
        """Return the same with a further condition."""
        named = dimensions_of(predicate, self.dimensions.universe)
        return replace(self.joined(named), predicate=all_of([self.predicate, predicate]))


@dataclass(frozen=True, slots=True)
class Plan:
    """What `registry.query.select` needs to know of a query.

    Attributes
    ----------
    predicate : condition
        Resolved, governor dimensions included.
    relations : `tuple` [`Relation`]
        Data IDs and pixels to join.
    searches : `tuple` [`Search`]
        Datasets to join.
    """

    predicate: Predicate
    relations: tuple[Relation, ...]
    searches: tuple[Search, ...]


class Source:
    """The database of a query, and the defaults for what the query does not say.

    Parameters
    ----------
    registry : `Queries`
        Whose database to ask.
    default_collections : callable, optional
        Returns what is searched where a query names no collections, given the instrument if it is known.
    default_data_id : mapping, optional
        Values of governor dimensions that a query does not name.
    check_values : `bool`, optional
        Whether conditions may only name values of governor dimensions that there are.
    """

    def __init__(
        self,
        registry: Queries,
        default_collections: Callable[[str | None], Names] | None = None,
        default_data_id: Mapping[str, Any] | None = None,
        *,
        check_values: bool = True,
    ) -> None:
        self.registry = registry
        self.universe = registry.universe
        self.schema = registry._schema
        self.db = registry._db
        self.types = registry._types
        self.records = registry._records
        self.name_of = registry.collections.name_of
        self._default_collections = default_collections
        self._default_data_id = dict(default_data_id or {})
        self.values_for_conditions = self.known if check_values else None
        self._stored: list[Table] = []
        self._number = count()
        self._closed = False

    # From names to plans

    def plan(self, spec: Spec, result: str = "", *, find_first: bool = False) -> Plan | None:
        """Return what to select, or `None` if it is known that there is nothing.

        Parameters
        ----------
        spec : `Spec`
            The query.
        result : `str`, optional
            Dataset type whose datasets are the result.
        find_first : `bool`, optional
            Whether of these only the first of each data ID counts.
        """
        if self._closed and spec.given:
            raise InvalidQueryError("The 'with' block of this query has ended; ask inside it")
        constrained = self.constrained(spec)
        if constrained == FALSE:
            return None
        searches = []
        for each in spec.datasets:
            found = self.candidates(each, constrained)
            if not found:
                return None
            first = find_first and each.dataset_type.name == result
            searches.append(self._search(each.dataset_type.name, found, find_first=first))
        predicate = resolve(constrained, self.schema, self.db.fetch)
        relations = [*spec.given]
        if any(self.universe[name].skypix for name in spec.dimensions.required):
            from registry.query.pixels import pixel_relations

            others = [search.dimensions for search in searches] + [each.dimensions for each in relations]
            relations += pixel_relations(self.schema, self.db.fetch, spec.dimensions, predicate, others)
        return Plan(predicate, tuple(relations), tuple(searches))

    def constrained(self, spec: Spec) -> Predicate:
        """Return the condition of a query with governor dimensions that need not be named."""
        only = {}
        for name in missing_governors(spec.predicate, spec.dimensions):
            if name in self._default_data_id:
                only[name] = self._default_data_id[name]
            elif len(values := self.known(name)) == 1:
                only[name] = values[0]
        given = {name for relation in spec.given for name in relation.dimensions.governors}
        return constrain(spec.predicate, spec.dimensions, only, given)

    def known(self, governor: str) -> list[Any]:
        """Return the values of a governor dimension."""
        column = self.schema.element_table(governor).c[governor]
        return self.db.cached(
            "records",
            ("governor", governor),
            lambda: [row[0] for row in self.db.fetch(select(column).order_by(column))],
        )

    def collections(self, join: DatasetJoin, predicate: Predicate) -> Names:
        """Return the names of what is searched."""
        if join.collections is not None:
            return join.collections
        if self._default_collections is None:
            raise InvalidQueryError(f"Name the collections to search for {join.dataset_type.name!r}")
        return self._default_collections(constants(predicate).get("instrument"))

    def candidates(self, join: DatasetJoin, predicate: Predicate) -> list[CollectionInfo]:
        """Return the collections that may hold datasets, in the order of the search."""
        entry = self.types.entry(join.dataset_type.name)
        names = self.collections(join, predicate)
        return self.registry._finder.candidates(entry, names, constants(predicate)) if names else []

    def _search(self, name: str, found: Sequence[CollectionInfo], *, find_first: bool) -> Search:
        entry = self.types.entry(name)
        members = [info for info in found if info.kind != "CALIBRATION"]
        return Search(
            name,
            entry.dataset_type.dimensions,
            entry.id,
            entry.group_id,
            members=tuple(info.id for info in members),
            certified=tuple(info.id for info in found if info.kind == "CALIBRATION"),
            runs_only=all(info.kind == "RUN" for info in members),
            find_first=find_first,
        )

    # Asking

    def select(
        self,
        plan: Plan,
        dimensions: DimensionGroup,
        *,
        fields: Sequence[Column] = (),
        records: Sequence[DimensionElement] = (),
        implied: bool = True,
        nulls: bool = False,
        order: Order = (),
        limit: int | None = None,
    ) -> Select[Any]:
        """Return the select of a plan; see `registry.query.select.data_id_select`."""
        return data_id_select(
            self.schema,
            dimensions,
            plan.predicate,
            relations=plan.relations,
            searches=plan.searches,
            fields=fields,
            records=records,
            implied=implied,
            nulls=nulls,
            order=order,
            limit=limit,
        )

    def pages(self, statement: Select[Any], most: int | None) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a select, at most so many if that is known, some thousands at a time."""
        return self.db.stream(statement, most)

    def any(self, statement: Select[Any]) -> bool:
        """Return whether a select has rows."""
        return bool(self.db.fetch(statement.limit(1)))

    # Storing on the way

    def store(self, statement: Select[Any] | None, dimensions: DimensionGroup) -> Relation:
        """Keep the rows of a select (columns ``dimensions.required``), if any, in a table until `close`."""
        columns = key_columns(self.universe, dimensions.required, self.schema.dialect)
        name = f"query_{id(self):x}_{next(self._number)}"
        table = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
        table.create(self.db.session.connection)
        self._stored.append(table)
        if statement is not None:
            self.db.execute(insert(table).from_select([column.name for column in columns], statement))
        return Relation(table, dimensions)

    def close(self) -> None:
        """Remove what was stored."""
        self._closed = True
        for table in self._stored:
            table.drop(self.db.session.connection)
        self._stored.clear()
