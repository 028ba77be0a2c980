"""The reference's part of `registry.py`, run by its own Python, on SQLite: the same operations.

    python benchmarks/registry_peer.py DATASETS

Prints JSON; the keys are those of `registry.py`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from lsst.daf.butler import Butler, DatasetRef, DatasetType, FileDataset
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d

DETECTORS = 100


def seconds(act):
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def square(ra, dec, half):
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


def camera(insert, visits):
    insert("instrument", {"name": "Cam", "detector_max": DETECTORS, "visit_max": 10**9, "class_name": "none"})
    insert("detector", *({"instrument": "Cam", "id": i, "full_name": f"D{i}"} for i in range(DETECTORS)))
    insert("physical_filter", {"instrument": "Cam", "name": "g1", "band": "g"})
    insert("day_obs", {"instrument": "Cam", "id": 20260101})
    common = {"instrument": "Cam", "physical_filter": "g1", "day_obs": 20260101}
    insert("visit", *(common | {"id": i, "name": f"v{i}"} for i in range(visits)))


def data_id(i):
    return {"instrument": "Cam", "visit": i // DETECTORS, "detector": i % DETECTORS}


def regions(insert, n):
    insert("skymap", {"name": "sky", "hash": b"x", "tract_max": 1, "patch_nx_max": 14, "patch_ny_max": 14})
    insert("tract", {"skymap": "sky", "id": 0, "region": square(10, 0, 1.5)})
    places = [(8.5 + 0.2 * (i % 14), -1.4 + 0.2 * (i // 14)) for i in range(196)]
    patches = [
        {
            "skymap": "sky",
            "tract": 0,
            "id": i,
            "cell_x": i % 14,
            "cell_y": i // 14,
            "region": square(*place, 0.11),
        }
        for i, place in enumerate(places)
    ]
    insert("patch", *patches)
    rng = np.random.default_rng(1)
    pointings = rng.uniform(-0.5, 0.5, (n // DETECTORS + 1, 2))
    index = np.arange(n)
    ra = 10 + pointings[index // DETECTORS, 0] + 0.2 * (index % 10 - 5)
    dec = pointings[index // DETECTORS, 1] + 0.2 * (index // 10 % 10 - 5)
    records = [
        data_id(i) | {"region": square(*place, 0.09)}
        for i, place in enumerate(zip(ra.tolist(), dec.tolist(), strict=True))
    ]
    return n / seconds(lambda: insert("visit_detector_region", *records))


def main():
    n = int(sys.argv[1])
    found = {"datasets": n}
    with tempfile.TemporaryDirectory() as root:
        Butler.makeRepo(root)
        butler = Butler.from_config(root, writeable=True)
        registry = butler.registry
        camera(registry.insertDimensionData, n // DETECTORS)
        types = {}
        for name in ("plain", "filed", "small"):
            types[name] = DatasetType(
                name, {"visit", "detector"}, "StructuredDataDict", universe=butler.dimensions
            )
            registry.registerDatasetType(types[name])
            butler.collections.register(name)

        data_ids = [data_id(i) for i in range(n)]
        taken = seconds(lambda: registry.insertDatasets("plain", data_ids, run="plain"))
        found["register_per_s"] = round(n / taken)

        data = Path(root) / "outside"
        data.mkdir()
        files = []
        for i in range(n // 10):
            path = data / f"{i}.json"
            path.write_text("{}")
            coordinate = registry.expandDataId(data_id(i))
            files.append(FileDataset(str(path), DatasetRef(types["filed"], coordinate, run="filed")))
        taken = seconds(lambda: butler.ingest(*files, transfer="direct"))
        found["ingest_per_s"] = round(len(files) / taken)

        found["visit_detector_region_per_s"] = round(regions(registry.insertDimensionData, n))

        def put(detectors, visit):
            for i in detectors:
                butler.put({"a": 1}, "small", instrument="Cam", visit=visit, detector=i, run="small")

        def together():
            with butler.transaction():
                put(range(DETECTORS), 1)

        put(range(1), 0)
        found["put_in_transaction_ms"] = round(seconds(together) / DETECTORS * 1e3, 3)
        found["lone_put_ms"] = round(seconds(lambda: put(range(1, 51), 0)) / 50 * 1e3, 3)

        def find():
            for i in range(200):
                where = {"instrument": "Cam", "visit": i % (n // DETECTORS), "detector": i % DETECTORS}
                assert butler.find_dataset("plain", where, collections="plain") is not None

        find()
        found["find_dataset_ms"] = round(seconds(find) / 200 * 1e3, 3)
        for key, with_records in (("query_datasets_s", False), ("query_datasets_with_records_s", True)):
            taken = seconds(
                lambda with_records=with_records: butler.query_datasets(
                    "plain", collections="plain", limit=None, with_dimension_records=with_records
                )
            )
            found[key] = round(taken, 3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
