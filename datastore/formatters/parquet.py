"""Parquet: tables by columns, with units, descriptions and meta in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datastore.arrow_astropy import column_names, to_arrow
from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass
from datastore.table_columns import select_columns


class ParquetFormatter(Formatter):
    """Arrow tables, and what converts to them, zstd-compressed."""

    extension = ".parq"
    components = frozenset({"columns", "rowcount"})

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        stream = pa.BufferOutputStream()
        try:
            pq.write_table(_as_arrow(obj), stream, compression="zstd")
        except pa.ArrowException as err:  # a type of column
            raise FormatterError("parquet", f"{storage_class.name}: {err}") from err
        return memoryview(stream.getvalue())

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the table, or some of its columns."""
        import pyarrow.parquet as pq

        with source.open() as stream, pq.ParquetFile(stream) as file:
            if component == "rowcount":
                return file.metadata.num_rows
            stored = list(file.schema_arrow.names)
            is_arrow = storage_class.pytype_name.startswith("pyarrow.")
            names = stored if is_arrow else column_names(file.schema_arrow)
            if component == "columns":
                return names
            wanted = select_columns(names, parameters.get("columns"))
            columns = wanted if set(wanted) <= set(stored) else stored
            table = storage_class.take(file.read(columns=columns).select(columns))
        return table if columns is wanted else table[wanted]


def _as_arrow(obj: Any) -> Any:
    """Return a table of any kind as an arrow table."""
    import pyarrow as pa

    if isinstance(obj, pa.Table):
        return obj
    if type(obj).__module__.startswith("pandas"):
        return pa.Table.from_pandas(obj)
    return to_arrow(obj)
