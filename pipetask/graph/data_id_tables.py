"""Tables of data IDs from files: what ``--data-id-table`` restricts a graph to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipetask.butler import suggest
from pipetask.errors import DataIdTableError
from pipetask.graph.join import Relation

if TYPE_CHECKING:
    from astropy.table import Table

    from pipetask.butler import DimensionUniverse
    from pipetask.graph.codes import Codebooks

_FORMATS = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv"}
_KINDS = {"int": "iu", "string": "U"}
_NOUNS = {"int": "whole numbers", "string": "text"}


@dataclass(frozen=True, slots=True)
class DataIdTable:
    """Data IDs, one per row; dimensions without a column may have any value.

    Parameters
    ----------
    name : `str`
        What messages call it: the file.
    columns : `~collections.abc.Mapping`
        Values by dimension, of equal length.
    """

    name: str
    columns: Mapping[str, Any]

    @classmethod
    def from_file(cls, path: str | Path) -> DataIdTable:
        """Read any file that `astropy.table.Table.read` can: CSV, ECSV, Parquet, FITS, VOTable, ….

        Raises
        ------
        DataIdTableError
            If it can't be read.
        """
        from astropy.table import Table

        given = Path(path)
        suffix = given.suffix.lower()
        try:
            if suffix in (".parquet", ".parq"):
                table = Table(_parquet_columns(given))
            else:
                table = Table.read(given, format=_FORMATS.get(suffix))
        except Exception as err:  # readers raise what they like
            reason = (
                getattr(err, "strerror", None) or (str(err).strip().splitlines() or [type(err).__name__])[0]
            )
            raise DataIdTableError(
                f"Can't read the table of data IDs '{path}': {reason}. Give a CSV, ECSV, Parquet, FITS or "
                "VOTable file whose columns are dimensions."
            ) from err
        return cls.from_table(str(path), table)

    @classmethod
    def from_table(cls, name: str, table: Table) -> DataIdTable:
        """Take the columns of an astropy table.

        Raises
        ------
        DataIdTableError
            If a value is missing.
        """
        columns = {}
        for column in table.colnames:
            values = table[column]
            if (missing := np.flatnonzero(getattr(values, "mask", np.zeros(0, bool)))).size:
                raise DataIdTableError(
                    f"Column '{column}' of the table of data IDs '{name}' has no value in row "
                    f"{int(missing[0]) + 1}. Fill it in, or leave the row out."
                )
            array = np.asarray(values)
            native = array.astype(array.dtype.newbyteorder("="))
            columns[column] = native.astype(str) if native.dtype.kind in "SO" else native
        return cls(name, columns)

    def relation(self, universe: DimensionUniverse, codebooks: Codebooks) -> Relation:
        """Encode the rows.

        Raises
        ------
        DataIdTableError
            If a column is no dimension, or has values of another type.
        """
        if not self.columns:
            raise DataIdTableError(f"The table of data IDs '{self.name}' has no columns.")
        columns = {}
        for name, values in self.columns.items():
            if name not in universe or not universe[name].is_dimension:
                known = [element.name for element in universe.dimensions]
                raise DataIdTableError(
                    f"Column '{name}' of the table of data IDs '{self.name}' is no dimension"
                    f"{suggest(name, known) or '.'} Leave it out, or name it after one."
                )
            dimension = universe[name]
            wanted = dimension.key.type if dimension.key is not None else "int"
            # A column of text may look like numbers in a file without types.
            column = values.astype(str) if wanted == "string" and values.dtype.kind in "iu" else values
            if len(column) and column.dtype.kind not in _KINDS[wanted]:
                raise DataIdTableError(
                    f"Column '{name}' of the table of data IDs '{self.name}' holds {column[0].item()!r}, but "
                    f"values of {name} are {_NOUNS[wanted]}."
                )
            columns[dimension.name] = column
        return Relation.encode(f"data IDs of {self.name}", columns, codebooks).distinct(codebooks)


def _parquet_columns(path: Path) -> dict[str, list[Any]]:
    """Read a Parquet file, which astropy can do only where pandas is installed."""
    from pyarrow import parquet

    columns = parquet.read_table(path).to_pydict()
    return {
        name: [np.ma.masked if value is None else value for value in values]
        for name, values in columns.items()
    }
