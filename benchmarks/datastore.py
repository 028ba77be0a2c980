"""How fast the datastore is: parts of exposures, whole ones, small dicts, composites; prints JSON.

    python benchmarks/datastore.py            # ours, and plain astropy on the same files
    python benchmarks/datastore.py --peer     # small dicts with the reference too

Times are of the process's CPU (one thread, warm files), the least of several tries; what is compared takes
turns. Rates of small dicts are given by the clock too. They need a file each: ext4 passes over what was
deleted nearby within the last minutes, one by one, so that making a file may take 30 times as long after
thousands were deleted. Therefore the folder is chosen where that is fastest, and ``plain_files_per_s`` says
how fast it is.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from peer import machine, peer_python, peer_versions

from pipetask import Butler
from pipetask.butler import Box, DatasetType, Exposure

Times = tuple[float, float]  # of the clock, of the CPU
COMPOSITE = """
composites:
  catalog_tract:
    storageClass: SourceCatalog
    dimensions: [tract]
    assembler: datastore.composites.tables.stack_rows
    components:
      patches: {datasetType: catalog, subset: true}
"""


def least(tries: int, **actions: Callable[[], object]) -> dict[str, float]:
    """Return the least CPU time of each action, tried in turns."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(tries):
        for name, action in actions.items():
            begin = time.process_time()
            action()
            best[name] = min(best[name], time.process_time() - begin)
    return best


def made_repository(folder: Path, n_detectors: int, n_patches: int) -> Butler:
    butler = Butler.makeRepo(folder)
    registry = butler.registry
    registry.insert_dimension_records("instrument", [{"name": "Cam"}])
    registry.insert_dimension_records(
        "detector", [{"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(n_detectors)]
    )
    registry.insert_dimension_records("skymap", [{"name": "s", "hash": b"s" * 16}])
    registry.insert_dimension_records("tract", [{"skymap": "s", "id": 0}])
    registry.insert_dimension_records(
        "patch", [{"skymap": "s", "tract": 0, "id": i, "cell_x": i, "cell_y": 0} for i in range(n_patches)]
    )
    types = {
        "image": (["instrument", "detector"], "ExposureF"),
        "note": (["instrument", "detector"], "StructuredDataDict"),
        "catalog": (["tract", "patch"], "SourceCatalog"),
    }
    for name, (dimensions, storage_class) in types.items():
        butler.register_dataset_type(DatasetType(name, dimensions, storage_class, universe=butler.dimensions))
    butler.close()
    return Butler.from_config(folder, run="run")


def noise(size: int) -> Exposure:
    """A sky with noise, a mask with few pixels, a smooth variance: what compresses like real images."""
    from astropy.wcs import WCS

    random = np.random.default_rng(1)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [10.0, 0.0], [size / 2] * 2, [-5e-5, 5e-5]
    exposure = Exposure(random.normal(1000.0, 30.0, (size, size)).astype(np.float32), wcs=wcs)
    exposure.variance[:] = 900.0 + 0.01 * np.arange(size, dtype=np.float32)
    exposure.mask.set("SAT", random.random((size, size)) < 1e-4)
    return exposure


def exposures(butler: Butler, size: int, tries: int) -> dict[str, object]:
    exposure = noise(size)
    where = {"instrument": "Cam", "detector": 0}
    ref = butler.put(exposure, "image", where)
    path = butler.getURI(ref).removeprefix("file://")
    box = Box(size // 2 - 50, size // 2 - 50, 100, 100)
    part = (slice(box.y0, box.y0 + 100), slice(box.x0, box.x0 + 100))

    def section(*names: str) -> list[np.ndarray]:
        with fits.open(path) as hdus:
            return [np.array(hdus[name].section[part]) for name in names]

    def plain_read() -> list[np.ndarray]:
        with fits.open(path, memmap=False) as hdus:
            return [np.array(hdus[name].data) for name in ("IMAGE", "MASK", "VARIANCE")]

    planes = ("IMAGE", "MASK", "VARIANCE")
    assert np.array_equal(section("IMAGE")[0], butler.get("image.image", where, parameters={"bbox": box}))
    times = least(
        tries,
        whole=lambda: butler.get(ref),
        plain_whole=plain_read,
        wcs=lambda: butler.get("image.wcs", where),
        cutout=lambda: butler.get(ref, parameters={"bbox": box}),
        cutout_image=lambda: butler.get("image.image", where, parameters={"bbox": box}),
        section_image=lambda: section("IMAGE"),
        section_planes=lambda: section(*planes),
    )
    writing = least(max(2, tries // 3), **writers(butler, exposure, path))
    return {
        "pixels": [size, size],
        "file_mb": round(Path(path).stat().st_size / 1e6, 1),
        "cpu_s": {name: round(value, 5) for name, value in {**times, **writing}.items()},
        "wcs_faster_than_whole": round(times["whole"] / times["wcs"], 1),
        "cutout_faster_than_whole": round(times["whole"] / times["cutout"], 1),
        "cutout_image_over_section": round(times["cutout_image"] / times["section_image"], 2),
        "cutout_over_sections_of_planes": round(times["cutout"] / times["section_planes"], 2),
        "get_over_plain_read": round(times["whole"] / times["plain_whole"], 3),
        "put_over_plain_write": round(writing["put"] / writing["plain_write"], 3),
    }


def writers(butler: Butler, exposure: Exposure, path: str) -> dict[str, Callable[[], object]]:
    """Return a put, and astropy writing the same planes, compressed likewise, to a file."""
    numbers = iter(range(1, 1000))
    target = Path(path).with_name("plain.fits")

    def plain() -> None:
        tile = {"compression_type": "GZIP_2", "tile_shape": (256, 256), "quantize_level": 0.0}
        hdus = [
            fits.CompImageHDU(array, name=name, **tile)
            for name, array in (
                ("IMAGE", exposure.image),
                ("MASK", exposure.mask.array),
                ("VARIANCE", exposure.variance),
            )
        ]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(target, overwrite=True)

    return {
        "put": lambda: butler.put(exposure, "image", {"instrument": "Cam", "detector": next(numbers)}),
        "plain_write": plain,
    }


def files_per_s(folder: Path, count: int) -> float:
    """Make files by plain calls and leave them there; return how many per second."""
    folder.mkdir()
    begin = time.perf_counter()
    for i in range(count):
        descriptor = os.open(folder / f"{i}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, b"{}")
        os.close(descriptor)
        (folder / f"{i}.part").replace(folder / f"{i}.json")
    return count / (time.perf_counter() - begin)


@contextmanager
def fastest_folder() -> Iterator[Path]:
    """Yield a new folder, where files are made fastest of several places."""
    with ExitStack() as stack:
        found = {}
        for place in {Path(tempfile.gettempdir()), Path.cwd(), Path(__file__).parent, Path.home()}:
            with suppress(OSError):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
                found[max(files_per_s(folder / name, 20) for name in "ab")] = folder
        yield found[max(found)]


def small_dicts(butler: Butler, count: int) -> dict[str, object]:
    refs = []
    begin = time.perf_counter(), time.process_time()
    with butler.transaction():
        for i in range(count):
            refs.append(butler.put({"a": i, "b": [1.5, "x"]}, "note", {"instrument": "Cam", "detector": i}))
    middle = time.perf_counter(), time.process_time()
    for i, ref in enumerate(refs):
        assert butler.get(ref)["a"] == i
    end = time.perf_counter(), time.process_time()
    return rates(count, begin, middle, end)


def rates(count: int, begin: Times, middle: Times, end: Times) -> dict[str, float]:
    """Return how many were put and got per second of the clock, and of the process's CPU."""
    return {
        "count": count,
        "put_per_s": round(count / (middle[0] - begin[0])),
        "get_per_s": round(count / (end[0] - middle[0])),
        "put_per_cpu_s": round(count / (middle[1] - begin[1])),
        "get_per_cpu_s": round(count / (end[1] - middle[1])),
    }


PEER = """
import json, sys, time
from lsst.daf.butler import Butler, DatasetType
count, root = int(sys.argv[1]), sys.argv[2]
config = Butler.makeRepo(root)
butler = Butler.from_config(config, run="run")
butler.registry.insertDimensionData("instrument", {"name": "Cam"})
butler.registry.insertDimensionData(
    "detector", *({"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(count))
)
kind = DatasetType("note", ["instrument", "detector"], "StructuredDataDict", universe=butler.dimensions)
butler.registry.registerDatasetType(kind)
refs = []
begin = time.perf_counter(), time.process_time()
with butler.transaction():
    for i in range(count):
        refs.append(butler.put({"a": i, "b": [1.5, "x"]}, "note", instrument="Cam", detector=i))
middle = time.perf_counter(), time.process_time()
for i, ref in enumerate(refs):
    assert butler.get(ref)["a"] == i
print(json.dumps([begin, middle, (time.perf_counter(), time.process_time())]))
"""


def peer_dicts(folder: Path, count: int) -> dict[str, float]:
    command = [str(peer_python()), "-c", PEER, str(count), str(folder / "peer")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    begin, middle, end = json.loads(done.stdout)
    return rates(count, begin, middle, end)


def composite(butler: Butler, n_patches: int, n_rows: int, tries: int) -> dict[str, object]:
    random = np.random.default_rng(2)
    paths = []
    for patch in range(n_patches):
        table = Table({name: random.normal(size=n_rows) for name in ("x", "y", "flux", "flux_err")})
        table["id"] = np.arange(n_rows) + n_rows * patch
        table["flux"].unit = "nJy"
        ref = butler.put(table, "catalog", {"skymap": "s", "tract": 0, "patch": patch})
        paths.append(butler.getURI(ref).removeprefix("file://"))
    definition = Path(butler.root) / "composites.yaml"
    definition.write_text(COMPOSITE)
    butler.composites.register_file(definition)
    where = {"skymap": "s", "tract": 0}
    assert len(butler.get("catalog_tract", where)) == n_patches * n_rows
    times = least(
        tries,
        composite=lambda: (butler.datastore.components.clear(), butler.get("catalog_tract", where)),
        vstack=lambda: vstack([Table.read(path, hdu="CATALOG") for path in paths]),
    )
    return {
        "patches": n_patches,
        "rows_each": n_rows,
        "cpu_s": {name: round(value, 4) for name, value in times.items()},
        "composite_over_vstack": round(times["composite"] / times["vstack"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=4096, help="side of the exposure in pixels")
    parser.add_argument("--count", type=int, default=3000, help="small dicts")
    parser.add_argument("--patches", type=int, default=100)
    parser.add_argument("--rows", type=int, default=2000, help="of each patch")
    parser.add_argument("--tries", type=int, default=7)
    parser.add_argument("--peer", action="store_true", help="run the reference too")
    options = parser.parse_args()
    with fastest_folder() as folder:
        with made_repository(folder / "repo", max(options.count, 1000), options.patches) as butler:
            result: dict[str, object] = {
                "machine": machine(),
                "small_dicts": small_dicts(butler, options.count),
                "exposure": exposures(butler, options.size, options.tries),
                "composite": composite(butler, options.patches, options.rows, options.tries),
                "plain_files_per_s": round(files_per_s(folder / "files", options.count)),
            }
        if options.peer:
            result["peer"] = {**peer_versions(), "small_dicts": peer_dicts(folder, min(options.count, 1000))}
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
