"""The reference's part of `execution.py`, run by its own Python: the same quanta through ``pipetask run``.

    python benchmarks/execution_peer.py SMALL LARGE

The cost per quantum is the slope between two sizes, so that start-up and graph building mostly drop out. For
``-j2`` a fifth of the sizes is taken, since it is an order of magnitude slower. Prints JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lsst.pipe.base as pipeBase  # noqa: N812 - its usual name
from lsst.daf.butler import Butler, DatasetType
from lsst.pipe.base import connectionTypes


class TrivialConnections(pipeBase.PipelineTaskConnections, dimensions=("instrument", "detector")):
    number = connectionTypes.Input(
        doc="n", name="number", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )
    square = connectionTypes.Output(
        doc="s", name="square", storageClass="StructuredDataDict", dimensions=("instrument", "detector")
    )


class TrivialConfig(pipeBase.PipelineTaskConfig, pipelineConnections=TrivialConnections):
    pass


class TrivialTask(pipeBase.PipelineTask):
    ConfigClass = TrivialConfig
    _DefaultName = "trivial"

    def run(self, number):
        return pipeBase.Struct(square={"n": number["n"] ** 2})


def make_repo(root, n):
    Butler.makeRepo(root)
    butler = Butler.from_config(root, writeable=True, run="numbers")
    butler.registry.insertDimensionData(
        "instrument", {"name": "Cam", "detector_max": n, "class_name": "none"}
    )
    butler.registry.insertDimensionData(
        "detector", *({"instrument": "Cam", "id": i, "full_name": f"d{i}"} for i in range(n))
    )
    number = DatasetType(
        "number", {"instrument", "detector"}, "StructuredDataDict", universe=butler.dimensions
    )
    butler.registry.registerDatasetType(number)
    for i in range(n):
        butler.put({"n": i}, number, instrument="Cam", detector=i)


def run(root, n, processes):
    pipeline = Path(root) / "trivial.yaml"
    pipeline.write_text("description: trivial\ntasks: {trivial: {class: execution_peer.TrivialTask}}\n")
    command = [Path(sys.executable).with_name("pipetask"), "run", "-b", root, "-p", pipeline, "-i", "numbers"]
    command += ["--output-run", f"out/{n}_{processes}", "--register-dataset-types", "-j", str(processes)]
    command += ["-d", f"instrument='Cam' AND detector < {n}"]
    begin = time.perf_counter()
    subprocess.run(
        command, check=True, capture_output=True, env={"PYTHONPATH": str(Path(__file__).parent), "PATH": ""}
    )
    return time.perf_counter() - begin


def main():
    small, large = map(int, sys.argv[1:3])
    result = {"quanta": [small, large]}
    with tempfile.TemporaryDirectory() as root:
        make_repo(root, large)
        for processes, share in ((1, 1), (2, 5)):
            a, b = small // share, large // share
            slope = (run(root, b, processes) - run(root, a, processes)) / (b - a)
            result[f"-j{processes}"] = {"per_quantum_ms": round(slope * 1e3, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
