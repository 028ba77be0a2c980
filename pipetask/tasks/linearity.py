"""Linearity tables: signals that were measured, and those that would have been with a linear detector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from pipetask import PipetaskError


def linearized(image: npt.NDArray[np.floating], table: Table) -> npt.NDArray[np.floating]:
    """Return what a linear detector would have measured.

    Parameters
    ----------
    image : `numpy.ndarray`
        Signal above the bias [adu]. Not modified.
    table : `astropy.table.Table`
        Columns ``measured``, rising, and ``true`` [adu]. Beyond its ends the correction is that of the end.

    Raises
    ------
    PipetaskError
        If the table has no such columns, they hold no numbers, or ``measured`` doesn't rise.
    """
    if not {"measured", "true"} <= set(table.colnames):
        raise PipetaskError(
            f"A linearity table has columns measured and true; this one has {', '.join(table.colnames)}"
        )
    try:
        measured, true = (np.asarray(table[name], dtype=np.float64) for name in ("measured", "true"))
    except ValueError as err:
        raise PipetaskError(f"Columns measured and true of a linearity table are numbers: {err}") from err
    if not np.isfinite(true).all():
        raise PipetaskError(
            "Column true of a linearity table must be finite; leave out the rows that are not"
        )
    if len(measured) < 2 or not np.all(np.diff(measured) > 0):
        raise PipetaskError("Column measured of a linearity table must rise, with at least two rows")
    return (image + np.interp(image, measured, true - measured)).astype(image.dtype)
