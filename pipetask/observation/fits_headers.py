"""Headers of FITS files, read without pixels, and the check that a file is all there."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipetask.errors import HeaderError

if TYPE_CHECKING:
    from astropy.io import fits


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of one image.

    Parameters
    ----------
    hdu : `int`
        Number of the HDU in its file.
    values : `dict`
        The primary header's values, overlaid with those of the image's own.
    header : `astropy.io.fits.Header`
        The image's own header (for its WCS).
    shape : `tuple`
        Rows and columns of the image [pixel].
    """

    hdu: int
    values: Mapping[str, Any]
    header: fits.Header
    shape: tuple[int, int]


def read_image_headers(path: str | os.PathLike[str], *, every_hdu: bool = False) -> list[ImageHeader]:
    """Return the headers of the two-dimensional images of a file: all of them, or the first.

    Raises
    ------
    HeaderError
        If the file is no FITS file, holds no image, or ends before its data do.
    """
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with a file is raised below, by name
            with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
                _check_whole(path, hdus)
                images = [hdu for hdu in hdus if hdu.is_image and len(hdu.shape) == 2]
                return [
                    _image_header(hdus, hdu) for hdu in (images if every_hdu else images[:1])
                ] or _no_image(path)
    except FileNotFoundError as err:
        raise HeaderError(f"no such file: {path}") from err
    except (OSError, EOFError, ValueError, fits.VerifyError) as err:
        if isinstance(err, HeaderError):
            raise
        raise HeaderError(f"not a readable FITS file: {err}") from err


def _image_header(hdus: fits.HDUList, hdu: Any) -> ImageHeader:
    primary = {} if hdu is hdus[0] else header_values(hdus[0].header)
    return ImageHeader(hdus.index_of(hdu), primary | header_values(hdu.header), hdu.header.copy(), hdu.shape)


def header_values(header: fits.Header) -> dict[str, Any]:
    """Return the values of a header by keyword, without comments and without cards that are malformed."""
    from astropy.io import fits

    values: dict[str, Any] = {}
    for card in header.cards:
        try:
            value = card.value
        except fits.VerifyError:
            continue
        if card.keyword not in {"COMMENT", "HISTORY", ""}:
            values[card.keyword] = None if isinstance(value, fits.card.Undefined) else value
    return values


def _no_image(path: str | os.PathLike[str]) -> list[ImageHeader]:
    raise HeaderError(f"no two-dimensional image in {path}")


def _check_whole(path: str | os.PathLike[str], hdus: fits.HDUList) -> None:
    """Compare the file's size with what the headers announce (compressed files: only what they unpack)."""
    if str(path).endswith(".gz"):
        return
    size = Path(path).stat().st_size
    for number, hdu in enumerate(hdus):
        needed = hdu.fileinfo()["datLoc"] + hdu.size
        if needed > size:
            raise HeaderError(f"truncated: HDU {number} needs {needed} bytes, the file has {size}")
