"""FITS for exposures: IMAGE, MASK and VARIANCE in compressed tiles, everything else as JSON beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from datastore.artifact import Buffer
from datastore.errors import ArtifactReadError, ParameterError
from datastore.formatters.base import Formatter
from datastore.formatters.fits_tiles import (
    check_fits,
    find_hdu,
    image_hdu,
    interchange_header,
    open_fits,
    read_image,
)
from datastore.formatters.json import encode_json
from datastore.formatters.wcs import header_wcs, wcs_header
from datastore.locations import Source
from datastore.storage_class import StorageClass
from datastore.types.background import Background
from datastore.types.box import Box, local_box
from datastore.types.exposure import Exposure, sliced_wcs
from datastore.types.mask import Mask
from datastore.types.photo_calib import PhotoCalib
from datastore.types.psf import Psf
from datastore.types.visit_info import VisitInfo

_PLANES = ("image", "mask", "variance")
_VALUES: dict[str, Any] = {
    "psf": Psf,
    "photoCalib": PhotoCalib,
    "visitInfo": VisitInfo,
    "background": Background,
}
_PLAIN = ("filter", "detector", "metadata", "unit")


class FitsExposureFormatter(Formatter):
    """One multi-extension file.

    Notes
    -----
    The primary header repeats metadata for other programs. HDU ``DESCRIPTION`` holds JSON, the truth for all
    but pixels, WCS (header of IMAGE) and ``inputs`` (table INPUTS). Mask planes are cards ``PLANE<bit>``.
    """

    extension = ".fits"
    components = frozenset({*_PLANES, *_VALUES, *_PLAIN, "wcs", "bbox", "inputs"})

    def to_bytes(self, obj: Any, storage_class: StorageClass) -> Buffer:
        """Return the file's content."""
        from astropy.io import fits

        exposure: Exposure = obj
        primary = fits.PrimaryHDU(header=interchange_header(exposure.metadata))
        wcs = [] if exposure.wcs is None else wcs_header(exposure.wcs).cards
        unit = [("BUNIT", exposure.unit)]
        hdus = [
            primary,
            _json_hdu(_description(exposure)),
            image_hdu(exposure.image, "IMAGE", [*unit, *wcs]),
            image_hdu(exposure.mask.array, "MASK", plane_cards(exposure.mask)),
            image_hdu(exposure.variance, "VARIANCE"),
        ]
        if exposure.inputs is not None:
            from datastore.formatters.fits_table import table_hdus

            hdus += table_hdus(exposure.inputs, "INPUTS")
        stream = io.BytesIO()
        fits.HDUList(hdus).writeto(stream, output_verify="ignore")
        return stream.getbuffer()

    def check(self, source: Source, storage_class: StorageClass) -> None:
        """Look at all headers, and whether the data that they tell of are there."""
        check_fits(source)
        with open_fits(source) as hdus:
            if "DESCRIPTION" not in hdus:
                reason = "it has no HDU DESCRIPTION; images of other programs are read by formatter fits_raw"
                raise ArtifactReadError(source.uri, reason)

    def read(
        self,
        source: Source,
        storage_class: StorageClass,
        *,
        component: str = "",
        parameters: Mapping[str, Any],
    ) -> Any:
        """Return the exposure or a component; with ``bbox``, only the tiles under it are read."""
        with open_fits(source) as hdus:
            reader = _Reader(hdus, source, parameters)
            return reader.component(component) if component else reader.exposure()


class _Reader:
    """One open file and the part of it that is wanted."""

    def __init__(self, hdus: Any, source: Source, parameters: Mapping[str, Any]) -> None:
        self._hdus = hdus
        self._source = source
        self._description = json.loads(bytes(find_hdu(hdus, "DESCRIPTION", source).data))
        self.whole = Box.from_json(self._description["bbox"])
        self.part = self._part(parameters)

    def _part(self, parameters: Mapping[str, Any]) -> Box | None:
        """Return the wanted part in the array's own pixels, or None for the whole."""
        box = parameters.get("bbox")
        return None if box is None else requested_box(box, self.whole, parameters.get("origin", "parent"))

    @property
    def _box(self) -> Box:
        return self.part.shifted(self.whole.x0, self.whole.y0) if self.part else self.whole

    def component(self, name: str) -> Any:
        if name == "bbox":
            return self._box
        if name == "wcs":
            return self._wcs()
        if name == "mask":
            hdu = find_hdu(self._hdus, "MASK", self._source)
            return Mask(read_image(hdu, self.part), header_planes(hdu.header))
        if name in _PLANES:
            return read_image(find_hdu(self._hdus, name.upper(), self._source), self.part)
        if name == "inputs":
            from datastore.formatters.fits_table import read_table

            return read_table(self._hdus, "INPUTS", self._source) if self._description["inputs"] else None
        value = self._description[name]
        return _VALUES[name].from_json(value) if name in _VALUES and value is not None else value

    def _wcs(self) -> Any:
        wcs = header_wcs(find_hdu(self._hdus, "IMAGE", self._source).header)
        if wcs is None:
            return None
        wcs.array_shape = self.whole.shape
        return sliced_wcs(wcs, self.part) if self.part else wcs

    def exposure(self) -> Exposure:
        names = (*_PLANES, "wcs", "inputs", *_VALUES, *_PLAIN)
        parts = {name: self.component(name) for name in names}
        if self.part and self.part.shape != self.whole.shape:
            parts["background"] = None
        return Exposure(**parts, x0=self._box.x0, y0=self._box.y0)


def requested_box(box: Any, whole: Box, origin: str = "parent") -> Box:
    """Return the box of a read parameter in the array's own pixels."""
    if not isinstance(box, Box):
        raise ParameterError(f"Parameter bbox={box!r} is not a Box(x0, y0, width, height)")
    return local_box(box, whole, origin)


def plane_cards(mask: Mask) -> list[tuple[str, str, str]]:
    """Return header cards that name the bits of a mask."""
    ordered = sorted(mask.planes.items(), key=lambda item: item[1])
    return [(f"PLANE{bit}", name, f"name of bit {bit} (value {1 << bit})") for name, bit in ordered]


def header_planes(header: Any) -> dict[str, int]:
    """Return the mask planes that `plane_cards` wrote."""
    return {header[key]: int(key[5:]) for key in header if key.startswith("PLANE") and key[5:].isdigit()}


def _description(exposure: Exposure) -> dict[str, Any]:
    """Return everything that JSON holds of an exposure."""
    values: dict[str, Any] = {"bbox": exposure.bbox.to_json(), "inputs": exposure.inputs is not None}
    for name in _PLAIN:
        values[name] = getattr(exposure, name)
    for name in _VALUES:
        value = getattr(exposure, name)
        values[name] = None if value is None else value.to_json()
    return values


def _json_hdu(value: dict[str, Any]) -> Any:
    from astropy.io import fits

    text = encode_json(value, "description of an exposure")
    return fits.ImageHDU(np.frombuffer(text, dtype=np.uint8), name="DESCRIPTION")
