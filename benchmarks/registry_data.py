"""What `registry.py` and `registry_peer.py` insert, and how they measure: numpy and sphgeom only."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

DETECTORS = 100
PATCHES = 196
FINDS = 300


def seconds(act):
    """Return how long a call took."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def process_seconds(command, runs):
    """Return the median time of a whole process, after one run to warm up."""
    times = [
        seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        for _ in range(runs + 1)
    ]
    return statistics.median(times[1:])


def square(ra, dec, half):
    """Return a square on the sky [deg]."""
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


def patches():
    """Return places [deg] of the patches, on a grid of 14 by 14, and their regions."""
    places = [(8.5 + 0.2 * (i % 14), -1.4 + 0.2 * (i // 14)) for i in range(PATCHES)]
    return [square(*place, 0.11) for place in places]


def detector_regions(n):
    """Return the regions of n detector images, 100 per visit, at random on the patches."""
    rng = np.random.default_rng(1)
    pointings = rng.uniform(-0.5, 0.5, (n // DETECTORS + 1, 2))
    index = np.arange(n)
    ra = 10 + pointings[index // DETECTORS, 0] + 0.2 * (index % 10 - 5)
    dec = pointings[index // DETECTORS, 1] + 0.2 * (index // 10 % 10 - 5)
    return [square(*place, 0.09) for place in zip(ra.tolist(), dec.tolist(), strict=True)]


def data_id(i):
    """Return the data ID of dataset i."""
    return {"instrument": "Cam", "visit": i // DETECTORS, "detector": i % DETECTORS}


def cli_command(root, n):
    """Return the command line that looks for one dataset of n by its data ID."""
    where = f"instrument='Cam' AND visit={n // DETECTORS // 2} AND detector=7"
    program = Path(sys.executable).with_name("butler")
    search = ["query-datasets", str(root), "plain", "--collections", "plain", "--where", where]
    return [sys.executable, str(program), *search]


def show(found):
    """Print figures as JSON, rounded to four digits."""
    print(json.dumps(rounded(found), indent=1))


def rounded(found):
    """Return nested figures, floats rounded to four digits."""
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    return float(f"{found:.4g}") if isinstance(found, float) else found
