"""How long does ``pipetask build`` of many tasks take? Whole processes, ours and the reference's.

    python benchmarks/build.py
    python benchmarks/build.py --no-peer               ours alone

The task modules and the pipeline are made here: one text, which differs in the package that is imported.
Without ``--show``, the reference may leave tasks alone; ours imports, configures and checks them in any case.
Prints JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from peer import machine, peer_python, peer_versions

TASKS_PER_MODULE = 10
HEADER = """\
import {package} as pipeBase
from lsst.pex.config import Field, ListField
{connection_types}
DIMENSIONS = ("instrument", "visit", "detector")
"""
TASK = '''

class C{i}(pipeBase.PipelineTaskConnections, dimensions=DIMENSIONS, defaultTemplates={{"name": "t{i}"}}):
    """Reads what the task before makes, and the first dataset of all."""

    first = cT.Input(name="d0", storageClass="StructuredDataDict", dimensions=DIMENSIONS, doc="First of all.")
    before = cT.Input(name="d{i}", storageClass="StructuredDataDict", dimensions=DIMENSIONS, doc="Before.")
    flat = cT.PrerequisiteInput(
        name="flat", storageClass="StructuredDataDict", dimensions=("instrument", "detector"),
        isCalibration=True, doc="Calibration.",
    )
    after = cT.Output(name="d{next}", storageClass="StructuredDataDict", dimensions=DIMENSIONS, doc="After.")
    schema = cT.InitOutput(name="{{name}}_schema", storageClass="StructuredDataDict", doc="Schema.")

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if not config.doFlat:
            self.prerequisiteInputs.remove("flat")


class F{i}(pipeBase.PipelineTaskConfig, pipelineConnections=C{i}):
    """Some fields."""

    doFlat = Field(doc="Whether to divide.", dtype=bool, default=True)
    radius = Field(doc="A radius.", dtype=float, default=3.0)
    threshold = Field(doc="A threshold.", dtype=float, default=5.0)
    steps = Field(doc="A number.", dtype=int, default=4)
    planes = ListField(doc="Some names.", dtype=str, default=["BAD", "SAT"])


class T{i}(pipeBase.PipelineTask):
    """A task."""

    ConfigClass = F{i}
    _DefaultName = "t{i}"

    def run(self, first, before, flat=None):
        return pipeBase.Struct(after=before)
'''
SHOWN = {
    "build": [],
    "build --show tasks": ["--show", "tasks"],
    "build --show pipeline-graph": ["--show", "pipeline-graph"],
}
CONNECTION_TYPES = {
    "pipetask": "from pipetask import connectionTypes as cT\n",
    "lsst.pipe.base": "import lsst.pipe.base.connectionTypes as cT\n",
}


def write(folder: Path, package: str, n_tasks: int) -> Path:
    """Write the modules and the pipeline; return the pipeline's path."""
    for first in range(0, n_tasks, TASKS_PER_MODULE):
        text = HEADER.format(package=package, connection_types=CONNECTION_TYPES[package])
        for i in range(first, min(first + TASKS_PER_MODULE, n_tasks)):
            text += TASK.format(i=i, next=i + 1)
        (folder / f"many_{first}.py").write_text(text, "utf-8")
    lines = ["description: many tasks", "parameters: {radius: 4.5}", "tasks:"]
    for i in range(n_tasks):
        lines += [
            f"  t{i}:",
            f"    class: many_{i - i % TASKS_PER_MODULE}.T{i}",
            "    config:",
            "      radius: parameters.radius",
            f"      steps: {i}",
            "      planes: [BAD, SAT, CR]",
        ]
        if i % 10 == 0:
            lines.append("      python: config.threshold = 2 * config.radius")
    lines.append("contracts:")
    lines += [f"  - t{i}.radius == t{i + 1}.radius" for i in range(0, n_tasks - 1, 10)]
    lines.append("subsets:")
    for first in range(0, n_tasks, TASKS_PER_MODULE):
        last = min(first + TASKS_PER_MODULE, n_tasks)
        lines.append(f"  s{first}: [{', '.join(f't{i}' for i in range(first, last))}]")
    path = folder / "many.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return its wall-clock and CPU seconds."""
    before, begin = os.times(), time.perf_counter()
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    wall, after = time.perf_counter() - begin, os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--no-peer", action="store_true", help="leave the reference out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        sides = {"ours": (Path(sys.executable).parent, "pipetask")}
        if not arguments.no_peer:
            sides["reference"] = (peer_python().parent, "lsst.pipe.base")
        commands = {}
        for side, (programs, package) in sides.items():
            folder = Path(root) / side
            folder.mkdir()
            build = [str(programs / "pipetask"), "build", "-p", str(write(folder, package, arguments.tasks))]
            for name, options in SHOWN.items():
                commands[name, side] = ([*build, *options], folder)
        for command in commands.values():
            measured(*command)  # makes compiled files and fills disk caches; not counted
        times: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in commands}
        for _ in range(arguments.runs):
            for key, command in commands.items():
                times[key].append(measured(*command))
    result = {
        "benchmark": "build",
        "machine": machine(),
        "reference": {} if arguments.no_peer else peer_versions(),
        "tasks": arguments.tasks,
        "runs": arguments.runs,
        "times": {name: summary(times, name, list(sides)) for name in SHOWN},
    }
    print(json.dumps(result, indent=1))


def summary(times: dict[tuple[str, str], list[tuple[float, float]]], name: str, sides: list[str]) -> Any:
    """Return medians of one command by side, and how many times faster ours is, run by run."""
    found: dict[str, Any] = {
        side: {
            "median_s": round(statistics.median(wall for wall, _ in times[name, side]), 3),
            "min_s": round(min(wall for wall, _ in times[name, side]), 3),
            "median_cpu_s": round(statistics.median(cpu for _, cpu in times[name, side]), 3),
        }
        for side in sides
    }
    if "reference" in sides:
        pairs = list(zip(times[name, "reference"], times[name, "ours"], strict=True))
        for position, kind in enumerate(("wall", "cpu")):
            ratios = [theirs[position] / ours[position] for theirs, ours in pairs]
            found[f"times_faster_{kind}"] = round(statistics.median(ratios), 2)
    return found


if __name__ == "__main__":
    main()
