"""How long do the commands take to start? Whole processes, ours and the reference's in turn.

    python benchmarks/startup.py
    python benchmarks/startup.py --no-peer             ours alone

Prints JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peer import machine, peer_python, peer_versions


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def in_turn(commands: dict[str, list[str]], runs: int) -> dict[str, dict[str, float]]:
    for command in commands.values():
        seconds(command)  # compiled files and disk caches are made by a first run that isn't counted
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return {
        name: {
            "median_s": round(statistics.median(t), 3),
            "min_s": round(min(t), 3),
            "max_s": round(max(t), 3),
        }
        for name, t in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-peer", action="store_true", help="leave the reference out")
    arguments = parser.parse_args()

    here = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = f"{folder}/ours", f"{folder}/theirs"
        camera = Path(__file__).parents[1] / "examples" / "cameras" / "simcam.yaml"
        for command in (["create", ours], ["register-instrument", ours, str(camera)]):
            subprocess.run([str(here / "butler"), *command], check=True, stdout=subprocess.DEVNULL)
        commands = {
            "python -c 'import sqlalchemy'": [sys.executable, "-c", "import sqlalchemy"],
            "pipetask --help": [str(here / "pipetask"), "--help"],
            "butler --help": [str(here / "butler"), "--help"],
            "butler query-collections": [str(here / "butler"), "query-collections", ours],
        }
        if not arguments.no_peer:
            peer = peer_python().parent
            subprocess.run([str(peer / "butler"), "create", theirs], check=True, capture_output=True)
            commands |= {
                "reference: pipetask --help": [str(peer / "pipetask"), "--help"],
                "reference: butler --help": [str(peer / "butler"), "--help"],
                "reference: butler query-collections": [str(peer / "butler"), "query-collections", theirs],
            }
        result = {
            "benchmark": "startup",
            "machine": machine(),
            "reference": {} if arguments.no_peer else peer_versions(),
            "runs": arguments.runs,
            "times": in_turn(commands, arguments.runs),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
