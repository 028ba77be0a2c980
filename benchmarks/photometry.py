"""How fast is aperture photometry beside photutils and SEP, and do the three agree?

    python benchmarks/photometry.py --python ~/photometry-peers/bin/python     # some minutes
    python benchmarks/photometry.py --only ten-radii --runs 5

Ours and the peers run in one process of the Python named with --python (or PIPETASK_PHOTOMETRY_PYTHON), which
needs numpy, astropy, photutils >= 3.1 (so Python >= 3.12) and sep; ours is found by its path. To make one:

    python3.12 -m venv ~/photometry-peers
    ~/photometry-peers/bin/pip install numpy astropy "photutils>=3.1" sep

One JSON object per line: versions and machine first, then one per case. In every round all run one after the
other, in turned order; "faster_than" is the median over rounds of a peer's time over ours (above 1 we are
faster), by the clock or, with --cpu, by processor time, which counts on a machine that is shared. "wanted" is
the least that it should be. Single thread. "deviation" is the largest difference of fluxes over Σ w·|pixel|,
"error_deviation" the largest relative one of flux_err under the peer's own convention.

The ring is weighed by pixel centres, as SEP's always is, unless the case says otherwise. SEP scales sums up
for masked pixels: there it is compared with masked="scale". Radii scale the semi-axes of ellipses.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
RADII = (3.0, 4.5, 6.0, 9.0, 12.0, 17.0, 25.0, 35.0, 50.0, 70.0)
FULL = {"radius": 4.0, "variance": True, "mask": True, "annulus": (6.0, 10.0, "mean")}
CASES = {
    "exact-r4-n1e3": {"n": 1_000, "radius": 4.0, "wanted": (1.2, 0.8)},
    "exact-r4-n1e4": {"n": 10_000, "radius": 4.0},
    "exact-r4-n1e5": {"n": 100_000, "radius": 4.0, "wanted": (2.0, 1.5)},
    "variance-mask-annulus-n1e3": {"n": 1_000, **FULL, "wanted": (1.2, 0.8)},
    "variance-mask-annulus-n1e4": {"n": 10_000, **FULL},
    "variance-mask-annulus-n1e5": {"n": 100_000, **FULL, "wanted": (3.0, 1.8)},
    "variance-mask-exact-annulus-n1e5": {"n": 100_000, **FULL, "ring": "exact", "wanted": (3.0, 1.8)},
    "ten-radii-n1e3": {"n": 1_000, "radius": RADII},
    "ten-radii-n1e4": {"n": 10_000, "radius": RADII, "wanted": (3.0, 2.0)},
    "clipped-annulus-n1e4": {
        "n": 10_000,
        "radius": 4.0,
        "annulus": (6.0, 10.0, "clipped_median"),
        "wanted": (2.0, None),
    },
    "median-annulus-n1e4": {"n": 10_000, "radius": 4.0, "annulus": (6.0, 10.0, "median")},
    "exact-r4-variance-n1e4": {"n": 10_000, "radius": 4.0, "variance": True},
    "center-r4-n1e4": {"n": 10_000, "radius": 4.0, "method": "center"},
    "subpixel-r4-n1e4": {"n": 10_000, "radius": 4.0, "method": "subpixel"},
    "exact-r2-n1e4": {"n": 10_000, "radius": 2.0},
    "exact-r12-n1e4": {"n": 10_000, "radius": 12.0},
    "exact-r35-n1e4": {"n": 10_000, "radius": 35.0},
    "exact-r70-n1e3": {"n": 1_000, "radius": 70.0},
    "ellipse-n1e4": {"n": 10_000, "radius": 1.0, "ellipse": (6.0, 4.0, 0.5), "wanted": (1.0, None)},
    "ellipse-n1e5": {"n": 100_000, "radius": 1.0, "ellipse": (6.0, 4.0, 0.5), "wanted": (1.0, None)},
    "ellipse-full-n1e4": {
        "n": 10_000,
        **FULL,
        "radius": 1.0,
        "ellipse": (6.0, 4.0, 0.5),
        "annulus": (1.5, 2.5, "mean"),
    },
    "ellipse-subpixel-n1e4": {"n": 10_000, "radius": 1.0, "ellipse": (6.0, 4.0, 0.5), "method": "subpixel"},
    "ellipse-center-n1e4": {"n": 10_000, "radius": 1.0, "ellipse": (6.0, 4.0, 0.5), "method": "center"},
    "ellipse-ten-n1e3": {"n": 1_000, "radius": RADII, "ellipse": (1.0, 0.6, 0.5)},
    "ellipse-of-each-n1e4": {"n": 10_000, "radius": 1.0, "ellipse": "each"},
}


def scene(np, n, size, variance, mask):
    """Noise about 100, sources anywhere on the image and two pixels beyond, in no order."""
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


def ellipses(np, n):
    """Semi-axes and angles of galaxies, different for each."""
    rng = np.random.default_rng(20_260_102)
    a = rng.uniform(4, 8, n)
    return a, a * rng.uniform(0.4, 1, n), rng.uniform(-1.5, 1.5, n)


def ours(image, x, y, radius, *, method="exact", annulus=None, ring="center", **options):
    from pipetask.photometry import Annulus, aperture_photometry

    if annulus is not None:
        annulus = Annulus(*annulus, method=ring)
    result = aperture_photometry(image, x, y, radius, method=method, annulus=annulus, **options)
    return result.flux, result.flux_err


def by_sep(image, x, y, radius, *, method="exact", annulus=None, variance=None, mask=None, ellipse=None, **_):
    import numpy as np
    import sep

    points = {"exact": 0, "center": 1, "subpixel": 5}[method]
    options = {"subpix": points, "var": variance, "mask": mask, "bkgann": annulus and annulus[:2]}
    if ellipse is None:
        columns = [sep.sum_circle(image, x, y, r, **options) for r in np.atleast_1d(radius)]
    else:
        columns = [sep.sum_ellipse(image, x, y, *ellipse, r, **options) for r in np.atleast_1d(radius)]
    flux, error = (np.stack([column[k] for column in columns], axis=-1) for k in (0, 1))
    return flux, None if variance is None else error


def by_photutils(
    image,
    x,
    y,
    radius,
    *,
    method="exact",
    annulus=None,
    ring="center",
    variance=None,
    mask=None,
    ellipse=None,
):
    import numpy as np
    from astropy.stats import SigmaClip
    from photutils.aperture import AperturePhotometry, ApertureStats

    centres = np.column_stack([x, y])
    error = None if variance is None else np.sqrt(variance)  # timed: it wants errors
    background = None
    if annulus is not None:
        shape = photutils_ring(centres, *annulus[:2], ellipse)
        if annulus[2] == "mean":
            sums = AperturePhotometry(image, shape, mask=mask, method=ring)
            background = np.asarray(sums.flux) / _plain(sums.area)
        else:
            clip = SigmaClip(sigma=3, maxiters=5) if annulus[2].startswith("clipped") else None
            background = np.asarray(ApertureStats(image, shape, mask=mask, sigma_clip=clip).median)
    fluxes, errors = [], []
    for r in np.atleast_1d(radius):
        shape = photutils_aperture(centres, r, ellipse)
        sums = AperturePhotometry(image, shape, error=error, mask=mask, method=method)
        flux, area = np.array(sums.flux), _plain(sums.area)
        fluxes.append(flux if background is None else flux - background * area)
        errors.append(np.asarray(sums.flux_err))
    return np.stack(fluxes, axis=-1), None if variance is None else np.stack(errors, axis=-1)


def photutils_aperture(centres, radius, ellipse):
    from photutils.aperture import CircularAperture, EllipticalAperture

    if ellipse is None:
        return CircularAperture(centres, radius)
    a, b, theta = ellipse
    return EllipticalAperture(centres, a * radius, b * radius, theta=theta)


def photutils_ring(centres, r_in, r_out, ellipse):
    from photutils.aperture import CircularAnnulus, EllipticalAnnulus

    if ellipse is None:
        return CircularAnnulus(centres, r_in, r_out)
    a, b, theta = ellipse
    return EllipticalAnnulus(centres, a * r_in, a * r_out, b * r_out, b * r_in, theta=theta)


def _plain(area):
    import numpy as np

    return np.asarray(getattr(area, "value", area))


PEERS = {"ours": ours, "photutils": by_photutils, "sep": by_sep}


def deviations(np, peer, found, arguments, options):
    """Largest difference of fluxes over Σ w·|pixel| and of errors over their size."""
    image, x, y, radius = arguments
    ring = options.get("annulus")
    if peer == "sep" and (ring or options.get("mask") is not None) and options.get("ring") == "exact":
        return {}
    if peer == "sep" and ring and options.get("ellipse") is not None:  # its elliptical rings are others
        return {}
    same = {"errors": peer, "masked": "scale" if peer == "sep" else "exclude"}
    flux, error = ours(*arguments, **options, **same)
    bare = {key: value for key, value in options.items() if key not in ("annulus", "ring", "variance")}
    scale = ours(np.abs(image), x, y, radius, **bare, masked=same["masked"])[0]
    n = len(x)
    flux, scale, other = (column.reshape(n, -1) for column in (flux, scale, found[0]))
    both = np.isfinite(flux) & np.isfinite(other)
    result = {"deviation": float(np.max(np.abs(flux - other)[both] / scale[both], initial=0.0))}
    # photutils got errors in single precision; SEP adds the background's error
    if error is not None and not (peer == "sep" and ring):
        error, other = error.reshape(n, -1), found[1].reshape(n, -1)
        both = np.isfinite(error) & (other > 0)
        result["error_deviation"] = float(np.max(np.abs(error - other)[both] / other[both], initial=0.0))
    return result


def measure(np, name, case, size, runs, clock):
    case = dict(case)
    n, wanted = case.pop("n"), case.pop("wanted", None)
    radius = case.pop("radius")
    image, x, y, planes = scene(np, n, size, case.pop("variance", False), case.pop("mask", False))
    names = list(PEERS)
    if case.get("annulus", (0, 0, "mean"))[2] != "mean":
        names.remove("sep")
    if case.get("ellipse") == "each":
        case["ellipse"] = ellipses(np, n)
        names.remove("photutils")  # which has one shape for all positions
    arguments, options = (image, x, y, radius), {**case, **planes}
    found = {peer: PEERS[peer](*arguments, **options) for peer in names}  # warm-up
    times = {peer: [] for peer in names}
    for index in range(runs):
        turn = index % len(names)
        for peer in names[turn:] + names[:turn]:
            begin = clock()
            PEERS[peer](*arguments, **options)
            times[peer].append(clock() - begin)
    others = names[1:]
    return {
        "case": name,
        "sources": n,
        "image": [size, size],
        "runs": runs,
        "us_per_source": {p: round(float(np.median(t)) / n * 1e6, 3) for p, t in times.items()},
        "faster_than": {p: round(float(np.median(np.divide(times[p], times["ours"]))), 2) for p in others},
        "wanted": wanted and dict(zip(("photutils", "sep"), wanted, strict=True)),
        "agreement": {p: deviations(np, p, found[p], arguments, options) for p in others},
    }


def in_this_python(arguments):
    sys.path.insert(0, str(ROOT))
    import numpy as np
    import photutils
    import sep

    warnings.simplefilter("ignore")  # photutils warns of apertures off the image
    versions = {"numpy": np.__version__, "photutils": photutils.__version__, "sep": sep.__version__}
    clock = time.process_time if arguments.cpu else time.perf_counter
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "clock": clock.__name__}
    print(json.dumps({**versions, **machine, "load": round(os.getloadavg()[0], 1)}), flush=True)
    for name, case in CASES.items():
        if any(part in name for part in arguments.only.split(",")):
            print(json.dumps(measure(np, name, case, arguments.size, arguments.runs, clock)), flush=True)


def has_peers():
    try:
        from photutils.aperture import AperturePhotometry  # noqa: F401
    except ImportError:
        return False
    return importlib.util.find_spec("sep") is not None


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=os.environ.get("PIPETASK_PHOTOMETRY_PYTHON"))
    parser.add_argument("--size", type=int, default=4096, help="side of the image [pixel]")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="parts of the names of cases, with commas")
    parser.add_argument("--cpu", action="store_true", help="compare processor time")
    arguments = parser.parse_args()
    if arguments.python and Path(arguments.python).absolute() != Path(sys.executable).absolute():
        return subprocess.call([arguments.python, *sys.argv])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # before numpy is imported
    if not has_peers():
        parser.error(
            f"{sys.executable} has no photutils >= 3.1 or no sep. Make an environment (Python >= 3.12):\n"
            '  python3.12 -m venv PEERS && PEERS/bin/pip install numpy astropy "photutils>=3.1" sep\n'
            "and name it: --python PEERS/bin/python"
        )
    in_this_python(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
