"""The columns that come back from aperture photometry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipetask.photometry.planes import Floats, Integers

if TYPE_CHECKING:
    from astropy.table import Table

# Name, whether in the unit of the image, other unit, meaning.
COLUMNS = (
    ("flux", 1, None, "Sum over the aperture, less the background; NaN if not measurable"),
    ("flux_err", 1, None, "Standard error of the flux, without that of the background"),
    ("area", 0, "pix2", "Area of the pixels that the flux stands for"),
    ("background", 1, None, "Local background per pixel"),
    ("background_err", 1, None, "Standard error of the background, from the scatter of the ring's pixels"),
    ("flags", 0, None, "Bits of pipetask.photometry.ApertureFlag; 0 is good"),
)


@dataclass(frozen=True, slots=True)
class CoreResult:
    """Columns of results, in the order of the sources.

    ``flux``, ``flux_err`` and ``flags`` have shape (n,), or (n, number of radii) where radii were given as a
    sequence; so has ``area`` [pixel²]. ``background`` and its standard error ``background_err`` have shape
    (n,), per pixel; None without an annulus. ``flux_err`` is None without a variance plane. ``flags`` are
    `ApertureFlag` values.
    """

    flux: Floats
    flux_err: Floats | None
    area: Floats
    background: Floats | None
    background_err: Floats | None
    flags: Integers

    def to_table(self, unit: object = None) -> "Table":
        """Change to an astropy table with units and descriptions.

        Parameters
        ----------
        unit : unit or str, optional
            Unit of the image.

        Returns
        -------
        table : `astropy.table.Table`
            One row per source; a column has one value per radius where radii were given as a sequence.
        """
        from astropy.table import Column, Table

        table = Table()
        for name, is_flux, other_unit, text in COLUMNS:
            values = getattr(self, name)
            if values is not None:
                table[name] = Column(values, unit=unit if is_flux else other_unit, description=text + ".")
        return table
