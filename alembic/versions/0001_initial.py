"""The fixed tables; those of dimension elements and groups are made when a repository is."""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None

ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
PATH = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "collection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", text(256), nullable=False),
        sa.Column("kind", text(16), nullable=False),
        sa.Column("doc", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("name", name=op.f("uq_collection_name")),
    )
    op.create_table(
        "dimension_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dimension_group")),
        sa.UniqueConstraint("names", name=op.f("uq_dimension_group_names")),
    )
    op.create_table(
        "repository",
        sa.Column("name", text(128), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_repository")),
    )
    op.create_table(
        "collection_chain",
        sa.Column("parent_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("child_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["collection.id"], name=op.f("fk_collection_chain_child_id")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["collection.id"], name=op.f("fk_collection_chain_parent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("parent_id", "position", name=op.f("pk_collection_chain")),
    )
    op.create_index(op.f("ix_collection_chain_child_id"), "collection_chain", ["child_id"], unique=False)
    op.create_table(
        "collection_summary_governor",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("governor", text(256), nullable=False),
        sa.Column("value", text(256), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_collection_summary_governor_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "collection_id", "governor", "value", name=op.f("pk_collection_summary_governor")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dataset_type",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", text(256), nullable=False),
        sa.Column("dimension_group_id", sa.Integer(), nullable=False),
        sa.Column("storage_class", text(256), nullable=False),
        sa.Column("is_calibration", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dimension_group_id"], ["dimension_group.id"], name=op.f("fk_dataset_type_dimension_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_type")),
        sa.UniqueConstraint("name", name=op.f("uq_dataset_type_name")),
    )
    op.create_table(
        "run",
        sa.Column("collection_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begin_ns", sa.BigInteger(), nullable=True),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("journal", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_run_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_run")),
    )
    op.create_table(
        "collection_summary",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("dataset_type_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_collection_summary_collection_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_type_id"],
            ["dataset_type.id"],
            name=op.f("fk_collection_summary_dataset_type_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "dataset_type_id", name=op.f("pk_collection_summary")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quantum",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("task_label", text(256), nullable=False),
        sa.Column("task_class", sa.Text(), nullable=False),
        sa.Column("data_id", sa.Text(), nullable=False),
        sa.Column("status", text(16), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("begin_ns", sa.BigInteger(), nullable=True),
        sa.Column("end_ns", sa.BigInteger(), nullable=True),
        sa.Column("cpu_s", sa.Double(), nullable=True),
        sa.Column("peak_memory", sa.BigInteger(), nullable=True),
        sa.Column("exception", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.collection_id"], name=op.f("fk_quantum_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quantum")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_quantum_run_id"), "quantum", ["run_id"], unique=False)
    op.create_table(
        "dataset",
        sa.Column("id", ID, nullable=False),
        sa.Column("dataset_type_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("ingest_ns", sa.BigInteger(), nullable=False),
        sa.Column("quantum_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_type_id"], ["dataset_type.id"], name=op.f("fk_dataset_dataset_type_id")
        ),
        sa.ForeignKeyConstraint(
            ["quantum_id"],
            ["quantum.id"],
            name=op.f("fk_dataset_quantum_id"),
            ondelete="SET NULL",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.collection_id"], name=op.f("fk_dataset_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_dataset_quantum_id"),
        "dataset",
        ["quantum_id"],
        unique=False,
        sqlite_where=sa.text("quantum_id IS NOT NULL"),
        postgresql_where=sa.text("quantum_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_dataset_run_id"), "dataset", ["run_id"], unique=False)
    op.create_table(
        "composite_part",
        sa.Column("composite_id", ID, nullable=False),
        sa.Column("component", text(256), nullable=False),
        sa.Column("part_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["composite_id"], ["dataset.id"], name=op.f("fk_composite_part_composite_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["part_id"], ["dataset.id"], name=op.f("fk_composite_part_part_id")),
        sa.PrimaryKeyConstraint("composite_id", "component", "part_id", name=op.f("pk_composite_part")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_composite_part_part_id"), "composite_part", ["part_id"], unique=False)
    op.create_table(
        "dataset_location",
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("component", text(256), nullable=False),
        sa.Column("store", text(128), nullable=False),
        sa.Column("path", PATH, nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("checksum", text(128), nullable=True),
        sa.Column("algorithm", text(32), nullable=True),
        sa.Column("formatter", sa.Text(), nullable=False),
        sa.Column("storage_class", text(256), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_location_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "component", "store", name=op.f("pk_dataset_location")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_dataset_location_path"), "dataset_location", ["path"], unique=False)
    op.create_table(
        "quantum_input",
        sa.Column("quantum_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("connection", text(256), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_quantum_input_dataset_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["quantum_id"], ["quantum.id"], name=op.f("fk_quantum_input_quantum_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("quantum_id", "dataset_id", "connection", name=op.f("pk_quantum_input")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_quantum_input_dataset_id"), "quantum_input", ["dataset_id"], unique=False)


def downgrade() -> None:
    for table in (
        "quantum_input",
        "dataset_location",
        "composite_part",
        "dataset",
        "quantum",
        "collection_summary",
        "run",
        "dataset_type",
        "collection_summary_governor",
        "collection_chain",
        "repository",
        "dimension_group",
        "collection",
    ):
        op.drop_table(table)
