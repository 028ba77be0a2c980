"""Arguments as they come: columns of numbers, with units or masked values, and masks that images bring."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from pipetask.photometry.planes import Floats, PhotometryError


def numbers(name: str, value: Any, unit: str = "pix") -> Floats:
    """Read a number, or an array of numbers, in a unit if it has one; masked values and None become NaN.

    What is float64 already is not copied: memory must not grow with the number of sources.
    ``value`` may be whatever numpy makes an array of, such as columns and quantities of astropy.
    """
    given = getattr(value, "unit", None)
    if given is not None and str(given) not in ("", "pixel", unit):
        try:
            value = value.to(unit)
        except (TypeError, ValueError):
            raise PhotometryError(f"{name} is in {given}; wanted: {unit}, or numbers without unit") from None
    masked = getattr(value, "mask", None)
    try:
        array = np.asarray(getattr(value, "unmasked", value))
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise PhotometryError(f"{name} is {_short(value)}; wanted: real numbers") from None
    if array.dtype.kind not in "iuf":
        raise PhotometryError(f"{name} is {_short(value)}, of type {array.dtype}; wanted: real numbers")
    array = array.astype(np.float64, copy=False)
    if masked is not None and np.any(masked):
        array = np.where(masked, np.nan, array)
    return array


def joined_mask(image: Any, mask: Any) -> Any:
    """Join the mask that the image has of itself, as numpy's masked arrays and astropy's `CCDData` do."""
    own = getattr(image, "mask", None)
    if own is None or own is np.ma.nomask:
        return mask
    if mask is None:
        return own
    theirs = np.asarray(mask)
    if theirs.shape != np.shape(own) or theirs.dtype.kind not in "iub":
        return mask  # which will be refused as no mask of this image
    return np.logical_or(own, theirs)


def is_number(value: object) -> bool:
    """Whether this is one real number without unit."""
    return isinstance(value, Real)


def is_whole(value: object, least: int, most: int) -> bool:
    """Whether this is a whole number in a range."""
    return isinstance(value, Integral) and least <= int(value) <= most


def _short(value: Any) -> str:
    """The value in one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
