"""NPY: any numpy array of plain numbers or text."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass


class NpyFormatter(Formatter):
    """numpy's own format, without pickled objects."""

    extension = ".npy"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        stream = io.BytesIO()
        try:
            np.save(stream, obj, allow_pickle=False)
        except ValueError as err:
            raise FormatterError("npy", str(err)) from err
        return stream.getbuffer()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the array, the caller's own."""
        with source.open() as stream:
            return np.load(stream, allow_pickle=False)
