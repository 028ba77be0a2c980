"""How fast are the registry's bulk insertions, look-ups and queries? Both databases; prints JSON.

    python benchmarks/registry.py                        100,000 datasets
    python benchmarks/registry.py --datasets 1000000
    python benchmarks/registry.py --peer                 the reference beside it (benchmarks/.peer is made)
    python benchmarks/registry.py --peer-python /some/venv/bin/python

Datasets are of visit and detector, 100 detectors per visit. PostgreSQL is a server of our own, unless
``--postgresql URL`` names another; its disk settings are those that it comes with. Rates are per second. The
reference runs on SQLite only: on PostgreSQL it needs the extension btree_gist, which that server lacks.
Results are checked: counts are read back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peer import machine, peer_python, peer_versions  # first: it sees to the path
from postgresql import server

import numpy as np  # isort: skip
from lsst.sphgeom import ConvexPolygon, LonLat, UnitVector3d  # isort: skip

from pipetask.butler import Butler, DatasetType, FileDataset  # isort: skip
from pipetask.butler import DataCoordinate, DatasetRef, Timespan  # isort: skip

DETECTORS = 100


def seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def square(ra: float, dec: float, half: float) -> ConvexPolygon:
    corners = [
        (ra - half, dec - half),
        (ra + half, dec - half),
        (ra + half, dec + half),
        (ra - half, dec + half),
    ]
    return ConvexPolygon([UnitVector3d(LonLat.fromDegrees(*corner)) for corner in corners])


def camera(butler: Butler, visits: int) -> None:
    insert = butler.registry.insert_dimension_records
    insert("instrument", [{"name": "Cam", "detector_max": DETECTORS, "visit_max": 10**9}])
    names = [f"D{i}" for i in range(DETECTORS)]
    insert("detector", {"instrument": ["Cam"] * DETECTORS, "id": range(DETECTORS), "full_name": names})
    insert("physical_filter", [{"instrument": "Cam", "name": "g1", "band": "g"}])
    insert("day_obs", [{"instrument": "Cam", "id": 20260101}])
    columns = {
        "instrument": ["Cam"] * visits,
        "visit": np.arange(visits),
        "name": [f"v{i}" for i in range(visits)],
        "physical_filter": ["g1"] * visits,
        "day_obs": np.full(visits, 20260101),
        "timespan": [Timespan.from_ns(10 * i, 10 * i + 5) for i in range(visits)],
    }
    insert("visit", columns)


def columns(n: int) -> dict[str, object]:
    index = np.arange(n)
    return {"instrument": ["Cam"] * n, "visit": index // DETECTORS, "detector": index % DETECTORS}


def regions(butler: Butler, n: int) -> float:
    """Records of n detector images, beside the patches that they lie on; their rate, overlaps included."""
    insert = butler.registry.insert_dimension_records
    insert(
        "skymap", [{"skymap": "sky", "hash": b"x", "tract_max": 1, "patch_nx_max": 14, "patch_ny_max": 14}]
    )
    insert("tract", [{"skymap": "sky", "tract": 0, "region": square(10, 0, 1.5)}])
    places = [(8.5 + 0.2 * (i % 14), -1.4 + 0.2 * (i // 14)) for i in range(196)]
    patches = {"skymap": ["sky"] * 196, "tract": [0] * 196, "patch": range(196)}
    patches |= {"cell_x": [i % 14 for i in range(196)], "cell_y": [i // 14 for i in range(196)]}
    insert("patch", patches | {"region": [square(*place, 0.11) for place in places]})
    rng = np.random.default_rng(1)
    pointings = rng.uniform(-0.5, 0.5, (n // DETECTORS + 1, 2))
    index = np.arange(n)
    ra = 10 + pointings[index // DETECTORS, 0] + 0.2 * (index % 10 - 5)
    dec = pointings[index // DETECTORS, 1] + 0.2 * (index // 10 % 10 - 5)
    polygons = [square(*place, 0.09).encode() for place in zip(ra.tolist(), dec.tolist(), strict=True)]
    taken = seconds(lambda: insert("visit_detector_region", columns(n) | {"region": polygons}))
    overlaps = len(butler.registry.overlap_columns("visit_detector_region", "patch")["patch"])
    assert overlaps > n / 2, overlaps
    return n / taken


def measure(root: Path, n: int, registry_db: str | None) -> dict[str, object]:
    found: dict[str, object] = {}
    visits = n // DETECTORS
    with Butler.makeRepo(
        root, registry_db=registry_db, schema=f"bench_{os.getpid()}" if registry_db else None
    ) as butler:
        registry = butler.registry
        camera(butler, visits)
        types = {
            name: DatasetType(name, ["visit", "detector"], "StructuredDataDict", universe=butler.dimensions)
            for name in ("plain", "filed", "small")
        }
        for dataset_type in types.values():
            butler.register_dataset_type(dataset_type)
        for run in ("plain", "filed", "small"):
            butler.collections.register(run)

        data_ids = columns(n)
        taken = seconds(lambda: registry.insert_datasets("plain", "plain", data_ids))
        found["register_per_s"] = round(n / taken)

        data = root / "data"
        data.mkdir()
        group = types["filed"].dimensions
        refs = [
            DatasetRef(
                types["filed"],
                DataCoordinate.from_required(group, ("Cam", i // DETECTORS, i % DETECTORS)),
                "filed",
            )
            for i in range(n // 10)
        ]
        files = [FileDataset(data / f"{i}.json", ref) for i, ref in enumerate(refs)]
        for file in files:
            Path(file.path).write_text("{}")
        taken = seconds(lambda: butler.ingest(*files, transfer="direct", checksums=False))
        found["ingest_per_s"] = round(len(files) / taken)
        assert len(butler.query_datasets("filed", collections="filed", limit=None)) == len(files)

        found["visit_detector_region_per_s"] = round(regions(butler, n))
        found["put_in_transaction_ms"], found["lone_put_ms"] = puts(butler)
        found["find_dataset_ms"] = finds(butler, n)
        taken = seconds(lambda: count(registry.query_datasets("plain", "plain"), n))
        found["query_datasets_s"] = round(taken, 3)
        taken = seconds(lambda: count(registry.query_datasets("plain", "plain", with_records=True), n))
        found["query_datasets_with_records_s"] = round(taken, 3)
    return found


def count(refs: object, n: int) -> None:
    assert len(list(refs)) == n


def puts(butler: Butler) -> tuple[float, float]:
    def put(detectors: range, visit: int) -> None:
        for i in detectors:
            butler.put({"a": 1}, "small", instrument="Cam", visit=visit, detector=i, run="small")

    def together() -> None:
        with butler.transaction():
            put(range(DETECTORS), 1)

    put(range(1), 0)
    inside = seconds(together) / DETECTORS
    alone = seconds(lambda: put(range(1, 51), 0)) / 50
    return round(inside * 1e3, 3), round(alone * 1e3, 3)


def finds(butler: Butler, n: int) -> float:
    data_ids = [
        {"instrument": "Cam", "visit": i % (n // DETECTORS), "detector": i % DETECTORS} for i in range(500)
    ]

    def find() -> None:
        for data_id in data_ids:
            assert butler.find_dataset("plain", data_id, collections="plain") is not None

    find()
    return round(seconds(find) / len(data_ids) * 1e3, 3)


def reference(python: Path, n: int) -> dict[str, object]:
    script = Path(__file__).with_name("registry_peer.py")
    done = subprocess.run([str(python), str(script), str(n)], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--datasets", type=int, default=100_000, help="number of datasets, a multiple of 1000"
    )
    parser.add_argument("--postgresql", metavar="URL", help="server to use")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--peer", action="store_true", help="measure the reference too")
    parser.add_argument("--peer-python", help="interpreter of an environment that holds it")
    parser.add_argument(
        "--peer-datasets", type=int, default=10_000, help="number of datasets for the reference"
    )
    options = parser.parse_args()
    if options.peer_python:
        os.environ["PIPETASK_PEER_PYTHON"] = options.peer_python
    result: dict[str, object] = {"machine": machine(), "datasets": options.datasets}
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "postgresql":
            result["sqlite"] = measure(Path(folder) / "sqlite", options.datasets, None)
        if options.only != "sqlite":
            with server(options.postgresql) as url:
                if url:
                    result["postgresql"] = measure(Path(folder) / "postgresql", options.datasets, url)
    if options.peer or options.peer_python:
        result["reference"] = reference(peer_python(), options.peer_datasets) | {"versions": peer_versions()}
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
