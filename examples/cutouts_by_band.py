"""Two objects on several DECam exposures of a band: do their fluxes agree between these?

``python examples/cutouts_by_band.py FOLDER`` prints tables and draws ``cutouts_by_band.png``. FOLDER holds
cut-outs (``*_ooi_*``) about a galaxy, with masks (``_ood_``) and weights (``_oow_``), but no zero points:

* the *nominal* ones of the camera, with exposure time and airmass, fit nothing. They know of no cloud;
* one *fitted* per exposure from the galaxy leaves its faint neighbour to be compared, and the galaxy's own
  flux in smaller circles. Before, images are blurred to the worst seeing of their band, as the headers tell.

Fluxes are less the clipped median of a ring of 12 to 18 pixels without either object; there is no model of
the background.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.ndimage import gaussian_filter

from pipetask.photometry import Annulus, aperture_photometry

# The neighbour, from the galaxy [pixel].
NEIGHBOUR = -2.1, -19.2
# What is one electron per second [AB mag], and extinction [mag per airmass]: the Legacy Surveys' for DECam.
NOMINAL = {"g": (26.610, 0.17), "r": (26.818, 0.10), "z": (26.484, 0.06)}
RADII = np.array([4.0, 5.0, 6.0, 7.0, 8.0, 10.0])
RING = Annulus(12.0, 18.0, "clipped_median", neighbour_radius=10.0)


@dataclass
class Cutout:
    """One exposure; fluxes and errors have a row per object and a column per radius."""

    band: str
    number: int
    seeing: float  # full width at half maximum [pixel]
    zero_point: float  # nominal, of the image's unit
    image: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    place: np.ndarray | None = None  # [pixel]
    flux: np.ndarray | None = None
    error: np.ndarray | None = None


def cutouts(folder: Path) -> list[Cutout]:
    """Read the cut-outs of a folder and measure the objects, all of a band at the same seeing."""
    found = []
    for path in folder.glob("*_ooi_*.fits"):
        with fits.open(path) as hdus:
            primary, header, image = hdus[0].header, hdus[1].header, hdus[1].data.astype(float)
        mask, weight = (
            fits.getdata(path.with_name(path.name.replace("_ooi_", p))) for p in ("_ood_", "_oow_")
        )
        bad = (mask != 0) | (weight <= 0)
        variance = np.divide(1, weight, out=np.zeros(weight.shape), where=~bad)
        band = primary["FILTER"][0]
        electron, extinction = NOMINAL[band]
        zero_point = electron + 2.5 * np.log10(primary["EXPTIME"] / header["ARAWGAIN"])
        zero_point -= extinction * (primary["AIRMASS"] - 1)
        found.append(Cutout(band, primary["EXPNUM"], header["FWHM"], zero_point, image, variance, bad))
    if not found:
        raise FileNotFoundError(
            f"no file *_ooi_*.fits in {folder}; name the folder with the cut-outs of one object"
        )
    for each in found:
        worst = max(other.seeing for other in found if other.band == each.band)
        image = gaussian_filter(each.image, np.sqrt(worst**2 - each.seeing**2) / 2.355, mode="nearest")
        x, y = centre(image)
        each.place = np.array([[x, x + NEIGHBOUR[0]], [y, y + NEIGHBOUR[1]]])
        result = aperture_photometry(
            image, *each.place, RADII, variance=each.variance, mask=each.bad, annulus=RING
        )
        each.flux = np.where(result.flags == 0, result.flux, np.nan)
        each.error = np.hypot(result.flux_err, result.area * result.background_err[:, None])
    return sorted(found, key=lambda each: ("grz".index(each.band), each.number))


def centre(image: np.ndarray) -> tuple[float, float]:
    """Centre of the brightest object, in a Gaussian window: positions by the headers differ by a pixel."""
    y, x = np.unravel_index(image.argmax(), image.shape)
    rows, columns = np.indices(image.shape)
    for _ in range(20):
        window = image * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 8)
        x, y = (
            place + 2 * (np.sum(window * grid) / np.sum(window) - place)
            for place, grid in ((x, columns), (y, rows))
        )
    return x, y


def neighbour(each: Cutout) -> tuple[np.ndarray, np.ndarray]:
    """Flux of the neighbour over that of the galaxy in the same circle, and its error."""
    (galaxy, faint), errors = each.flux, each.error
    return faint / galaxy, np.hypot(errors[1], faint / galaxy * errors[0]) / galaxy


def profile(each: Cutout) -> tuple[np.ndarray, np.ndarray]:
    """Flux of the galaxy over that in the largest circle, and its error: the circles share their pixels."""
    part, error = each.flux[0] / each.flux[0, -1], each.error[0]
    outside = np.maximum(error[-1] ** 2 - error**2, 0)
    return part, np.sqrt((1 - part) ** 2 * error**2 + part**2 * outside) / each.flux[0, -1]


def pairs(seen: list[Cutout], what: Callable[[Cutout], tuple[np.ndarray, np.ndarray]]) -> dict:
    """Return, for each two exposures of a band, the ratio of a quantity and its difference over the error."""
    found = {}
    for one, two in combinations(seen, 2):
        if one.band == two.band:
            (a, a_error), (b, b_error) = what(one), what(two)
            with np.errstate(invalid="ignore"):  # 0 / 0 where both are 1
                found[one.band, one.number, two.number] = b / a, (b - a) / np.hypot(a_error, b_error)
    return found


def report(seen: list[Cutout]) -> str:
    """Say what nominal zero points give, and what fitted ones leave."""
    lines = ["galaxy, r = 10, nominal zero points", "band  exposure  seeing  magnitude   error"]
    for each in seen:
        magnitude = each.zero_point - 2.5 * np.log10(each.flux[0, -1])
        error = 1.0857 * each.error[0, -1] / each.flux[0, -1]
        lines.append(f"{each.band:4} {each.number:9d} {each.seeing:7.1f} {magnitude:10.3f} {error:7.3f}")
    for title, what, radii in (
        ("neighbour, a zero point fitted per exposure from the galaxy", neighbour, [4, 5, 6, 7]),
        ("galaxy, a zero point fitted per exposure at r = 10", profile, [4, 5, 6, 7, 8]),
    ):
        lines += ["", f"{title}: ratio of fluxes (difference / error)"]
        lines.append("band  exposures      " + "".join(f"r = {radius:<12}" for radius in radii))
        for (band, one, two), (ratio, pull) in pairs(seen, what).items():
            cells = "".join(f"{ratio[i]:6.3f} ({pull[i]:+.1f})   " for i in np.searchsorted(RADII, radii))
            lines.append(f"{band:4}  {one} {two}  {cells}")
    return "\n".join(lines)


def draw(seen: list[Cutout], path: Path) -> None:
    """Draw the cut-outs, and below them what fitted zero points leave."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), dpi=90, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 3])
    for axes, each in zip(top.subplots(1, len(seen)), seen, strict=True):
        low, high = np.percentile(each.image, [5, 99])
        axes.imshow(each.image, origin="lower", cmap="gray_r", vmin=low, vmax=high)
        axes.plot(*each.place, "r+", ms=5, mew=0.6)
        axes.set_title(f"{each.band} {each.number}", fontsize=8)
        axes.set_axis_off()
    panels = bottom.subplots(2, 3, sharex=True, sharey="row")
    for row, what, label in zip(
        panels, (profile, neighbour), ("galaxy / galaxy at r = 10", "neighbour / galaxy"), strict=True
    ):
        for axes, band in zip(row, "grz", strict=True):
            for place, each in enumerate(each for each in seen if each.band == band):
                axes.errorbar(RADII + 0.08 * place, *what(each), fmt=".-", lw=0.8, label=f"{each.number}")
            axes.set_title(band, fontsize=9)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=7)
        row[0].set_ylabel(label)
    for axes in panels[-1]:
        axes.set_xlabel("radius [pixel]")
    figure.savefig(path)


if __name__ == "__main__":
    measured = cutouts(Path(sys.argv[1]))
    print(report(measured))
    draw(measured, Path("cutouts_by_band.png"))
