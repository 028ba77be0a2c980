"""The history of collections; for collections that exist it begins with the migration."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"


def text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "collection_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection", text(256), nullable=False),
        sa.Column("edit_ns", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", text(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_log")),
    )
    op.create_index(op.f("ix_collection_log_collection"), "collection_log", ["collection"], unique=False)


def downgrade() -> None:
    op.drop_table("collection_log")
