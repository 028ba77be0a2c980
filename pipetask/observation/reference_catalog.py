"""Reference catalogs: any table of stars becomes datasets, one per triangle of the sky (htm7)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler import Butler, DatasetType, add_to_defaults
from pipetask.butler.defaults import instruments
from pipetask.errors import PipetaskError

if TYPE_CHECKING:
    from astropy.table import Table

LEVEL = 7


@dataclass(frozen=True, slots=True)
class ReferenceReport:
    """What an ingest of a reference catalog did: sources and shards in this run."""

    run: str
    sources: int
    shards: int


def ingest_reference_catalog(
    butler: Butler,
    source: str | os.PathLike[str] | Table,
    dataset_type: str,
    *,
    columns: Mapping[str, str] | None = None,
    format: str | None = None,
) -> ReferenceReport:
    """Divide a table by triangles of the sky and store each part.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    source : path or `astropy.table.Table`
        The table, or a file that astropy can read.
    dataset_type : `str`
        Name of the dataset type, which is registered if need be; the run is ``refcats/<name>``, which becomes
        part of the default inputs of all instruments.
    columns : mapping, optional
        New names of columns by old ones. Afterwards there must be ``ra`` and ``dec`` [deg, ICRS]; magnitudes
        are found as ``mag_<band>``. An ``id`` is made if there is none. All other columns are kept.
    format : `str`, optional
        Format of the file, as astropy names them; guessed by default.

    Raises
    ------
    PipetaskError
        If the file or the columns can't be used.
    """
    table = _read(source, columns or {}, format)
    if not len(table):
        raise PipetaskError("The reference catalog has no rows; nothing was stored")
    ra, dec = (np.asarray(np.ma.filled(table[name], np.nan), dtype=np.float64) for name in ("ra", "dec"))
    wrong = ~(np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90))
    if wrong.any():
        raise PipetaskError(
            f"Row {int(np.argmax(wrong))} of the reference catalog has no position on the sky: "
            f"ra={ra[np.argmax(wrong)]}, dec={dec[np.argmax(wrong)]}; take such rows out"
        )
    pixels = _pixels(ra, dec)
    order = np.argsort(pixels, kind="stable")
    numbers, first = np.unique(pixels[order], return_index=True)
    kind = DatasetType(dataset_type, [f"htm{LEVEL}"], "ArrowAstropy", universe=butler.dimensions)
    run = f"refcats/{dataset_type}"
    with butler.transaction():
        butler.register_dataset_type(kind)
        butler.collections.register(run, "RUN", f"Reference catalog {dataset_type}")
        for number, rows in zip(numbers.tolist(), np.split(order, first[1:]), strict=True):
            butler.put(table[np.sort(rows)], dataset_type, run=run, **{f"htm{LEVEL}": number})
        for instrument in instruments(butler):
            add_to_defaults(butler, instrument, run)
    return ReferenceReport(run, len(table), len(numbers))


def _read(source: Any, columns: Mapping[str, str], format: str | None) -> Table:
    from astropy.table import Table

    if isinstance(source, Table):
        table = source.copy()
    else:
        try:
            table = Table.read(os.fspath(source), format=format)
        except (OSError, ValueError) as err:
            raise PipetaskError(f"{os.fspath(source)} can't be read as a table: {err}") from err
    for old, new in columns.items():
        if old not in table.colnames:
            raise PipetaskError(f"The table has no column {old!r}; it has {', '.join(table.colnames)}")
        table.rename_column(old, new)
    missing = {"ra", "dec"} - set(table.colnames)
    if missing:
        raise PipetaskError(
            f"The table has no column {' nor '.join(sorted(missing))}; it has {', '.join(table.colnames)}. "
            "Name them with --column OLD=NEW"
        )
    if "id" not in table.colnames:
        table.add_column(np.arange(1, len(table) + 1), name="id", index=0)
    return table


def _pixels(ra: Any, dec: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

    pixelization = HtmPixelization(LEVEL)
    # sphgeom has no form for arrays
    return np.fromiter(
        (
            pixelization.index(UnitVector3d(LonLat.fromDegrees(*place)))
            for place in zip(ra.tolist(), dec.tolist(), strict=True)
        ),
        dtype=np.int64,
        count=len(ra),
    )
