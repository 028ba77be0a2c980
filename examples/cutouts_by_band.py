"""Objects on several DECam exposures of a band: do their fluxes agree between these within their errors?

``python examples/cutouts_by_band.py FOLDER`` prints tables and draws ``cutouts_by_band.png``. FOLDER has two
sets of cut-outs (``*_ooi_*``) with masks (``_ood_``) and weights (``_oow_``), without zero points.

* ``testcase6``: a star beside a far brighter one, after the *nominal* zero points of the camera. Nothing is
  fitted.
* ``testcase3``: a galaxy and its faint neighbour. Clouds make nominal zero points useless here. Two numbers
  per exposure are *fitted* to the galaxy: a factor and a width of seeing, which bring it to one exposure of
  its band. Compared are the galaxy in all circles, of which two numbers make two equal, and the neighbour.

Fluxes are less the clipped median of a ring; there is no model of the background. Errors have the noise of
the pixels as the weights tell it, that of the ring, and how uneven the background between objects is.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from photutils.aperture import CircularAperture
from scipy.ndimage import uniform_filter
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from pipetask.photometry import Annulus, aperture_photometry

# The neighbour, from the galaxy [pixel], and the star [deg].
NEIGHBOUR = -2.1, -19.2
STAR = 110.308552, 23.916781
# What is one electron per second [AB mag], and extinction [mag per airmass]: the Legacy Surveys' for DECam.
NOMINAL = {"g": (26.610, 0.17), "r": (26.818, 0.10), "z": (26.484, 0.06)}
RADII = np.array([3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0])
RING = Annulus(12.0, 18.0, "clipped_median", neighbour_radius=10.0)
STAR_RING = Annulus(8.0, 13.0, "clipped_median")
BLOCK = 9  # side [pixel] of the places whose mean background is compared
EVEN = (
    1.2  # a ring scatters at most so much more than its weights tell, if light of another object is not in it
)
PAD = 16  # [pixel]


@dataclass
class Cutout:
    """One exposure; fluxes have a row per object and a column per radius, at seeing and scale of the band."""

    band: str
    number: int
    seeing: float  # full width at half maximum, by the header [pixel]
    zero_point: float  # nominal, of the image's unit
    wcs: WCS
    image: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    uneven: float = 0.0  # of the background [unit of the image]
    width: float = 0.0  # of the kernel that brings it to the seeing of its band [pixel]
    factor: float = 1.0  # that brings it to the scale of its band
    flux: np.ndarray | None = None
    covariance: np.ndarray | None = None  # of the circles of an object: shape (objects, radii, radii)

    @property
    def error(self) -> np.ndarray:
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))


def read(folder: Path) -> list[Cutout]:
    """Read the cut-outs of a folder, by band and number."""
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
        facts = primary["EXPNUM"], header["FWHM"], zero_point, WCS(header)
        found.append(Cutout(band, *facts, image, variance, bad))
    if not found:
        raise FileNotFoundError(f"no file *_ooi_*.fits in {folder}; name the folder that holds the cut-outs")
    return sorted(found, key=lambda each: ("grz".index(each.band), each.number))


def star(seen: list[Cutout]) -> Iterator[tuple[Cutout, np.ndarray, np.ndarray, float]]:
    """Measure the star: exposure, magnitudes by nominal zero points, errors, and scatter of the ring."""
    for each in seen:
        x, y = (float(place) for place in each.wcs.world_to_pixel_values(*STAR))
        result = aperture_photometry(
            each.image, [x], [y], RADII[:4], variance=each.variance, mask=each.bad, annulus=STAR_RING
        )
        error = np.hypot(result.flux_err, result.area * result.background_err[:, None])[0]
        rows, columns = np.indices(each.image.shape)
        distance = np.hypot(columns - x, rows - y)
        ring = (distance > STAR_RING.r_in) & (distance < STAR_RING.r_out) & ~each.bad
        scatter = each.image[ring].std() / np.sqrt(each.variance[ring].mean())
        yield each, each.zero_point - 2.5 * np.log10(result.flux[0]), 1.0857 * error / result.flux[0], scatter


def cutouts(folder: Path) -> list[Cutout]:
    """Read the cut-outs of a galaxy and measure it, all of a band at one seeing and one scale."""
    found = read(folder)
    for band in "grz":
        seen = [each for each in found if each.band == band]
        for each, uneven in zip(seen, unevenness(seen), strict=True):
            each.uneven = uneven
            each.flux, each.covariance = measured(each)
        seen.sort(key=lambda each: each.flux[0, 1] / each.flux[0, -1])
        for each in seen[1:]:  # the first one, whose light is spread the most, is the reference
            fit(each, seen[0])
    return found


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


def places(each: Cutout) -> np.ndarray:
    """Where galaxy and neighbour are: x, then y [pixel]."""
    x, y = centre(each.image)
    return np.array([[x, x + NEIGHBOUR[0]], [y, y + NEIGHBOUR[1]]])


def unevenness(seen: list[Cutout]) -> list[float]:
    """How much the mean background of places away from the objects differs, beyond noise.

    One part of the sky for all exposures of a band: a cut-out has few such places.
    """
    rng = np.random.default_rng(1)
    parts, skies = [], []
    for each in seen:
        rows, columns = np.indices(each.image.shape)
        away = np.ones(each.image.shape, bool)
        for x, y in places(each).T:
            away &= np.hypot(columns - x, rows - y) > 22
        away[: BLOCK // 2] = away[-(BLOCK // 2) :] = away[:, : BLOCK // 2] = away[:, -(BLOCK // 2) :] = False
        noises = rng.normal(0, np.sqrt(each.variance), (100, *away.shape))
        noise = np.mean([uniform_filter(one, BLOCK)[away].var() for one in noises])
        skies.append(np.median(each.image))
        parts.append((uniform_filter(each.image, BLOCK)[away].var() - noise) / skies[-1] ** 2)
    return list(np.sqrt(max(np.mean(parts), 0)) * np.array(skies)) if parts else []


def blurred(image: np.ndarray, width: float) -> np.ndarray:
    """Blur an image as turbulent air does that makes a star so wide (full width at half maximum, pixel)."""
    padded = np.pad(image, PAD, mode="edge")
    frequency = np.hypot.outer(*(np.fft.fftfreq(n) for n in padded.shape))
    transfer = np.exp(-3.44 * (frequency * width / 0.976) ** (5 / 3))
    return np.fft.ifft2(np.fft.fft2(padded) * transfer).real[PAD:-PAD, PAD:-PAD]


def measured(each: Cutout, width: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return fluxes of galaxy and neighbour on the blurred image, and their covariance."""
    place, shape = places(each), each.image.shape
    result = aperture_photometry(
        blurred(each.image, width), *place, RADII, variance=each.variance, mask=each.bad, annulus=RING
    )
    covariance = []
    for position, area, ring in zip(place.T, result.area, result.background_err, strict=True):
        # A circle on the blurred image weights the pixels of the image itself by the blurred circle.
        circles = (CircularAperture(position, radius).to_mask().to_image(shape) for radius in RADII)
        weights = np.array([blurred(circle, width) for circle in circles])
        pixels = np.einsum("iyx,yx,jyx->ij", weights, each.variance, weights)
        covariance.append(pixels + np.outer(area, area) * (ring**2 + each.uneven**2))
    return np.where(result.flags == 0, result.flux, np.nan), np.array(covariance)


def fit(each: Cutout, reference: Cutout) -> None:
    """Find the width and the factor that make the galaxy on an exposure most like that on another one."""
    guess = reference.flux[0, -1] / each.flux[0, -1]
    inverse = np.linalg.inv(reference.covariance[0] + guess**2 * each.covariance[0])

    def factor(flux: np.ndarray) -> float:
        return (flux @ inverse @ reference.flux[0]) / (flux @ inverse @ flux)

    def distance(width: float) -> float:
        flux = measured(each, width)[0][0]
        difference = factor(flux) * flux - reference.flux[0]
        return difference @ inverse @ difference

    each.width = min(np.arange(0, 5, 0.5), key=distance)
    near = max(each.width - 0.5, 0), each.width + 0.5
    each.width = minimize_scalar(distance, bounds=near, method="bounded", options={"xatol": 0.01}).x
    flux, covariance = measured(each, each.width)
    each.factor = factor(flux[0])
    each.flux, each.covariance = each.factor * flux, each.factor**2 * covariance


def pairs(seen: list[Cutout], row: int) -> dict[tuple[str, int, int], tuple[np.ndarray, np.ndarray]]:
    """Return, for each two exposures of a band, the ratio of an object's fluxes and difference over error."""
    found = {}
    for one, two in combinations(seen, 2):
        if one.band == two.band:
            difference, error = two.flux[row] - one.flux[row], np.hypot(one.error[row], two.error[row])
            found[one.band, one.number, two.number] = two.flux[row] / one.flux[row], difference / error
    return found


def chi_square(seen: list[Cutout], row: int, systematic: float = 0.0) -> dict[str, tuple[float, int]]:
    """Return, for each band, chi² of an object's fluxes about their mean, and its degrees of freedom.

    It knows that circles share their pixels and their background. ``systematic`` is an error of each circle
    on its own, as part of its flux. The galaxy has two numbers fitted per exposure, save the reference.
    """
    found = {}
    circles = slice(None) if row == 0 else slice(1, 4)
    for band in dict.fromkeys(each.band for each in seen):
        chosen = [each for each in seen if each.band == band]
        fluxes = [each.flux[row, circles] for each in chosen]
        inverses = [
            np.linalg.inv(each.covariance[row, circles, circles] + np.diag((systematic * flux) ** 2))
            for each, flux in zip(chosen, fluxes, strict=True)
        ]
        mean = np.linalg.solve(sum(inverses), sum(i @ f for i, f in zip(inverses, fluxes, strict=True)))
        total = sum((f - mean) @ i @ (f - mean) for i, f in zip(inverses, fluxes, strict=True))
        found[band] = float(total), (len(chosen) - 1) * (len(mean) - (2 if row == 0 else 0))
    return found


def report(seen: list[Cutout]) -> str:
    """Say how the galaxy and its neighbour compare."""
    lines = [
        "galaxy, r = 10: nominal zero points, and what is fitted instead (relative to the first of width 0)"
    ]
    lines.append("band  exposure  seeing  magnitude   error   width  zero point  uneven sky")
    for each in seen:
        reference = next(other for other in seen if other.band == each.band and other.width == 0)
        magnitude = each.zero_point - 2.5 * np.log10(each.flux[0, -1] / each.factor)
        error = 1.0857 * each.error[0, -1] / each.flux[0, -1]
        change = reference.zero_point - 2.5 * np.log10(each.factor) - each.zero_point
        lines.append(
            f"{each.band:4} {each.number:9d} {each.seeing:7.1f} {magnitude:10.3f} {error:7.3f}"
            f" {each.width:7.2f} {change:+11.3f} {100 * each.uneven / np.median(each.image):9.2f} %"
        )
    for row, title, radii in ((0, "galaxy", RADII), (1, "neighbour", RADII[1:4])):
        lines += [
            "",
            f"{title}, a factor and a width fitted per exposure: ratio of fluxes (difference / error)",
        ]
        lines.append("band  exposures      " + "".join(f"r = {radius:<12g}" for radius in radii))
        pulls: dict[str, list[float]] = {}
        for (band, one, two), (ratio, pull) in pairs(seen, row).items():
            chosen = np.searchsorted(RADII, radii)
            cells = "".join(f"{ratio[i]:6.3f} ({pull[i]:+.1f})   " for i in chosen)
            lines.append(f"{band:4}  {one} {two}  {cells}".rstrip())
            pulls.setdefault(band, []).extend(np.abs(pull[chosen]))
        lines += [f"{band:4}  {fractions(np.array(values))}" for band, values in pulls.items()]
        for band, (value, freedom) in chi_square(seen, row).items():
            line = f"{band:4}  chi² {value:.1f} of {freedom}, probability {chi2.sf(value, freedom):.1%}"
            if row == 0:
                steps = np.arange(0, 0.05, 0.0005)
                enough = (step for step in steps if chi_square(seen, row, step)[band][0] <= freedom)
                line += f"; {freedom} with a systematic error of {next(enough, np.nan):.2%} of each circle"
            lines.append(line)
    return "\n".join(lines)


def report_star(seen: list[Cutout]) -> str:
    """Say how the star compares."""
    radii = "".join(f"r = {radius:<13g}" for radius in RADII[:4])
    lines = ["star, nominal zero points: magnitude (error)", f"band  exposure  seeing  ring   {radii}"]
    for each, magnitude, error, scatter in star(seen):
        cells = "".join(f"{m:6.2f} ({e:.2f})    " for m, e in zip(magnitude, error, strict=True))
        verdict = "" if scatter < EVEN else "not compared: other light in its ring"
        lines.append(
            f"{each.band:4} {each.number:9d} {each.seeing:7.1f} {scatter:5.2f}   {cells}{verdict}".rstrip()
        )
    return "\n".join(lines)


def fractions(pulls: np.ndarray) -> str:
    """Say how many differences are within one and two errors."""
    return (
        f"{len(pulls)} differences: {np.mean(pulls < 1):.0%} within 1 error, "
        f"{np.mean(pulls < 2):.0%} within 2, median {np.median(pulls):.1f}, largest {pulls.max():.1f}"
    )


def draw(seen: list[Cutout], path: Path) -> None:
    """Draw the cut-outs, and below them galaxy and neighbour by radius."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.4), dpi=68, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 3])
    for axes, each in zip(top.subplots(1, len(seen), squeeze=False)[0], seen, strict=True):
        low, high = np.percentile(each.image, [5, 99])
        axes.imshow(each.image, origin="lower", cmap="gray_r", vmin=low, vmax=high)
        axes.plot(*places(each), "r+", ms=5, mew=0.6)
        axes.set_title(f"{each.band} {each.number}", fontsize=8)
        axes.set_axis_off()
    panels = bottom.subplots(2, 3, sharex=True, sharey="row")
    for row, label in ((0, "galaxy / the same on the reference"), (1, "neighbour / galaxy at r = 10")):
        for axes, band in zip(panels[row], "grz", strict=True):
            chosen = [each for each in seen if each.band == band]
            for step, each in enumerate(chosen):
                reference = next(other for other in chosen if other.width == 0)
                scale = reference.flux[0] if row == 0 else reference.flux[0, -1]
                values, errors = each.flux[row] / scale, each.error[row] / scale
                axes.errorbar(RADII + 0.12 * step, values, errors, fmt=".-", lw=0.8, label=f"{each.number}")
            axes.set_title(band, fontsize=9)
            if chosen:
                axes.legend(fontsize=7)
        panels[row, 0].set_ylabel(label, fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("radius [pixel]")
    figure.savefig(path)


if __name__ == "__main__":
    sets = Path(sys.argv[1])
    galaxy = cutouts(sets / "testcase3")
    print(report_star(read(sets / "testcase6")), report(galaxy), sep="\n\n")
    draw(galaxy, Path("cutouts_by_band.png"))
