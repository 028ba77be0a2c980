"""How fast are the registry's bulk insertions, look-ups and queries? Both databases; prints JSON.

    python benchmarks/registry.py                        100,000 datasets; about a minute
    python benchmarks/registry.py --datasets 100000 1000000        and a million; about six minutes
    python benchmarks/registry.py --peer                 the reference beside it; two minutes more
    python benchmarks/registry.py --peer-python /some/venv/bin/python

Datasets are of visit and detector, 100 detectors per visit. However many there are, at most 10,000 files are
ingested, 100,000 regions inserted and 100,000 datasets queried. PostgreSQL is a server of our own, unless
``--postgresql URL`` names another; its disk settings are those that it comes with. The reference runs on
PostgreSQL only where the server has the extension btree_gist, and its own environment psycopg. Rates are per
second; a ratio above 1 means that we are faster. Results are checked: counts are read back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from peer import machine, peer_python, peer_versions  # first: it sees to the path

import numpy as np  # isort: skip
import registry_data as data  # isort: skip
from postgresql import server  # isort: skip
from registry_data import DETECTORS, FINDS, process_seconds, seconds, show  # isort: skip

from pipetask.butler import Butler, DataCoordinate, DatasetRef, DatasetType, FileDataset, Timespan  # isort: skip

FEW = 10_000
MANY = 100_000


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


def columns(index: np.ndarray) -> dict[str, object]:
    return {"instrument": ["Cam"] * len(index), "visit": index // DETECTORS, "detector": index % DETECTORS}


def regions_per_s(butler: Butler, n: int) -> float:
    """Insert records of n detector images, beside the patches that they lie on; overlaps included."""
    insert = butler.registry.insert_dimension_records
    insert(
        "skymap", [{"skymap": "sky", "hash": b"x", "tract_max": 1, "patch_nx_max": 14, "patch_ny_max": 14}]
    )
    insert("tract", [{"skymap": "sky", "tract": 0, "region": data.square(10, 0, 1.5)}])
    regions = data.patches()
    number = range(len(regions))
    patches = {"skymap": ["sky"] * len(regions), "tract": [0] * len(regions), "patch": number}
    patches |= {"cell_x": [i % 14 for i in number], "cell_y": [i // 14 for i in number], "region": regions}
    insert("patch", patches)
    records = columns(np.arange(n)) | {"region": data.detector_regions(n)}
    taken = seconds(lambda: insert("visit_detector_region", records))
    overlaps = len(butler.registry.overlap_columns("visit_detector_region", "patch")["patch"])
    assert overlaps > n / 2, overlaps
    return n / taken


def ingest_per_s(butler: Butler, dataset_type: DatasetType, folder: Path, n: int) -> float:
    """Ingest n files where they are."""
    folder.mkdir()
    files = []
    for i in range(n):
        path = folder / f"{i}.json"
        path.write_text("{}")
        coordinate = DataCoordinate.standardize(data.data_id(i), dimensions=dataset_type.dimensions)
        files.append(FileDataset(path, DatasetRef(dataset_type, coordinate, "filed")))
    taken = seconds(lambda: butler.ingest(*files, transfer="direct", checksums=False))
    assert len(butler.query_datasets("filed", collections="filed", limit=None)) == n
    return n / taken


def put_ms(butler: Butler, n: int) -> tuple[float, float]:
    """Put small dicts in one transaction, and each in its own."""

    def put(detectors: range, visit: int) -> None:
        for i in detectors:
            butler.put({"a": 1}, "small", instrument="Cam", visit=visit, detector=i, run="small")

    def together() -> None:
        with butler.transaction():
            put(range(n), 1)

    put(range(1), 0)
    os.sync()  # what was written for other figures, such as the files to ingest
    return seconds(together) / n * 1e3, seconds(lambda: put(range(1, n), 0)) / (n - 1) * 1e3


def find_ms(butler: Butler, n: int) -> float:
    """Find datasets one by one, spread over n."""
    data_ids = [data.data_id(i * (n // FINDS)) for i in range(FINDS)]

    def find() -> None:
        for data_id in data_ids:
            assert butler.find_dataset("plain", data_id, collections="plain") is not None

    find()
    return seconds(find) / FINDS * 1e3


def query_us(butler: Butler, n: int, *, with_records: bool, read: bool = False) -> float:
    """Query n datasets, maybe with their dimension records, and maybe read what each of them holds."""

    def query() -> None:
        found = butler.query_datasets(
            "plain", collections="plain", limit=n, with_dimension_records=with_records
        )
        assert len(found) == n
        if read:
            assert len({(ref.id, ref.run, ref.dataId.records["visit"].id) for ref in found}) == n

    return seconds(query) / n * 1e6


def measure(root: Path, n: int, registry_db: str | None, schema: str) -> dict[str, float]:
    found: dict[str, float] = {"datasets": n}
    with Butler.makeRepo(root, registry_db=registry_db, schema=schema if registry_db else None) as butler:
        registry = butler.registry
        camera(butler, n // DETECTORS)
        types = {}
        for name in ("plain", "filed", "small"):
            types[name] = DatasetType(
                name, ["visit", "detector"], "StructuredDataDict", universe=butler.dimensions
            )
            butler.register_dataset_type(types[name])
            butler.collections.register(name)
        index = np.arange(n)
        first = seconds(lambda: registry.insert_datasets("plain", "plain", columns(index[:FEW])))
        found["find_dataset_among_10000_ms"] = find_ms(butler, FEW)
        rest = seconds(lambda: registry.insert_datasets("plain", "plain", columns(index[FEW:])))
        found["register_per_s"] = n / (first + rest)
        found["find_dataset_ms"] = find_ms(butler, n)
        found["find_dataset_growth"] = found["find_dataset_ms"] / found["find_dataset_among_10000_ms"]
        found["ingest_per_s"] = ingest_per_s(butler, types["filed"], root / "outside", min(n, FEW))
        found["visit_detector_region_per_s"] = regions_per_s(butler, min(n, MANY))
        found["put_in_transaction_ms"], found["lone_put_ms"] = put_ms(butler, DETECTORS)
        queried = min(n, MANY)
        found["query_datasets_us"] = query_us(butler, queried, with_records=False)
        found["query_datasets_with_records_us"] = query_us(butler, queried, with_records=True)
        found["query_datasets_and_read_us"] = query_us(butler, queried, with_records=True, read=True)
    found["cli_query_s"] = process_seconds(data.cli_command(root, n), 5)
    floor = process_seconds([sys.executable, "-c", "import sqlalchemy"], 5)
    found["cli_query_above_sqlalchemy_s"] = found["cli_query_s"] - floor
    return found


def reference(python: Path, n: int, registry_db: str | None) -> dict[str, float]:
    script = Path(__file__).with_name("registry_peer.py")
    arguments = [str(python), str(script), str(n), *([registry_db] if registry_db else [])]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"not_run": done.stderr.strip().rpartition("\n")[2]}
    return json.loads(done.stdout)


def ratios(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """Return how many times faster we are, by figure."""
    shared = [name for name in ours if name in theirs and name != "datasets"]
    return {
        name: ours[name] / theirs[name] if name.endswith("_per_s") else theirs[name] / ours[name]
        for name in shared
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--datasets", type=int, nargs="+", default=[MANY], metavar="N", help="numbers of datasets, from 10000"
    )
    parser.add_argument("--postgresql", metavar="URL", help="server to use")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database only")
    parser.add_argument("--peer", action="store_true", help="measure the reference too")
    parser.add_argument("--peer-python", help="interpreter of an environment that holds it")
    parser.add_argument(
        "--peer-datasets", type=int, default=FEW, metavar="N", help="number of datasets for the reference"
    )
    options = parser.parse_args()
    if options.peer_python:
        os.environ["PIPETASK_PEER_PYTHON"] = options.peer_python
    python = peer_python() if options.peer or options.peer_python else None
    result: dict[str, object] = {"machine": machine()}
    if python:
        result["reference"] = peer_versions()
    with tempfile.TemporaryDirectory() as folder, server(options.postgresql) as url:
        urls = {"sqlite": None, "postgresql": url}
        for name in [options.only] if options.only else urls:
            if name == "postgresql" and url is None:
                continue
            theirs = reference(python, options.peer_datasets, urls[name]) if python else {}
            if theirs:
                result[f"{name}, reference"] = theirs
            for n in options.datasets:
                ours = measure(Path(folder) / f"{name}-{n}", n, urls[name], f"bench_{os.getpid()}_{n}")
                result[f"{name}, {n} datasets"] = ours | ({"ratios": ratios(ours, theirs)} if theirs else {})
    show(result)


if __name__ == "__main__":
    main()
