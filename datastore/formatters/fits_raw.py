"""FITS of any camera, read as it is: the first image HDU, or the one named in the location's fragment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from datastore.artifact import Buffer
from datastore.errors import ArtifactReadError, FormatterError
from datastore.formatters.base import Formatter
from datastore.formatters.fits_exposure import requested_box
from datastore.formatters.fits_tiles import check_complete, check_fits, header_mapping, open_fits, read_image
from datastore.formatters.wcs import header_wcs
from datastore.locations import Source, parse_fragment
from datastore.storage_class import StorageClass
from datastore.types.box import Box
from datastore.types.exposure import Exposure, sliced_wcs
from datastore.types.mask import Mask


class FitsRawFormatter(Formatter):
    """Raw images as exposures.

    Notes
    -----
    The metadata are the primary header and that of the image HDU, which wins. Pixels that are not finite get
    mask plane NO_DATA and keep their value. The fragment ``#hdu=N`` (number or name) chooses an HDU.
    """

    extension = ".fits"
    components = frozenset({"image", "wcs", "bbox", "metadata"})

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Refuse: raw files are ingested, not written."""
        raise FormatterError("fits_raw", "raw files are ingested as they are, never written")

    def check(self, source: Source, storage_class: StorageClass) -> None:
        """Look at all headers, and whether the data that they tell of are there."""
        check_fits(source)
        with open_fits(source) as hdus:
            _image_hdu(hdus, source)

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the exposure, or a component; wcs, bbox and metadata come from headers alone."""
        with open_fits(source) as hdus:
            hdu = _image_hdu(hdus, source)
            whole = Box.from_shape(hdu.shape)
            box = parameters.get("bbox")
            part = None if box is None else requested_box(box, whole, parameters.get("origin", "parent"))
            if component == "bbox":
                return part or whole
            if component == "wcs":
                return _wcs(hdu, part)
            if component == "metadata":
                return _metadata(hdus, hdu)
            check_complete(hdu, source)
            image = read_image(hdu, part)
            if component == "image":
                return image
            mask = Mask.zeros(image.shape)
            if image.dtype.kind == "f":
                mask.set("NO_DATA", ~np.isfinite(image))
            return Exposure(
                image,
                mask,
                wcs=_wcs(hdu, part),
                metadata=_metadata(hdus, hdu),
                unit=str(hdu.header.get("BUNIT", "adu")),
                x0=part.x0 if part else 0,
                y0=part.y0 if part else 0,
            )


def _image_hdu(hdus: Any, source: Source) -> Any:
    """Return the HDU that the fragment names, or the first one with a 2-d image."""
    chosen = parse_fragment(source.fragment).get("hdu")
    if chosen is not None:
        try:
            hdu = hdus[chosen]
        except (KeyError, IndexError) as err:
            raise ArtifactReadError(source.uri, f"it has no HDU {chosen!r}") from err
        if not _is_image(hdu):
            raise ArtifactReadError(source.uri, f"HDU {chosen!r} is not a 2-d image")
        return hdu
    for hdu in hdus:
        if _is_image(hdu):
            return hdu
    raise ArtifactReadError(source.uri, "no HDU holds a 2-d image")


def _is_image(hdu: Any) -> bool:
    return getattr(hdu, "is_image", False) and len(hdu.shape) == 2


def _wcs(hdu: Any, part: Box | None) -> Any:
    wcs = header_wcs(hdu.header)
    if wcs is None:
        return None
    wcs.array_shape = hdu.shape
    return sliced_wcs(wcs, part) if part else wcs


def _metadata(hdus: Any, hdu: Any) -> dict[str, Any]:
    primary = header_mapping(hdus[0].header)
    return primary if hdu is hdus[0] else {**primary, **header_mapping(hdu.header)}
