"""Exposure: an image with mask, variance and everything that describes it; exchangeable with CCDData."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datastore.errors import InvalidValueError
from datastore.types.background import Background
from datastore.types.box import Box, local_box
from datastore.types.mask import Mask
from datastore.types.photo_calib import PhotoCalib
from datastore.types.psf import Psf
from datastore.types.visit_info import VisitInfo

Pixels = npt.NDArray[Any]  # float32 or float64


class Exposure:
    """An image and what belongs to it.

    Parameters
    ----------
    image : `numpy.ndarray`, shape (ny, nx), float32 or float64
        Pixels; kept, not copied. Short integers become float32, longer ones float64.
    mask : `Mask` or integer array, optional
        Default: nothing set.
    variance : `numpy.ndarray`, shape (ny, nx), optional
        Default: zeros, float32.
    wcs : `astropy.wcs.WCS`, optional
        Of the pixels of *this* array: its pixel (0, 0) is the first one, also in a cut-out.
    psf, photoCalib, visitInfo, background : optional
        Objects of `datastore.types`.
    filter : `str`, optional
        Name of the physical filter.
    detector : mapping, optional
        Plain values: ``id``, ``name``, ``gain``, …
    metadata : mapping, optional
        Plain values, as from a FITS header.
    inputs : `astropy.table.Table`, optional
        Data IDs and UUIDs of the datasets that it was made from.
    unit : `str`, optional
        Of the pixels.
    x0, y0 : `int`, optional
        Where the first pixel lies in the parent image.
    """

    __slots__ = (
        "background",
        "detector",
        "filter",
        "image",
        "inputs",
        "mask",
        "metadata",
        "photoCalib",
        "psf",
        "unit",
        "variance",
        "visitInfo",
        "wcs",
        "x0",
        "y0",
    )

    def __init__(
        self,
        image: npt.ArrayLike,
        mask: Mask | npt.ArrayLike | None = None,
        variance: npt.ArrayLike | None = None,
        *,
        wcs: Any = None,  # astropy is not imported here
        psf: Psf | None = None,
        photoCalib: PhotoCalib | None = None,
        filter: str | None = None,
        visitInfo: VisitInfo | None = None,
        detector: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        background: Background | None = None,
        inputs: Any = None,  # astropy is not imported here
        unit: str = "adu",
        x0: int = 0,
        y0: int = 0,
    ) -> None:
        self.image: Pixels = _pixels(image)
        shape = self.image.shape
        if mask is None:
            mask = np.zeros(shape, dtype=np.int32)
        self.mask = mask if isinstance(mask, Mask) else Mask(mask)
        self.variance: Pixels = np.zeros(shape, np.float32) if variance is None else _pixels(variance)
        if self.mask.array.shape != shape or self.variance.shape != shape:
            raise InvalidValueError(
                f"Image of shape {shape} has a mask of {self.mask.array.shape} "
                f"and a variance of {self.variance.shape}"
            )
        self.wcs = wcs
        self.psf = psf
        self.photoCalib = photoCalib
        self.filter = filter
        self.visitInfo = visitInfo
        self.detector: dict[str, Any] | None = None if detector is None else dict(detector)
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.background = background
        self.inputs = inputs
        self.unit = unit
        self.x0 = int(x0)
        self.y0 = int(y0)

    @classmethod
    def from_components(cls, parts: Mapping[str, Any]) -> Exposure:
        """Make one of components by name, as `datastore` reads them."""
        rest = {name: part for name, part in parts.items() if name != "bbox"}
        if "bbox" in parts:
            rest |= {"x0": parts["bbox"].x0, "y0": parts["bbox"].y0}
        return cls(**rest)

    @property
    def bbox(self) -> Box:
        """The pixels that it covers, in the parent's pixels."""
        return Box.from_shape(self.image.shape, self.x0, self.y0)

    @property
    def shape(self) -> tuple[int, int]:
        """Array shape (ny, nx)."""
        ny, nx = self.image.shape
        return ny, nx

    def __repr__(self) -> str:
        return f"Exposure({self.bbox}, {self.image.dtype}, filter={self.filter!r})"

    def _replaced(self, image: Pixels, mask: Mask, variance: Pixels, **changes: Any) -> Exposure:
        """Return an exposure with other pixels and the same, or changed, descriptions."""
        names = ("wcs", "psf", "photoCalib", "filter", "visitInfo", "detector", "metadata")
        rest = {name: getattr(self, name) for name in (*names, "background", "inputs", "unit", "x0", "y0")}
        return Exposure(image, mask, variance, **{**rest, **changes})

    def copy(self) -> Exposure:
        """Return an exposure whose arrays and mappings are its own."""
        return self._replaced(
            self.image.copy(),
            self.mask.copy(),
            self.variance.copy(),
            wcs=None if self.wcs is None else self.wcs.deepcopy(),
            inputs=None if self.inputs is None else self.inputs.copy(),
        )

    def cutout(self, box: Box, *, origin: str = "parent") -> Exposure:
        """Return part of it, sharing the pixels.

        Parameters
        ----------
        box : `Box`
            In the parent's pixels, or with ``origin="local"`` in those of the arrays.
        origin : `str`, optional
            "parent" or "local".

        Notes
        -----
        The background is of the whole image, so a cut-out carries none.
        """
        local = local_box(box, self.bbox, origin)
        part = local.slices()
        return self._replaced(
            self.image[part],
            Mask(self.mask.array[part], self.mask.planes),
            self.variance[part],
            wcs=None if self.wcs is None else sliced_wcs(self.wcs, local),
            background=self.background if local.shape == self.shape else None,
            x0=self.x0 + local.x0,
            y0=self.y0 + local.y0,
        )

    def subset(self, bbox: Box | None = None, origin: str = "parent") -> Exposure:
        """Return the part that read parameters ask for."""
        return self if bbox is None else self.cutout(bbox, origin=origin)

    def with_dtype(self, dtype: npt.DTypeLike) -> Exposure:
        """Return it with pixels of this type, itself if they are already."""
        if self.image.dtype == dtype and self.variance.dtype == dtype:
            return self
        image, variance = (plane.astype(dtype, copy=False) for plane in (self.image, self.variance))
        return self._replaced(image, self.mask, variance)

    def to_ccddata(self) -> Any:
        """Return an `astropy.nddata.CCDData` of the same pixels.

        Its ``flags`` are the mask's bits, its ``mask`` is true where any bit of BAD, SAT, CR or
        NO_DATA is set.
        """
        from astropy.nddata import CCDData, VarianceUncertainty

        unusable = [name for name in ("BAD", "SAT", "CR", "NO_DATA") if name in self.mask.planes]
        return CCDData(
            self.image,
            unit=self.unit,
            mask=self.mask.any(unusable),
            flags=self.mask.array,
            uncertainty=VarianceUncertainty(self.variance),
            wcs=self.wcs,
            meta=dict(self.metadata),
            psf=None if self.psf is None else self.psf.kernel(),
        )


def from_ccddata(ccd: Any) -> Exposure:
    """Return an exposure of the pixels of an `astropy.nddata.CCDData`; its mask becomes plane BAD."""
    from astropy.nddata import VarianceUncertainty

    mask = Mask.zeros(ccd.data.shape) if ccd.flags is None else Mask(np.asarray(ccd.flags))
    if ccd.mask is not None and ccd.flags is None:
        mask.set("BAD", np.asarray(ccd.mask, dtype=bool))
    variance = None
    if ccd.uncertainty is not None:
        variance = ccd.uncertainty.represent_as(VarianceUncertainty).array
    return Exposure(
        ccd.data,
        mask,
        variance,
        wcs=ccd.wcs,
        psf=None if ccd.psf is None else Psf(kernel=ccd.psf),
        metadata=dict(ccd.meta),
        unit=str(ccd.unit),
    )


def as_single(exposure: Exposure) -> Exposure:
    """Return it with float32 pixels."""
    return exposure.with_dtype(np.float32)


def as_double(exposure: Exposure) -> Exposure:
    """Return it with float64 pixels."""
    return exposure.with_dtype(np.float64)


def sliced_wcs(wcs: Any, local: Box) -> Any:
    """Return the WCS of a part of an array."""
    return wcs.slice(local.slices())


def _pixels(values: npt.ArrayLike) -> Pixels:
    """Return a 2-d array of native floats, the same one if it is that already."""
    array = np.asarray(values)
    if array.ndim != 2:
        raise InvalidValueError(f"An image has 2 dimensions, not {array.ndim}")
    if array.dtype.kind in "iub":
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
