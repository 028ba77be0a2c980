"""ECSV: astropy tables as text that people read, with types, units, descriptions and meta in the header."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass
from datastore.table_columns import select_columns

_QUANTITIES = re.compile(r"^#.*__class__: astropy\.units\.", re.MULTILINE)


class EcsvFormatter(Formatter):
    """Enhanced CSV; for small tables, as it is a hundred times slower than binary formats."""

    extension = ".ecsv"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the table as text."""
        from astropy.table import MaskedColumn
        from astropy.time import TimeBase
        from astropy.utils.masked import MaskedNDArray

        stream = io.StringIO()
        # Masks apart, so that an empty text is not taken for a missing one; times to the last bit.
        apart = {MaskedColumn: "data_mask", MaskedNDArray: "data_mask", TimeBase: "jd1_jd2"}
        try:
            obj.write(stream, format="ascii.ecsv", serialize_method=apart)
        except (TypeError, ValueError) as err:  # a type of column, or a value of meta
            raise FormatterError("ecsv", str(err)) from err
        return stream.getvalue().encode()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the table, or some of its columns."""
        from astropy.table import QTable, Table

        text = source.read_bytes().decode()
        kind = QTable if _QUANTITIES.search(text) else Table
        try:
            table = kind.read(text, format="ascii.ecsv", fill_values=None)
        except ValueError:  # of another program: a number that is missing is empty there
            table = kind.read(text, format="ascii.ecsv")
        if parameters:
            table = table[select_columns(table.colnames, parameters.get("columns"))]
        return table

    def component_of(self, obj: Any, component: str) -> Any:
        """Return the names of the columns, or the number of rows."""
        return {"columns": obj.colnames, "rowcount": len(obj)}[component]
