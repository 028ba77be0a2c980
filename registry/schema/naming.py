"""Names of tables made at run time, and the rule by which constraints are named."""

from __future__ import annotations

# Every constraint has a name, so that a migration can alter it on either database.
CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

CIRCLE = ("circle_x", "circle_y", "circle_z", "circle_radius")
"""Columns of a region's bounding circle: unit vector of its centre, radius [rad]."""

REFERENCES = "references"
"""Key of a table's `info`: columns that hold the ``id`` of other tables without a constraint that says so."""


def dataset_table_name(group_id: int) -> str:
    """Name of the table that says which dataset each collection holds for a data ID."""
    return f"dataset_{group_id}"


def calibration_table_name(group_id: int) -> str:
    """Name of the table that says which dataset is valid when, for a data ID."""
    return f"calibration_{group_id}"


def overlap_table_name(a: str, b: str) -> str:
    """Name of the table of overlaps on the sky between records of two dimension elements."""
    return f"overlap_{a}_{b}"
