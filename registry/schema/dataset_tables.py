"""Tables made for a dimension group in use: which dataset a collection holds for a data ID, and when."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table

from registry.dialects.base import Dialect
from registry.dimensions.group import DimensionGroup
from registry.schema.dimension_tables import key_columns
from registry.schema.naming import REFERENCES, calibration_table_name, dataset_table_name


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
    # removal of a collection the collection alone. There are no foreign keys, since checks of every row cost
    # PostgreSQL more than inserting it (benchmarks/registry.py). Rows of a RUN come with their datasets, tags
    # and validity ranges are added under the lock that removals take, and dimension records, which are never
    # removed, are looked up in bulk.
    table = Table(
        name,
        metadata,
        Column("collection_id", Integer, primary_key=True, autoincrement=False),
        Column("dataset_type_id", Integer, primary_key=True, autoincrement=False),
        *key_columns(group.universe, group.required, dialect),
        *validity,
        Column("dataset_id", dialect.id_type, nullable=False),
        info={
            REFERENCES: {
                "collection_id": "collection",
                "dataset_type_id": "dataset_type",
                "dataset_id": "dataset",
            }
        },
        **dialect.clustered,
    )
    # Serves "what is the data ID of this dataset", and its removal.
    Index(None, table.c.dataset_id)
    return table
