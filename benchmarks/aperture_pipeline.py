"""How much of the time of `pipetask run` is inside tasks? `pipelines/aperture.yaml` on simulated images.

    python benchmarks/aperture_pipeline.py --exposures 4           # some minutes
    python benchmarks/aperture_pipeline.py --exposures 100 --processes 1 2      # the full size

Prints one JSON object with an entry in "runs" for each number of processes (-j). "wall_s" is the whole
command, from its start to its end: imports, the graph, checks, commits. "tasks_s" is the sum of the times of
the quanta, as the provenance of the run has them: a task's own work with the reading and writing of its
datasets. "inside" is its part of what the processes had (wall time by processes), "cpu_inside" the same in
processor time, which a busy machine changes less; "wanted" is the least that they should be with one process.
"by_task_s" is the time of a quantum of each task. The images of 100 exposures take some 10 GB per run, in the
temporary folder; those of a run are removed before the next.
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


def measure(repo: Path, processes: int) -> dict[str, object]:
    output = f"u/me/aperture{processes}"
    before, begin = os.times(), time.perf_counter()
    command(
        *("pipetask", "run", "-b", repo, "-p", ROOT / "pipelines" / "aperture.yaml", "-i", "SimCam/defaults"),
        *("-o", output, "--register-dataset-types", "-j", processes),
    )
    wall, after = time.perf_counter() - begin, os.times()
    with Butler.from_config(repo) as butler:
        run = butler.collections.get_info(output).children[0]
        rows = butler.registry.provenance.quanta(run)
    assert all(row.status == "succeeded" for row in rows)
    own = after.children_user + after.children_system - before.children_user - before.children_system
    tasks = sum((row.end_ns - row.begin_ns) / 1e9 for row in rows)
    cpu = sum(row.cpu_s for row in rows)
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(row.task_label, []).append((row.end_ns - row.begin_ns) / 1e9)
    command("butler", "remove-runs", repo, run, "--force", "--no-confirm")
    return {
        "processes": processes,
        "quanta": len(rows),
        "wall_s": round(wall, 2),
        "tasks_s": round(tasks, 2),
        "inside": round(tasks / wall / processes, 3),
        "cpu_of_tasks_s": round(cpu, 2),
        # Of workers, only the system's own record could tell: the command doesn't wait for them itself.
        **({"cpu_s": round(own, 2), "cpu_inside": round(cpu / own, 3)} if processes == 1 else {}),
        "by_task_s": {label: round(sum(times) / len(times), 3) for label, times in by_task.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exposures", type=int, default=4)
    parser.add_argument("--side", type=int, default=2048, help="of an image [pixel]")
    parser.add_argument("--stars", type=int, default=2000, help="per image, on average")
    parser.add_argument("--processes", type=int, nargs="+", default=[1], help="of a run; several: one by one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repo = prepare(Path(folder), arguments.exposures, arguments.side, arguments.stars)
        runs = []
        for processes in arguments.processes:
            runs.append(measure(repo, processes))
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    print(json.dumps({**machine(), **vars(arguments), "wanted": WANTED, "runs": runs}, indent=1))


if __name__ == "__main__":
    main()
