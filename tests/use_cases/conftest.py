"""A repository with two visits of two detectors, a sky map of two tracts, exposures, catalogs and calibrations."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from astropy.wcs import WCS
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

from pipetask.butler import Butler, DatasetType, Exposure, Mask, PhotoCalib, Psf, Timespan, VisitInfo

SHAPE = (40, 50)
CAM = {"instrument": "Cam"}
TYPES = {
    "calexp": (["visit", "detector"], "ExposureF"),
    "src": (["visit", "detector"], "SourceCatalog"),
    "jointcal_wcs": (["visit", "detector", "tract"], "Wcs"),
    "jointcal_photoCalib": (["visit", "detector", "tract"], "PhotoCalib"),
    "catalog": (["tract", "patch", "band"], "SourceCatalog"),
    "merged": (["tract", "patch"], "SourceCatalog"),
    "deepCoadd": (["tract", "patch", "band"], "ExposureF"),
    "detected_background": (["tract", "patch", "band"], "Background"),
    "detected_plane": (["tract", "patch", "band"], "NumpyArray"),
    "new_variance": (["visit", "detector"], "Image"),
    "new_mask": (["visit", "detector"], "Mask"),
    "new_wcs": (["visit", "detector"], "Wcs"),
    "visit_wide": (["visit"], "VisitInfo"),
}


def square(ra, dec, half=0.1):
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(x % 360, y)) for x, y in corners])


def make_wcs(ra, dec=0.0, scale=1e-3):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [SHAPE[1] / 2, SHAPE[0] / 2]
    wcs.wcs.cdelt = [-scale, scale]
    wcs.wcs.set()
    return wcs


def make_exposure(seed, ra=10.0):
    random = np.random.default_rng(seed)
    mask = Mask.zeros(SHAPE)
    mask.set("SAT", random.random(SHAPE) < 0.02)
    return Exposure(
        random.normal(100.0, 5.0, SHAPE).astype(np.float32),
        mask,
        np.full(SHAPE, 25.0, np.float32),
        wcs=make_wcs(ra),
        psf=Psf(sigma=1.7),
        photoCalib=PhotoCalib(2.0),
        filter="Cam-r",
        visitInfo=VisitInfo(exposure_time_s=30.0),
        metadata={"SEED": seed},
    )


def make_catalog(seed, n=5, first_id=1):
    random = np.random.default_rng(seed)
    table = Table({"id": np.arange(first_id, first_id + n), "flux": random.uniform(10, 1000, n)})
    table["flux"].unit = "adu"
    table["flux"].description = "Sum of the pixels"
    return table


@pytest.fixture(scope="session")
def make():
    """Functions that make the objects of the tests."""
    return SimpleNamespace(exposure=make_exposure, catalog=make_catalog, wcs=make_wcs)


@pytest.fixture
def repo(tmp_path):
    """Writeable butler; exposures and catalogs are in run ``single``."""
    butler = Butler.makeRepo(tmp_path / "repo")
    insert = butler.registry.insert_dimension_records
    insert("instrument", [CAM])
    insert("detector", [{**CAM, "detector": i, "full_name": f"D{i}"} for i in (0, 1)])
    insert("physical_filter", [{**CAM, "physical_filter": f"Cam-{b}", "band": b} for b in "gr"])
    insert("day_obs", [{**CAM, "day_obs": 20300101}])
    for visit, band in ((1, "g"), (2, "r")):
        common = {**CAM, "day_obs": 20300101, "physical_filter": f"Cam-{band}", "visit": visit}
        insert(
            "visit",
            [
                {
                    **common,
                    "name": f"v{visit}",
                    "timespan": Timespan.from_ns(visit, visit + 1),
                    "region": square(10, 0),
                }
            ],
        )
        insert(
            "visit_detector_region",
            [{**CAM, "visit": visit, "detector": d, "region": square(10 + 0.2 * d, 0)} for d in (0, 1)],
        )
    insert(
        "skymap", [{"skymap": "s", "hash": b"s" * 20, "tract_max": 2, "patch_nx_max": 2, "patch_ny_max": 1}]
    )
    for tract, ra in ((0, 10.0), (1, 10.2)):
        insert("tract", [{"skymap": "s", "tract": tract, "region": square(ra, 0, 0.15)}])
        insert(
            "patch",
            [
                {
                    "skymap": "s",
                    "tract": tract,
                    "patch": patch,
                    "cell_x": patch,
                    "cell_y": 0,
                    "region": square(ra - 0.05 + 0.1 * patch, 0, 0.05),
                }
                for patch in (0, 1)
            ],
        )
    for name, (dimensions, storage_class) in TYPES.items():
        butler.register_dataset_type(DatasetType(name, dimensions, storage_class, universe=butler.dimensions))
    for run in ("single", "later", "last"):
        butler.collections.register(run)
    with butler.transaction():
        for visit in (1, 2):
            for detector in (0, 1):
                where = {**CAM, "visit": visit, "detector": detector}
                butler.put(make_exposure(10 * visit + detector), "calexp", where, run="single")
                butler.put(make_catalog(10 * visit + detector), "src", where, run="single")
    yield butler
    butler.close()


@pytest.fixture
def define(repo, tmp_path):
    """Register the composites of a YAML text."""

    def register(text):
        path = tmp_path / "composites.yaml"
        path.write_text(text)
        return repo.composites.register_file(path)

    return register
