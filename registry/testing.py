"""Conformance suites: subclass one, name what is to be tested, and the contract's laws are run on it.

The suites read and write around what they test where they can, so that it cannot vouch for itself.
"""

# ruff: noqa: D102 - the names of the tests say what they check

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
from sqlalchemy import Column, Connection, ForeignKey, Integer, MetaData, Table, Text, select
from sqlalchemy.exc import IntegrityError

from registry.collections.base import CollectionInfo, CollectionKind, Kind
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dialects.base import Dialect, Mode, OnConflict, dialect_for
from registry.errors import CollectionExistsError, MissingCollectionError, OrphanedRecordError
from registry.registry import Registry
from registry.timespan import Timespan

Connect = Callable[[Mode], Connection]


class DialectSuite:
    """Laws of a `Dialect`; a subclass gives the fixture ``url``, that of an empty database."""

    @pytest.fixture
    def url(self) -> str:
        """URL of an empty database."""
        raise NotImplementedError

    @pytest.fixture
    def dialect(self, url: str) -> Dialect:
        """The dialect of the URL."""
        return dialect_for(url)

    @pytest.fixture
    def connect(self, dialect: Dialect, url: str) -> Iterator[Connect]:
        """Opens connections, closed after the test."""
        opened: list[Connection] = []

        def connect(mode: Mode) -> Connection:
            opened.append(dialect.make_engine(url, mode).connect())
            return opened[-1]

        yield connect
        for connection in opened:
            connection.close()

    @pytest.fixture
    def tables(self, dialect: Dialect, connect: Connect) -> tuple[Table, Table]:
        """A table of parents with an id of 16 bytes, and one of children that refer to them."""
        metadata = MetaData()
        parent = Table(
            "parent", metadata, Column("id", dialect.id_type, primary_key=True), **dialect.clustered
        )
        child = Table(
            "child",
            metadata,
            Column("a", Integer, primary_key=True),
            Column("b", Text(collation=dialect.collation)),
            Column("parent_id", dialect.id_type, ForeignKey("parent.id")),
        )
        metadata.create_all(connect("create"))
        return parent, child

    @pytest.fixture
    def connection(self, tables: tuple[Table, Table], connect: Connect) -> Connection:
        """A connection to the database with `tables`."""
        return connect("write")

    def test_ids_come_back_as_the_bytes_that_went_in(
        self, dialect: Dialect, connection: Connection, tables: tuple[Table, Table]
    ) -> None:
        ids = [bytes(range(16)), b"\0" * 16, b"\xff" * 15 + b"\0"]
        assert dialect.insert(connection, tables[0], ["id"], [(id,) for id in ids]) == 3
        found = {bytes(row[0]) for row in connection.execute(select(tables[0].c.id))}
        assert found == set(ids)

    @pytest.mark.parametrize("n", [2, 300])
    @pytest.mark.parametrize(("policy", "written", "kept"), [("skip", -1, "old"), ("replace", 0, "new")])
    def test_conflicts_are_skipped_or_replaced_and_counted(
        self,
        dialect: Dialect,
        connection: Connection,
        tables: tuple[Table, Table],
        n: int,
        policy: OnConflict,
        written: int,
        kept: str,
    ) -> None:
        child = tables[1]
        dialect.insert(connection, child, ["a", "b"], [(1, "old")])
        rows = [(i, "new") for i in range(n)]
        assert dialect.insert(connection, child, ["a", "b"], rows, policy) == n + written
        left = {row.a: row.b for row in connection.execute(select(child.c.a, child.c.b))}
        assert left == dict.fromkeys(range(n), "new") | {1: kept}

    def test_of_two_rows_of_one_key_the_last_replaces(
        self, dialect: Dialect, connection: Connection, tables: tuple[Table, Table]
    ) -> None:
        dialect.insert(connection, tables[1], ["a", "b"], [(1, "x"), (1, "y")], "replace")
        assert connection.execute(select(tables[1].c.b)).scalar_one() == "y"

    def test_text_sorts_by_code_point(
        self, dialect: Dialect, connection: Connection, tables: tuple[Table, Table]
    ) -> None:
        child, texts = tables[1], ["b", "B", "_", "a", "é", "Z9", "Z10"]
        dialect.insert(connection, child, ["a", "b"], list(enumerate(texts)))
        query = select(child.c.b).order_by(child.c.b)
        assert connection.execute(query).scalars().all() == sorted(texts)
        assert {row for (row,) in connection.execute(select(child.c.b).where(child.c.b < "a"))} == {
            text for text in texts if text < "a"
        }

    def test_columns_may_come_in_any_order(
        self, dialect: Dialect, connection: Connection, tables: tuple[Table, Table]
    ) -> None:
        child = tables[1]
        dialect.insert(connection, child, ["b", "a"], [("x", 1)])
        assert tuple(connection.execute(select(child.c.a, child.c.b)).one()) == (1, "x")

    @pytest.mark.parametrize("n", [2, 300])
    def test_broken_rules_are_told_apart_and_the_transaction_goes_on(
        self, dialect: Dialect, connection: Connection, tables: tuple[Table, Table], n: int
    ) -> None:
        child = tables[1]
        dialect.begin(connection, durable=False)
        dialect.insert(connection, child, ["a"], [(1,)])
        with pytest.raises(IntegrityError) as caught:
            dialect.insert(connection, child, ["a"], [(i,) for i in range(n, 0, -1)])
        assert dialect.violation(caught.value) == "unique"
        with pytest.raises(IntegrityError) as caught:
            dialect.insert(connection, child, ["a", "parent_id"], [(2 + i, b"x" * 16) for i in range(n)])
        assert dialect.violation(caught.value) == "foreign key"
        assert connection.execute(select(child.c.a)).scalars().all() == [1]
        dialect.commit(connection)

    def test_only_those_that_lock_wait_for_a_lock(
        self, dialect: Dialect, connection: Connection, connect: Connect
    ) -> None:
        reader = connect("read")
        dialect.begin(connection, durable=False)
        dialect.lock(connection)
        assert dialect.change_counter(reader) is not None
        dialect.commit(connection)

    def test_a_rolled_back_transaction_leaves_neither_rows_nor_tables(
        self, dialect: Dialect, connection: Connection, connect: Connect, tables: tuple[Table, Table]
    ) -> None:
        dialect.begin(connection, durable=True)
        dialect.insert(connection, tables[1], ["a"], [(1,)])
        late = Table("late", MetaData(), Column("a", Integer))
        late.create(connection)
        connection.exec_driver_sql("ROLLBACK")
        other = connect("write")
        assert other.execute(select(tables[1])).all() == []
        assert not other.dialect.has_table(other, "late")

    def test_commits_of_others_change_the_counter_and_nothing_else_does(
        self, dialect: Dialect, connection: Connection, connect: Connect, tables: tuple[Table, Table]
    ) -> None:
        other = connect("write")
        before = dialect.change_counter(other)
        assert dialect.change_counter(other) == before
        dialect.begin(connection, durable=False)
        dialect.insert(connection, tables[1], ["a"], [(1,)])
        assert dialect.change_counter(other) == before
        connection.exec_driver_sql("COMMIT")
        assert dialect.change_counter(other) != before

    def test_a_reader_does_not_see_what_is_not_committed(
        self, dialect: Dialect, connection: Connection, connect: Connect, tables: tuple[Table, Table]
    ) -> None:
        reader = connect("read")
        dialect.begin(connection, durable=False)
        dialect.insert(connection, tables[1], ["a"], [(1,)])
        assert reader.execute(select(tables[1].c.a)).all() == []
        connection.exec_driver_sql("COMMIT")
        assert reader.execute(select(tables[1].c.a)).scalar_one() == 1


class CollectionSuite:
    """Laws of a `CollectionKind`; a subclass names the kind and gives the fixtures.

    ``registry`` must hold at least two datasets, ``refs``, of a type registered with isCalibration.
    """

    kind: ClassVar[CollectionKind]

    @pytest.fixture
    def registry(self) -> Registry:
        """A registry with datasets."""
        raise NotImplementedError

    @pytest.fixture
    def refs(self, registry: Registry) -> list[DatasetRef]:
        """Some of its datasets, of different data IDs."""
        raise NotImplementedError

    @pytest.fixture
    def info(self, registry: Registry) -> CollectionInfo:
        """A new, empty collection of the kind."""
        registry.collections.register("new", self.kind.name, "what for")
        return registry.collections.get_info("new")

    def fill(self, registry: Registry, refs: list[DatasetRef]) -> bool:
        """Add datasets to the collection ``new``; return whether the kind can hold any that exist."""
        kind = self.kind.name
        if kind == "TAGGED":
            registry.collections.associate("new", refs)
        elif kind == "CALIBRATION":
            registry.collections.certify("new", refs, Timespan(None, None))
        return kind in ("TAGGED", "CALIBRATION")

    def test_registering_twice_changes_nothing(self, registry: Registry, info: CollectionInfo) -> None:
        assert not registry.collections.register("new", self.kind.name)
        assert registry.collections.get_info("new") == info
        assert (info.kind, info.doc, info.children) == (self.kind.name, "what for", ())

    def test_a_name_has_one_kind(self, registry: Registry, info: CollectionInfo) -> None:
        others: list[Kind] = [kind for kind in ("RUN", "TAGGED") if kind != info.kind]
        with pytest.raises(CollectionExistsError, match=info.kind):
            registry.collections.register("new", others[0])

    def test_members_are_those_that_were_added(
        self, registry: Registry, info: CollectionInfo, refs: list[DatasetRef]
    ) -> None:
        dataset_type: DatasetType = refs[0].datasetType
        added = self.fill(registry, refs)
        assert self.kind.may_contain(dataset_type) == added
        query = self.kind.member_query(registry._schema, info, registry._types.entry(dataset_type))
        members = set() if query is None else {row[0] for row in registry._db.fetch(query)}
        assert members == ({ref.id.bytes for ref in refs} if added else set())

    def test_a_collection_in_a_chain_is_not_removed(self, registry: Registry, info: CollectionInfo) -> None:
        registry.collections.register("above", "CHAINED")
        registry.collections.set_chain("above", [info.name])
        with pytest.raises(OrphanedRecordError, match="above"):
            registry.collections.remove(info.name)
        assert registry.collections.get_info(info.name) == info

    def test_removal_leaves_no_row_behind_and_no_dataset_is_lost(
        self, registry: Registry, info: CollectionInfo, refs: list[DatasetRef]
    ) -> None:
        self.fill(registry, refs)
        registry.collections.remove(info.name)
        with pytest.raises(MissingCollectionError):
            registry.collections.get_info(info.name)
        for table in registry._schema.metadata.tables.values():
            for column in table.columns:
                if column.name in ("collection_id", "parent_id", "child_id", "run_id"):
                    assert registry._db.fetch(select(column).where(column == info.id)) == []
        assert registry.get_datasets([ref.id for ref in refs]) == refs
