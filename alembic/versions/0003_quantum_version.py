"""What the results of quanta depend on; quanta that ran before the migration have none and are not reused."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")


def text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "quantum_version",
        sa.Column("quantum_id", ID, nullable=False),
        sa.Column("code", text(256), nullable=False),
        sa.Column("config", text(32), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("n_outputs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["quantum_id"],
            ["quantum.id"],
            name=op.f("fk_quantum_version_quantum_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("quantum_id", name=op.f("pk_quantum_version")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("quantum_version")
