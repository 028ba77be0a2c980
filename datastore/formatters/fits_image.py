"""FITS for a single image or mask: one HDU in compressed tiles."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from datastore.artifact import Buffer
from datastore.errors import FormatterError
from datastore.formatters.base import Formatter
from datastore.formatters.fits_exposure import header_planes, plane_cards, requested_box
from datastore.formatters.fits_tiles import check_fits, find_hdu, image_hdu, open_fits, read_image
from datastore.locations import Source, parse_fragment
from datastore.storage_class import StorageClass
from datastore.types.box import Box
from datastore.types.mask import Mask


class FitsImageFormatter(Formatter):
    """HDU IMAGE or, for a `Mask`, MASK with its planes as cards ``PLANE<bit>``; ``#hdu=N`` reads another."""

    extension = ".fits"

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        from astropy.io import fits

        if isinstance(obj, Mask):
            hdu = image_hdu(obj.array, "MASK", plane_cards(obj))
        elif obj.ndim == 2 and obj.dtype.kind in "iuf":
            hdu = image_hdu(obj, "IMAGE")
        else:
            raise FormatterError(
                "fits_image", f"an image has 2 dimensions of numbers, not {obj.ndim} of {obj.dtype}"
            )
        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
        return stream.getbuffer()

    def check(self, source: Source, storage_class: StorageClass) -> None:
        """Look at all headers, and whether the data that they tell of are there."""
        check_fits(source)
        with open_fits(source) as hdus:
            find_hdu(hdus, _hdu_of(source, storage_class), source)

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the array or mask; with ``bbox``, only the tiles under it are read."""
        is_mask = issubclass(storage_class.pytype, Mask)
        with open_fits(source) as hdus:
            hdu = find_hdu(hdus, _hdu_of(source, storage_class), source)
            box = parameters.get("bbox")
            part = (
                None
                if box is None
                else requested_box(box, Box.from_shape(hdu.shape), parameters.get("origin", "parent"))
            )
            array = np.asarray(read_image(hdu, part))
            return Mask(array, header_planes(hdu.header)) if is_mask else array


def _hdu_of(source: Source, storage_class: StorageClass) -> str | int:
    """Return the name or number of the HDU to read."""
    default = "MASK" if issubclass(storage_class.pytype, Mask) else "IMAGE"
    return parse_fragment(source.fragment).get("hdu", default)
