"""Which quantum made what was not kept: the datasets that a pipeline calls temporary."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")


def text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "temporary_dataset",
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("dataset_type", text(256), nullable=False),
        sa.Column("quantum_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["quantum_id"],
            ["quantum.id"],
            name=op.f("fk_temporary_dataset_quantum_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dataset_id", name=op.f("pk_temporary_dataset")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_temporary_dataset_quantum_id"), "temporary_dataset", ["quantum_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_temporary_dataset_quantum_id"), table_name="temporary_dataset")
    op.drop_table("temporary_dataset")
