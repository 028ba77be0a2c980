"""The reference's part of `registry.py`, run by its own Python: the same operations.

    python benchmarks/registry_peer.py DATASETS [POSTGRESQL_URL]

Prints JSON; the keys are those of `registry.py`.
"""

import os
import sys
import tempfile
from pathlib import Path

import registry_data as data
import sqlalchemy
from lsst.daf.butler import Butler, Config, DatasetRef, DatasetType, FileDataset
from registry_data import DETECTORS, FINDS, data_id, process_seconds, seconds, show


def camera(insert, visits):
    insert("instrument", {"name": "Cam", "detector_max": DETECTORS, "visit_max": 10**9, "class_name": "none"})
    insert("detector", *({"instrument": "Cam", "id": i, "full_name": f"D{i}"} for i in range(DETECTORS)))
    insert("physical_filter", {"instrument": "Cam", "name": "g1", "band": "g"})
    insert("day_obs", {"instrument": "Cam", "id": 20260101})
    common = {"instrument": "Cam", "physical_filter": "g1", "day_obs": 20260101}
    insert("visit", *(common | {"id": i, "name": f"v{i}"} for i in range(visits)))


def regions_per_s(insert, n):
    insert("skymap", {"name": "sky", "hash": b"x", "tract_max": 1, "patch_nx_max": 14, "patch_ny_max": 14})
    insert("tract", {"skymap": "sky", "id": 0, "region": data.square(10, 0, 1.5)})
    common = {"skymap": "sky", "tract": 0}
    insert(
        "patch",
        *(
            common | {"id": i, "cell_x": i % 14, "cell_y": i // 14, "region": region}
            for i, region in enumerate(data.patches())
        ),
    )
    records = [data_id(i) | {"region": region} for i, region in enumerate(data.detector_regions(n))]
    return n / seconds(lambda: insert("visit_detector_region", *records))


def ingest_per_s(butler, dataset_type, folder, n):
    folder.mkdir()
    files = []
    for i in range(n):
        path = folder / f"{i}.json"
        path.write_text("{}")
        coordinate = butler.registry.expandDataId(data_id(i))
        files.append(FileDataset(str(path), DatasetRef(dataset_type, coordinate, run="filed")))
    return n / seconds(lambda: butler.ingest(*files, transfer="direct"))


def put_ms(butler, n):
    def put(detectors, visit):
        for i in detectors:
            butler.put({"a": 1}, "small", instrument="Cam", visit=visit, detector=i, run="small")

    def together():
        with butler.transaction():
            put(range(n), 1)

    put(range(1), 0)
    os.sync()  # what was written for other figures, such as the files to ingest
    return seconds(together) / n * 1e3, seconds(lambda: put(range(1, n), 0)) / (n - 1) * 1e3


def find_ms(butler, n):
    def find():
        for i in range(FINDS):
            assert butler.find_dataset("plain", data_id(i * (n // FINDS)), collections="plain") is not None

    find()
    return seconds(find) / FINDS * 1e3


def query_us(butler, n, with_records, read=False):
    def query():
        found = butler.query_datasets(
            "plain", collections="plain", limit=n, with_dimension_records=with_records
        )
        assert len(found) == n
        if read:
            assert len({(ref.id, ref.run, ref.dataId.records["visit"].id) for ref in found}) == n

    return seconds(query) / n * 1e6


def make_repository(root, url):
    """Make a repository; on PostgreSQL in a schema of its own."""
    if url is None:
        Butler.makeRepo(root)
        return
    namespace = f"reference_{os.getpid()}"
    with sqlalchemy.create_engine(url).begin() as connection:
        connection.execute(sqlalchemy.text("CREATE EXTENSION IF NOT EXISTS btree_gist"))
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {namespace}"))
    Butler.makeRepo(root, config=Config({"registry": {"db": url, "namespace": namespace}}))


def main():
    n = int(sys.argv[1])
    url = sys.argv[2].replace("+psycopg:", ":") if len(sys.argv) > 2 else None
    found = {"datasets": n}
    with tempfile.TemporaryDirectory() as root:
        make_repository(root, url)
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
        found["register_per_s"] = n / seconds(lambda: registry.insertDatasets("plain", data_ids, run="plain"))
        found["find_dataset_ms"] = find_ms(butler, n)
        found["ingest_per_s"] = ingest_per_s(butler, types["filed"], Path(root) / "outside", min(n, 10_000))
        found["visit_detector_region_per_s"] = regions_per_s(registry.insertDimensionData, n)
        found["put_in_transaction_ms"], found["lone_put_ms"] = put_ms(butler, DETECTORS)
        found["query_datasets_us"] = query_us(butler, n, with_records=False)
        found["query_datasets_with_records_us"] = query_us(butler, n, with_records=True)
        found["query_datasets_and_read_us"] = query_us(butler, n, with_records=True, read=True)
        found["cli_query_s"] = process_seconds(data.cli_command(root, n), 2)
    show(found)


if __name__ == "__main__":
    main()
