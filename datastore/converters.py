"""Conversions between storage classes that no type does for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def as_float32(image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return an image with float32 pixels, the same array if they are."""
    return image.astype(np.float32, copy=False)


def arrow_from_pandas(frame: Any) -> Any:
    """Return a pandas data frame as an arrow table; a default index is left out."""
    import pyarrow as pa

    return pa.Table.from_pandas(frame)


def pandas_from_arrow(table: Any) -> Any:
    """Return an arrow table as a pandas data frame."""
    return table.to_pandas()


def table_from_pandas(frame: Any) -> Any:
    """Return a pandas data frame as an astropy table."""
    from astropy.table import Table

    return Table.from_pandas(frame)


def pandas_from_table(table: Any) -> Any:
    """Return an astropy table as a pandas data frame."""
    return table.to_pandas()
