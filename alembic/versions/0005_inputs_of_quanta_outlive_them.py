"""What quanta read is known after it was purged: the row stays when the dataset goes."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
FOREIGN = "fk_quantum_input_dataset_id"
COLUMNS = "quantum_id, dataset_id, connection"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint(FOREIGN, "quantum_input", type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM quantum_input WHERE dataset_id NOT IN (SELECT id FROM dataset)")
    if op.get_context().dialect.name == "sqlite":
        _make_anew(
            sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f(FOREIGN), ondelete="CASCADE")
        )
    else:
        op.create_foreign_key(FOREIGN, "quantum_input", "dataset", ["dataset_id"], ["id"], ondelete="CASCADE")


def _make_anew(*constraints: sa.Constraint) -> None:
    """Make the table with other constraints, which SQLite can't change."""
    op.drop_index(op.f("ix_quantum_input_dataset_id"), table_name="quantum_input")
    op.rename_table("quantum_input", "old_quantum_input")
    op.create_table(
        "quantum_input",
        sa.Column("quantum_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=False),
        sa.Column("connection", sa.String(256), nullable=False),
        *constraints,
        sa.ForeignKeyConstraint(
            ["quantum_id"], ["quantum.id"], name=op.f("fk_quantum_input_quantum_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("quantum_id", "dataset_id", "connection", name=op.f("pk_quantum_input")),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO quantum_input ({COLUMNS}) SELECT {COLUMNS} FROM old_quantum_input")  # noqa: S608
    op.drop_table("old_quantum_input")
    op.create_index(op.f("ix_quantum_input_dataset_id"), "quantum_input", ["dataset_id"], unique=False)
