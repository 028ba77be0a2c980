"""The survey and the pipeline that `quantum_graph.py` and `quantum_graph_peer.py` build graphs of.

isr (exposure, detector; prerequisites bias and flat by validity) -> calibrate (visit, detector) -> aperture
(prerequisite mask) -> visit table -> warps (visit, tract, patch; sky overlap) -> coadds.
"""

from __future__ import annotations

import itertools
import random
import resource

DETECTORS = 100
PATCHES = 14  # on a side
PATCH_DEG = 0.25
DETECTOR_DEG = 0.05
BANDS = {"g_1": "g", "r_1": "r", "i_1": "i"}
MINUTE = 60 * 10**9
BEGIN = 1_700_000_000 * 10**9
CALIBRATIONS = 4  # validity ranges of each bias and flat

# label: (dimensions, {connection: (kind, dataset type, dimensions, multiple)})
EXPOSURE, VISIT = ("instrument", "exposure", "detector"), ("instrument", "visit", "detector")
TASKS = {
    "isr": (
        EXPOSURE,
        {
            "raw": ("in", "raw", EXPOSURE, False),
            "bias": ("calib", "bias", ("instrument", "detector"), False),
            "flat": ("calib", "flat", ("instrument", "detector", "physical_filter"), False),
            "post": ("out", "postISRCCD", EXPOSURE, False),
        },
    ),
    "calibrate": (
        VISIT,
        {
            "posts": ("in", "postISRCCD", EXPOSURE, True),
            "calexp": ("out", "calexp", VISIT, False),
            "src": ("out", "src", VISIT, False),
        },
    ),
    "aperture": (
        VISIT,
        {
            "calexp": ("in", "calexp", VISIT, False),
            "src": ("in", "src", VISIT, False),
            "mask": ("pre", "areaMask", VISIT, False),
            "fluxes": ("out", "apFlux", VISIT, False),
        },
    ),
    "visitTable": (
        ("instrument", "visit"),
        {
            "fluxes": ("in", "apFlux", VISIT, True),
            "table": ("out", "visitTable", ("instrument", "visit"), False),
        },
    ),
    "warp": (
        ("instrument", "skymap", "visit", "tract", "patch"),
        {
            "calexps": ("in", "calexp", VISIT, True),
            "warp": ("out", "warp", ("instrument", "skymap", "visit", "tract", "patch"), False),
        },
    ),
    "coadd": (
        ("skymap", "tract", "patch", "band"),
        {
            "warps": ("in", "warp", ("instrument", "skymap", "visit", "tract", "patch"), True),
            "coadd": ("out", "coadd", ("skymap", "tract", "patch", "band"), False),
        },
    ),
}


def square(lon: float, lat: float, width: float) -> bytes:
    from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

    corners = [(lon, lat), (lon + width, lat), (lon + width, lat + width), (lon, lat + width)]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners]).encode()


def survey(n_visits: int) -> tuple[dict, dict, dict]:
    """Records by element, datasets by type, and calibrations as (type, columns, begin, end)."""
    rng = random.Random(7)
    filters = list(BANDS)
    side = PATCHES * PATCH_DEG
    field = DETECTOR_DEG * DETECTORS**0.5
    at = [(rng.uniform(0, side - field), rng.uniform(0, side - field)) for _ in range(n_visits)]
    ids = list(range(1, n_visits + 1))
    of = [filters[i % len(filters)] for i in ids]
    days = [20260101 + i // 500 for i in ids]
    begin = [BEGIN + i * MINUTE for i in ids]
    end = [t + MINUTE // 2 for t in begin]
    cam = ["Cam"] * n_visits
    observed = {"physical_filter": of, "day_obs": days, "timespan_begin": begin, "timespan_end": end}
    corner = range(int(DETECTORS**0.5))
    all_days = sorted(set(days))
    patches = [(x, y) for y in range(PATCHES) for x in range(PATCHES)]
    n_pixels = n_visits * DETECTORS
    by_detector = {"instrument": ["Cam"] * n_pixels, "detector": list(range(DETECTORS)) * n_visits}
    per_visit = [v for v in ids for _ in range(DETECTORS)]
    records = {
        "instrument": {
            "instrument": ["Cam"],
            "detector_max": [DETECTORS],
            "visit_max": [10**9],
            "exposure_max": [10**9],
            "class_name": ["none"],
        },
        "physical_filter": {
            "instrument": ["Cam"] * 3,
            "physical_filter": filters,
            "band": list(BANDS.values()),
        },
        "detector": {
            "instrument": ["Cam"] * DETECTORS,
            "detector": list(range(DETECTORS)),
            "full_name": [f"d{i}" for i in range(DETECTORS)],
        },
        "day_obs": {"instrument": ["Cam"] * len(all_days), "day_obs": all_days},
        "group": {"instrument": cam, "group": [str(i) for i in ids]},
        "exposure": {
            "instrument": cam,
            "exposure": ids,
            "obs_id": [str(i) for i in ids],
            "group": [str(i) for i in ids],
            **observed,
        },
        "visit": {
            "instrument": cam,
            "visit": ids,
            "name": [str(i) for i in ids],
            "region": [square(x, y, field) for x, y in at],
            **observed,
        },
        "visit_definition": {"instrument": cam, "exposure": ids, "visit": ids},
        "skymap": {
            "skymap": ["map"],
            "hash": [b"0" * 20],
            "tract_max": [1],
            "patch_nx_max": [PATCHES],
            "patch_ny_max": [PATCHES],
        },
        "tract": {"skymap": ["map"], "tract": [0], "region": [square(0, 0, side)]},
        "patch": {
            "skymap": ["map"] * len(patches),
            "tract": [0] * len(patches),
            "patch": list(range(len(patches))),
            "cell_x": [x for x, _ in patches],
            "cell_y": [y for _, y in patches],
            "region": [square(x * PATCH_DEG, y * PATCH_DEG, PATCH_DEG) for x, y in patches],
        },
        "visit_detector_region": {
            **by_detector,
            "visit": per_visit,
            "region": [
                square(x + i * DETECTOR_DEG, y + j * DETECTOR_DEG, DETECTOR_DEG)
                for x, y in at
                for j in corner
                for i in corner
            ],
        },
    }
    datasets = {
        "raw": (EXPOSURE, {**by_detector, "exposure": per_visit}),
        "areaMask": (VISIT, {**by_detector, "visit": per_visit}),
    }
    one = {"instrument": ["Cam"] * DETECTORS, "detector": list(range(DETECTORS))}
    calibrations = {
        "bias": (("instrument", "detector"), one),
        "flat": (
            ("instrument", "detector", "physical_filter"),
            {
                "instrument": ["Cam"] * DETECTORS * 3,
                "detector": list(range(DETECTORS)) * 3,
                "physical_filter": [f for f in filters for _ in range(DETECTORS)],
            },
        ),
    }
    return records, datasets, calibrations


def validity(n_visits: int) -> list[tuple[int, int]]:
    """Ranges that together cover all visits; they change between two of them."""
    per_range = (n_visits + CALIBRATIONS) // CALIBRATIONS
    bounds = [BEGIN + k * per_range * MINUTE + MINUTE * 3 // 4 for k in range(CALIBRATIONS + 1)]
    return list(itertools.pairwise(bounds))


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
