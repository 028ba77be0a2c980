"""WCS: as FITS cards, in a header beside pixels or in a file of their own."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.locations import Source
from datastore.storage_class import StorageClass
from datastore.types.exposure import sliced_wcs


class WcsFormatter(Formatter):
    """JSON with the FITS header as text and the shape of the image."""

    extension = ".json"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the cards of a WCS."""
        shape = None if obj.array_shape is None else list(obj.array_shape)
        return json.dumps({"header": wcs_header(obj).tostring(sep="\n"), "shape": shape}).encode()

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the WCS."""
        from astropy.io import fits

        value = json.loads(source.read_bytes())
        wcs = header_wcs(fits.Header.fromstring(value["header"], sep="\n"))
        if wcs is not None and value["shape"] is not None:
            wcs.array_shape = tuple(value["shape"])
        box = parameters.get("bbox")
        return wcs if box is None else sliced_wcs(wcs, box)


def wcs_header(wcs: Any) -> Any:
    """Return all of a WCS as header cards, with SIP or TPV distortions.

    Raises
    ------
    FormatterError
        If it has distortions given as look-up tables, which don't fit into cards.
    """
    if wcs.cpdis1 or wcs.cpdis2 or wcs.det2im1 or wcs.det2im2:
        raise FormatterError("wcs", "a WCS with distortions from look-up tables has no header form")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wcs.to_header(relax=True)


def header_wcs(header: Any) -> Any:
    """Return the celestial WCS of a header, or None if it has none; never a warning."""
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header, naxis=2)
    return wcs if wcs.has_celestial else None
