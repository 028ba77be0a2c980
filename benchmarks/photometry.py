"""How fast is aperture photometry beside SEP and photutils, and do the three agree?

    python benchmarks/photometry.py                    # about a minute
    python benchmarks/photometry.py --only r4 --runs 5
    python benchmarks/photometry.py --sources 100000 --no-photutils

One JSON object per line: versions and machine first, then one per case. In every round the three run one
after the other, in turned order; "faster_than" is the median over rounds of their time over ours (above 1 we
are faster), "deviation" the largest difference of fluxes over the sum of weights times |pixel|. Errors are
not compared: SEP and photutils before 3.1 define them otherwise (docs/concepts/aperture_overlap.md).
photutils 3.0 and before loop over sources in Python; 3.1 does not.
"""

import argparse
import json
import os
import platform
import time
import warnings

import numpy as np
import photutils
import sep
from photutils.aperture import CircularAnnulus, CircularAperture

from pipetask.photometry import Annulus, aperture_photometry

RADII = (3.0, 4.5, 6.0, 9.0, 12.0, 17.0, 25.0, 35.0, 50.0, 70.0)
CASES = {
    "exact-r4": {"radius": 4.0},
    "exact-r4-variance": {"radius": 4.0, "variance": True},
    "exact-r4-variance-mask-annulus": {"radius": 4.0, "variance": True, "mask": True, "annulus": (6.0, 10.0)},
    "exact-r4-annulus": {"radius": 4.0, "annulus": (6.0, 10.0)},
    "center-r4": {"radius": 4.0, "method": "center"},
    "subpixel-r4": {"radius": 4.0, "method": "subpixel"},
    "exact-r2": {"radius": 2.0},
    "exact-r12": {"radius": 12.0},
    "exact-r35": {"radius": 35.0, "share": 0.2},
    "exact-r70": {"radius": 70.0, "share": 0.05},
    "center-r35": {"radius": 35.0, "method": "center", "share": 0.2},
    "ten-radii-3-to-70": {"radius": RADII, "share": 0.05},
}


def scene(n, size, *, variance=False, mask=False):
    """Noise about 100, sources anywhere on the image and two pixels beyond."""
    rng = np.random.default_rng(20_260_101)
    image = rng.normal(100, 10, (size, size)).astype(np.float32)
    planes = {}
    if variance:
        planes["variance"] = rng.uniform(80, 120, image.shape).astype(np.float32)
    if mask:
        planes["mask"] = bad = np.zeros(image.shape, dtype=bool)
        specks = int(0.02 * bad.size / 12)  # of 3 x 4 pixels
        row, column = rng.integers(0, size - 4, (2, specks))
        for i in range(3):
            for j in range(4):
                bad[row + i, column + j] = True
    x, y = rng.uniform(-2, size + 1, (2, n))
    return image, x, y, planes


def ours(image, x, y, radius, *, method="exact", annulus=None, **planes):
    ring = None if annulus is None else Annulus(*annulus, method="center")
    return aperture_photometry(image, x, y, radius, method=method, annulus=ring, **planes).flux


def by_sep(image, x, y, radius, *, method="exact", annulus=None, variance=None, mask=None):
    points = {"exact": 0, "center": 1, "subpixel": 5}[method]
    options = {"subpix": points, "var": variance, "mask": mask, "bkgann": annulus}
    return np.stack([sep.sum_circle(image, x, y, r, **options)[0] for r in np.atleast_1d(radius)], axis=-1)


def by_photutils(image, x, y, radius, *, method="exact", annulus=None, variance=None, mask=None):
    centres = np.column_stack([x, y])
    error = None if variance is None else np.sqrt(variance)
    background = 0.0
    if annulus is not None:
        ring = CircularAnnulus(centres, *annulus)
        sums = _photutils_sums(ring, image, None, mask, "center")
        background = sums / ring.area_overlap(image, mask=mask, method="center")
    fluxes = []
    for r in np.atleast_1d(radius):
        circle = CircularAperture(centres, r)
        flux = _photutils_sums(circle, image, error, mask, method)
        if annulus is not None:
            flux = flux - background * circle.area_overlap(image, mask=mask, method=method)
        fluxes.append(flux)
    return np.stack(fluxes, axis=-1)


def _photutils_sums(aperture, image, error, mask, method):
    try:
        from photutils.aperture import AperturePhotometry
    except ImportError:  # before 3.1
        return aperture.do_photometry(image, error=error, mask=mask, method=method)[0]
    return np.asarray(AperturePhotometry(image, aperture, error=error, mask=mask, method=method).flux)


def deviation(got, expected, image, x, y, radius, options):
    """Largest difference over Σ w·|pixel|, where both are numbers."""
    scale = np.asarray(ours(np.abs(image), x, y, radius, method=options.get("method", "exact")))
    both = np.isfinite(got) & np.isfinite(expected)
    return float(np.max(np.abs(got - expected)[both] / scale[both], initial=0.0))


def measure(name, options, n, size, runs, peers):
    options = dict(options)
    radius, share = options.pop("radius"), options.pop("share", 1.0)
    n = max(1, int(n * share))
    image, x, y, planes = scene(
        n, size, variance=options.pop("variance", False), mask=options.pop("mask", False)
    )
    results = {peer: f(image, x, y, radius, **options, **planes) for peer, f in peers.items()}  # warm-up
    results = {peer: flux.reshape(n, -1) for peer, flux in results.items()}
    times = {peer: [] for peer in peers}
    for index in range(runs):
        order = list(peers)
        for peer in order[index % len(order) :] + order[: index % len(order)]:
            begin = time.perf_counter()
            peers[peer](image, x, y, radius, **options, **planes)
            times[peer].append(time.perf_counter() - begin)
    columns = np.atleast_1d(radius).tolist()
    others = [peer for peer in peers if peer != "ours"]
    return {
        "case": name,
        "sources": n,
        "image": [size, size],
        "runs": runs,
        "us_per_source": {p: round(float(np.median(t)) / n * 1e6, 3) for p, t in times.items()},
        "faster_than": {p: round(float(np.median(np.divide(times[p], times["ours"]))), 2) for p in others},
        "deviation": {
            p: deviation(results["ours"], results[p], image, x, y, columns, options)
            for p in others
            if not (p == "sep" and "mask" in planes)
        },
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=4096, help="side of the image [pixel]")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the names of cases")
    parser.add_argument("--no-photutils", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # photutils warns of apertures off the image
    peers = {"ours": ours, "sep": by_sep, "photutils": by_photutils}
    if arguments.no_photutils:
        del peers["photutils"]
    versions = {"numpy": np.__version__, "sep": sep.__version__, "photutils": photutils.__version__}
    print(json.dumps({**versions, "python": platform.python_version(), "cpus": os.cpu_count()}), flush=True)
    for name, options in CASES.items():
        if arguments.only in name:
            result = measure(name, options, arguments.sources, arguments.size, arguments.runs, peers)
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
