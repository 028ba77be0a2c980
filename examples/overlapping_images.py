"""Stars on two overlapping 2MASS images: do their fluxes agree after the zero points of the headers?

``python examples/overlapping_images.py FOLDER`` prints a table and draws ``overlapping_images.png``. Fluxes
are those in circles of 4 pixels, less the clipped mean of a ring of 10 to 16 pixels; no factor is fitted.
"""

import sys
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from pipetask import Exposure
from pipetask.photometry import Annulus, aperture_photometry
from pipetask.tasks.detect_sources import DetectSourcesTask
from pipetask.tasks.isr import IsrTask
from pipetask.tasks.reference_match import matched
from pipetask.tasks.subtract_background import SubtractBackgroundTask

CAMERA = {"gain": 8.0, "zero_point": {"key": "MAGZP"}}
RING = Annulus(10.0, 16.0, statistic="clipped_mean")
BINS = (8.0, 12.0, 13.5, 15.0, 16.5)


def stars(path: Path) -> Table:
    """Detect the stars of one image and measure those without flags, with magnitudes of the header's zero."""
    header = fits.getheader(path)
    raw = Exposure(fits.getdata(path), wcs=WCS(header), metadata=dict(header.items()))
    image = IsrTask().run(raw, CAMERA).outputExposure
    flat = SubtractBackgroundTask().run([image]).outputExposure
    found = DetectSourcesTask().run(flat).outputCatalog
    mask = image.mask.any(("BAD", "NO_DATA", "SAT"))
    measured = aperture_photometry(image.image, found["x"], found["y"], 4.0, mask=mask, annulus=RING)
    good = (measured.flags == 0) & (np.asarray(found["flags"]) == 0) & (measured.flux > 0)
    table = found["ra", "dec"][good]
    table["mag"] = image.photoCalib.magnitude(measured.flux[good])
    return table


def compare(folder: Path) -> dict[tuple[str, str], Table]:
    """Return, for each pair of images that share stars, magnitude and difference of these."""
    catalogs = {path.stem[-7:]: stars(path) for path in sorted(folder.glob("*.fits"))}
    pairs = {}
    for first, second in combinations(catalogs, 2):
        one, two = catalogs[first], catalogs[second]
        rows, others = matched(*[np.column_stack([t["ra"], t["dec"]]) for t in (one, two)], 1.0)
        if len(rows):
            difference = two["mag"][others] - one["mag"][rows]
            pairs[first, second] = Table({"mag": one["mag"][rows], "difference": difference})
    return pairs


def report(pairs: dict[tuple[str, str], Table]) -> str:
    """Say median ratio, its error and the scatter of the fluxes, for all stars of a pair and by magnitude."""
    lines = ["pair              magnitude    stars  median ratio   error  scatter"]
    for (first, second), table in pairs.items():
        for low, high in ((-np.inf, np.inf), *pairwise(BINS)):
            chosen = table[(table["mag"] >= low) & (table["mag"] < high)]
            if len(chosen):
                ratio = 10 ** (0.4 * np.asarray(chosen["difference"]))
                scatter = 1.4826 * np.median(np.abs(ratio - np.median(ratio)))
                name = "all" if np.isinf(low) else f"{low:g} to {high:g}"
                error = 1.2533 * scatter / np.sqrt(len(chosen))  # of the median of a normal distribution
                values = f"{np.median(ratio):13.4f} {error:7.4f} {scatter:8.4f}"
                lines.append(f"{first} {second}   {name:12} {len(chosen):5d} {values}")
    return "\n".join(lines)


def draw(pairs: dict[tuple[str, str], Table], path: Path) -> None:
    """Draw the differences over the magnitude."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=90, layout="constrained")
    axes = figure.subplots()
    for (first, second), table in pairs.items():
        axes.plot(table["mag"], table["difference"], ".", label=f"{first} / {second}")
    axes.axhline(0, color="grey", lw=0.8)
    axes.set(xlabel="J of the first image [mag]", ylabel="J, second - first [mag]", ylim=(-0.6, 0.6))
    axes.legend(fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    compared = compare(Path(sys.argv[1]))
    print(report(compared))
    draw(compared, Path("overlapping_images.png"))
