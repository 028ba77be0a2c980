"""How long does `pipetask report` take on a run of many quanta? Prints JSON.

    python benchmarks/report.py --quanta 100000

Provenance is written as a run would. "report_s" is the whole command in a new process, "cpu_s" its
processor time; one quantum in a hundred failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer import machine

from pipetask.butler import Butler, new_ids


def make_repo(root: Path, n: int) -> None:
    butler = Butler.makeRepo(root)
    butler.registry.collections.register("many/1")
    begin = time.time_ns()
    failure = json.dumps({"kind": "ValueError", "message": "no stars", "traceback": "T" * 2000})
    ids = np.ascontiguousarray(new_ids(n)).view("V16").ravel().tolist()
    rows = []
    for i, id in enumerate(ids):
        bad = i % 100 == 0
        data_id = json.dumps({"instrument": "Cam", "visit": i // 4, "detector": i % 4})
        times = begin + i * 10**7, begin + i * 10**7 + 10**8
        status = "failed" if bad else "succeeded"
        task = ("isr", "detect")[i % 2]
        what = (id, "many/1", task, "a.Task", data_id, status, "host", i % 16)
        rows.append((*what, *times, 0.1, 2**28, failure if bad else None))
    butler.registry.provenance.insert_quanta(rows)
    butler.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quanta", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_repo(Path(folder) / "repo", arguments.quanta)
        command = [str(Path(sys.executable).parent / "pipetask"), "report", "-b", f"{folder}/repo", "many/1"]
        begin, before = time.perf_counter(), os.times()
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        wall, after = time.perf_counter() - begin, os.times()
        assert f"{arguments.quanta:,} quanta" in done.stdout, done
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    figures = {"quanta": arguments.quanta, "report_s": round(wall, 2), "cpu_s": round(cpu, 2)}
    print(json.dumps({**machine(), **figures}, indent=1))


if __name__ == "__main__":
    main()
