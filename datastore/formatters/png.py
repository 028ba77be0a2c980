"""PNG: figures of matplotlib, written for people."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass


class PngFormatter(Formatter):
    """A picture of a figure; the figure itself does not come back."""

    extension = ".png"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the picture."""
        stream = io.BytesIO()
        obj.savefig(stream, format="png")
        return stream.getbuffer()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Refuse: open the file with a picture viewer."""
        raise FormatterError("png", f"a plot can't be read back as a figure; open {source.uri!r}")
