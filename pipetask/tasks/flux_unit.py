"""The unit of a catalog's fluxes: declared, so that the schema has it too, or that of each image."""

from __future__ import annotations

from astropy.units import Unit
from lsst.pex.config import Field

from pipetask import Exposure, PipetaskError


def _is_unit(text: str) -> bool:
    try:
        Unit(text)
    except ValueError:
        return False
    return True


def flux_unit_field() -> Field:
    """Return the configuration field that declares the unit."""
    return Field(
        doc="Unit of the images and so of the fluxes (electron, adu, nJy, …): the schema has it, too, and an "
        "image in another one is an error. Empty: fluxes have the unit of each image, the schema has none.",
        dtype=str,
        default="",
        check=_is_unit,
    )


def checked_unit(exposure: Exposure, declared: str, task: str) -> str:
    """Return the unit of an image.

    Raises
    ------
    PipetaskError
        If another one is declared.
    """
    if declared and Unit(declared) != Unit(exposure.unit or ""):
        raise PipetaskError(
            f"The image is in {exposure.unit or 'no unit'!r}, and task {task!r} has fluxUnit={declared!r}; "
            "set it to the unit of the images, or to nothing"
        )
    return declared or exposure.unit
