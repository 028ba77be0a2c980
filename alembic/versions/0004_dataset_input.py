"""What objects say that they were made from; datasets put before the migration say it in their files only."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "dataset_input",
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("input_id", ID, nullable=True),
        sa.Column("data_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_input_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_dataset_input")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_dataset_input_input_id"), "dataset_input", ["input_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_dataset_input_input_id"), table_name="dataset_input")
    op.drop_table("dataset_input")
