"""The fixed tables, the same in every repository; the first migration makes the same ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from registry.dialects.base import Dialect

REVISION = "0006"
"""The newest migration; the tables below are what it leaves."""

NAME_LENGTH = 256


class FixedTables:
    """The fixed tables, as attributes.

    Parameters
    ----------
    metadata : `sqlalchemy.MetaData`
        What they are added to.
    dialect : `Dialect`
        Gives the type of ids and the option for tables stored by key.
    """

    def __init__(self, metadata: MetaData, dialect: Dialect) -> None:
        clustered = dialect.clustered
        id_type = dialect.id_type
        text = partial(String, collation=dialect.collation)  # sorted by code point everywhere
        self.alembic_version = Table(
            "alembic_version",
            metadata,
            Column("version_num", String(32), nullable=False),
            PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),  # as alembic makes it
        )
        self.repository = Table(
            "repository", metadata, Column("name", text(128), primary_key=True), Column("value", Text)
        )
        self.dimension_group = Table(
            "dimension_group",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("names", Text, nullable=False, unique=True),
        )
        self.dataset_type = Table(
            "dataset_type",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("name", text(NAME_LENGTH), nullable=False, unique=True),
            Column("dimension_group_id", ForeignKey("dimension_group.id"), nullable=False),
            Column("storage_class", text(NAME_LENGTH), nullable=False),
            Column("is_calibration", Boolean, nullable=False),
        )
        self.collection = Table(
            "collection",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("name", text(NAME_LENGTH), nullable=False, unique=True),
            Column("kind", text(16), nullable=False),
            Column("doc", Text, nullable=False),
        )
        # The index serves "which chains hold this collection", asked when it is removed.
        self.collection_chain = Table(
            "collection_chain",
            metadata,
            Column("parent_id", ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True),
            Column("position", Integer, primary_key=True, autoincrement=False),
            Column("child_id", ForeignKey("collection.id"), nullable=False, index=True),
        )
        # The index serves "what happened to this collection"; the name, since the collection may be gone.
        self.collection_log = Table(
            "collection_log",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("collection", text(NAME_LENGTH), nullable=False, index=True),
            Column("edit_ns", BigInteger, nullable=False),
            Column("who", Text, nullable=False),
            Column("action", text(16), nullable=False),
            Column("detail", Text, nullable=False),
        )
        self.run = Table(
            "run",
            metadata,
            Column(
                "collection_id",
                ForeignKey("collection.id", ondelete="CASCADE"),
                primary_key=True,
                autoincrement=False,
            ),
            Column("begin_ns", BigInteger),
            Column("end_ns", BigInteger),
            Column("host", Text),
            Column("journal", Text),
        )
        # The index serves "what did this run do", and the removal of a run.
        self.quantum = Table(
            "quantum",
            metadata,
            Column("id", id_type, primary_key=True),
            Column("run_id", ForeignKey("run.collection_id", ondelete="CASCADE"), nullable=False, index=True),
            Column("task_label", text(NAME_LENGTH), nullable=False),
            Column("task_class", Text, nullable=False),
            Column("data_id", Text, nullable=False),
            Column("status", text(16), nullable=False),
            Column("host", Text),
            Column("pid", Integer),
            Column("begin_ns", BigInteger),
            Column("end_ns", BigInteger),
            Column("cpu_s", Double),
            Column("peak_memory", BigInteger),
            Column("exception", Text),
            Column("attempts", Integer, nullable=False),
            **clustered,
        )
        # The indices serve the removal of a run, and "what did this quantum make". The producer is checked at
        # commit, so that datasets and quanta of one report may be stored in either order.
        self.dataset = Table(
            "dataset",
            metadata,
            Column("id", id_type, primary_key=True),
            Column("dataset_type_id", ForeignKey("dataset_type.id"), nullable=False),
            Column("run_id", ForeignKey("run.collection_id"), nullable=False, index=True),
            Column("ingest_ns", BigInteger, nullable=False),
            Column(
                "quantum_id",
                id_type,
                ForeignKey("quantum.id", ondelete="SET NULL", deferrable=True, initially="DEFERRED"),
            ),
            **clustered,
        )
        produced = self.dataset.c.quantum_id.is_not(None)
        where: dict[str, Any] = {f"{dialect.name}_where": produced}
        Index(None, self.dataset.c.quantum_id, **where)
        self.quantum_input = Table(
            "quantum_input",
            metadata,
            Column("quantum_id", id_type, ForeignKey("quantum.id", ondelete="CASCADE"), primary_key=True),
            # No reference: what was read is known after it was purged.
            Column("dataset_id", id_type, primary_key=True, index=True),
            Column("connection", text(NAME_LENGTH), primary_key=True),
            **clustered,
        )
        # Of quanta that succeeded: what their results depend on, so that these can be used again.
        self.quantum_version = Table(
            "quantum_version",
            metadata,
            Column("quantum_id", id_type, ForeignKey("quantum.id", ondelete="CASCADE"), primary_key=True),
            Column("code", text(NAME_LENGTH), nullable=False),
            Column("config", text(32), nullable=False),
            Column("inputs", Text, nullable=False),
            Column("n_outputs", Integer, nullable=False),
            **clustered,
        )
        # What a quantum made that was not kept, and so is no dataset. The index serves "what did it make".
        self.temporary_dataset = Table(
            "temporary_dataset",
            metadata,
            Column("dataset_id", id_type, primary_key=True),
            Column("dataset_type", text(NAME_LENGTH), nullable=False),
            Column(
                "quantum_id",
                id_type,
                ForeignKey("quantum.id", ondelete="CASCADE"),
                nullable=False,
                index=True,
            ),
            **clustered,
        )
        self.collection_summary = Table(
            "collection_summary",
            metadata,
            Column("collection_id", ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True),
            Column("dataset_type_id", ForeignKey("dataset_type.id", ondelete="CASCADE"), primary_key=True),
            **clustered,
        )
        self.collection_summary_governor = Table(
            "collection_summary_governor",
            metadata,
            Column("collection_id", ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True),
            Column("governor", text(NAME_LENGTH), primary_key=True),
            Column("value", text(NAME_LENGTH), primary_key=True),
            **clustered,
        )
        # The index serves "who else has bytes in this file", asked before a file is removed.
        self.dataset_location = Table(
            "dataset_location",
            metadata,
            Column("dataset_id", id_type, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
            Column("component", text(NAME_LENGTH), primary_key=True),
            Column("store", text(128), primary_key=True),
            Column("path", Text(collation=dialect.collation), nullable=False, index=True),
            Column("offset", BigInteger, nullable=False),
            Column("size", BigInteger, nullable=False),
            Column("checksum", text(128)),
            Column("algorithm", text(32)),
            Column("formatter", Text, nullable=False),
            Column("storage_class", text(NAME_LENGTH), nullable=False),
            **clustered,
        )
        # The index serves "is this part in use", asked when a dataset is removed.
        self.composite_part = Table(
            "composite_part",
            metadata,
            Column("composite_id", id_type, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
            Column("component", text(NAME_LENGTH), primary_key=True),
            Column("part_id", id_type, ForeignKey("dataset.id"), primary_key=True, index=True),
            **clustered,
        )
        # What an object says of itself that it was made from: its table ``inputs``, a row each. The dataset
        # that is named need not be here. The index serves "what was made from this one".
        self.dataset_input = Table(
            "dataset_input",
            metadata,
            Column("dataset_id", id_type, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True),
            Column("position", Integer, primary_key=True, autoincrement=False),
            Column("input_id", id_type, index=True),
            Column("data_id", Text, nullable=False),
            **clustered,
        )
