"""The demo: simulate a small survey, run the aperture pipeline on it through the installed commands, compare.

Run by ``make demo``. Everything goes to the folder ``demo``, which is made anew each time.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = Path(sys.executable).parent


def run(*command: str, folder: Path) -> None:
    """Show a command, then run it as a user would; end the demo if it fails."""
    print(f"\n$ {' '.join(command)}", flush=True)
    done = subprocess.run([str(COMMANDS / command[0]), *command[1:]], cwd=folder, check=False)
    if done.returncode:
        sys.exit(f"demo: '{command[0]} {command[1]}' ended with exit code {done.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HERE.parent / "demo", help="where to put everything")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()

    folder: Path = arguments.folder
    begin = time.perf_counter()
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name in ("cameras", "pipelines"):
        source = HERE / "cameras" if name == "cameras" else HERE.parent / "pipelines"
        shutil.copytree(source, folder / name)

    print("Simulating 2 visits in each of 2 bands with 4 detectors …", flush=True)
    from pipetask.simulate import simulate_survey

    simulate_survey(folder / "raw")

    run("butler", "create", "repo", folder=folder)
    run("butler", "register-instrument", "repo", "cameras/simcam.yaml", folder=folder)
    run("butler", "ingest-raws", "repo", "raw", "-j", str(arguments.processes), folder=folder)
    run("butler", "define-visits", "repo", "SimCam", folder=folder)
    run(
        *("pipetask", "run", "-b", "repo", "-p", "pipelines/aperture.yaml", "-i", "SimCam/defaults"),
        *("-o", "u/demo/aperture", "-c", "aperture:extraRadii=[12]"),
        *("--register-dataset-types", "-j", str(arguments.processes)),
        folder=folder,
    )
    run("pipetask", "report", "-b", "repo", "u/demo/aperture", folder=folder)

    from demo_results import compare_with_truth, draw_apertures

    print(f"\n{compare_with_truth(folder / 'repo', folder / 'raw' / 'truth.ecsv')}")
    draw_apertures(folder / "repo", folder / "apertures.png")
    repository, picture = folder / "repo", folder / "apertures.png"
    print(f"\nThe whole demo took {time.perf_counter() - begin:.0f} s.")
    print(f"The catalogs are the `customAperture` datasets of {repository};")
    print(f"a picture of one image with its apertures is {picture}.")
    print("\nTo go on (in a shell with .venv/bin in its PATH):")
    print(f"  cd {folder / 'repo'}")
    print("  butler query-datasets customAperture --collections u/demo/aperture")
    print("  butler query-data-ids visit --where \"instrument='SimCam' AND band='r'\"")
    print("  pipetask qgraph -p ../pipelines/aperture.yaml --show")
    print("  pipetask run -p ../pipelines/aperture.yaml -o u/demo/wide -c aperture:apRad=8")


if __name__ == "__main__":
    main()
