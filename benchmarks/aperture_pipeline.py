"""How much of the time of `pipetask run` is inside tasks? `pipelines/aperture.yaml` on simulated images.

    python benchmarks/aperture_pipeline.py --exposures 4           # some minutes
    python benchmarks/aperture_pipeline.py --exposures 100         # the full size: 100 of 2048 x 2048 pixels

Prints one JSON object. "wall_s" is the whole command with one process, from its start to its end: imports,
the graph, checks, commits. "tasks_s" is the sum of the times of the quanta, as the provenance of the run has
them: a task's own work with the reading and writing of its datasets. "inside" is its part of the wall time,
"cpu_inside" the same in processor time, which a busy machine changes less; "wanted" is the least that they
should be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peer import machine

from pipetask import Butler
from pipetask.simulate import simulate_survey

ROOT = Path(__file__).parents[1]
WANTED = 0.85


def command(*parts: object) -> None:
    name, *rest = map(str, parts)
    done = subprocess.run(
        [str(Path(sys.executable).parent / name), *rest], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{name} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def prepare(folder: Path, exposures: int, side: int, stars: int) -> Path:
    simulate_survey(
        folder / "raw",
        bands=("r",),
        visits_per_band=exposures,
        detectors=1,
        shape=(side, side),
        stars_per_detector=stars,
    )
    repo = folder / "repo"
    command("butler", "create", repo)
    command("butler", "register-instrument", repo, ROOT / "examples" / "cameras" / "simcam.yaml")
    command("butler", "ingest-raws", repo, folder / "raw")
    command("butler", "define-visits", repo, "SimCam")
    return repo


def measure(repo: Path) -> dict[str, object]:
    before, begin = os.times(), time.perf_counter()
    command(
        *("pipetask", "run", "-b", repo, "-p", ROOT / "pipelines" / "aperture.yaml", "-i", "SimCam/defaults"),
        *("-o", "u/me/aperture", "--register-dataset-types", "-j", "1"),
    )
    wall, after = time.perf_counter() - begin, os.times()
    with Butler.from_config(repo) as butler:
        run = butler.collections.get_info("u/me/aperture").children[0]
        rows = butler.registry.provenance.quanta(run)
    assert all(row.status == "succeeded" for row in rows)
    own = after.children_user + after.children_system - before.children_user - before.children_system
    tasks = sum((row.end_ns - row.begin_ns) / 1e9 for row in rows)
    cpu = sum(row.cpu_s for row in rows)
    return {
        "quanta": len(rows),
        "wall_s": round(wall, 2),
        "tasks_s": round(tasks, 2),
        "inside": round(tasks / wall, 3),
        "cpu_s": round(own, 2),
        "cpu_of_tasks_s": round(cpu, 2),
        "cpu_inside": round(cpu / own, 3),
        "wanted": WANTED,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exposures", type=int, default=4)
    parser.add_argument("--side", type=int, default=2048, help="of an image [pixel]")
    parser.add_argument("--stars", type=int, default=2000, help="per image, on average")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repo = prepare(Path(folder), arguments.exposures, arguments.side, arguments.stars)
        figures = measure(repo)
    print(json.dumps({**machine(), **vars(arguments), **figures}, indent=1))


if __name__ == "__main__":
    main()
