"""Tables made for a dimension group in use: which dataset a collection holds for a data ID, and when."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table

from registry.dialects.base import Dialect
from registry.dimensions.group import DimensionGroup
from registry.schema.dimension_tables import key_columns
from registry.schema.naming import calibration_table_name, dataset_table_name


def dataset_table(group_id: int, group: DimensionGroup, metadata: MetaData, dialect: Dialect) -> Table:
    """Return the table of the datasets that RUN and TAGGED collections hold for a group's data IDs."""
    return _member_table(dataset_table_name(group_id), group, [], metadata, dialect)


def calibration_table(group_id: int, group: DimensionGroup, metadata: MetaData, dialect: Dialect) -> Table:
    """Return the table of the datasets that CALIBRATION collections hold for a group's data IDs."""
    validity: list[Column[int]] = [
        Column("begin_ns", BigInteger, primary_key=True, autoincrement=False),
        Column("end_ns", BigInteger, nullable=False),
    ]
    return _member_table(calibration_table_name(group_id), group, validity, metadata, dialect)


def _member_table(
    name: str, group: DimensionGroup, validity: list[Column[int]], metadata: MetaData, dialect: Dialect
) -> Table:
    # The collection comes first in the key: a search names collection, dataset type and dimensions, the
    # removal of a collection the collection alone. Only the dataset has a foreign key, since checks of every
    # row cost PostgreSQL more than inserting it (benchmarks/registry.py): keys of the dataset say the same of
    # run and type, tags and validity ranges are added under the lock that removals take, and dimension
    # records are looked up in bulk before datasets are inserted, and never removed.
    table = Table(
        name,
        metadata,
        Column("collection_id", Integer, primary_key=True, autoincrement=False),
        Column("dataset_type_id", Integer, primary_key=True, autoincrement=False),
        *key_columns(group.universe, group.required, dialect),
        *validity,
        Column("dataset_id", dialect.id_type, ForeignKey("dataset.id", ondelete="CASCADE"), nullable=False),
        **dialect.clustered,
    )
    # Serves "what is the data ID of this dataset", and its removal.
    Index(None, table.c.dataset_id)
    return table
