"""The reference's own virtual environment, so that benchmarks can run it side by side.

It lives in ``benchmarks/.peer`` and is made on first use; it is never a dependency of the project.
``PIPETASK_PEER_PYTHON`` names the interpreter of an environment that exists already.
"""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

# The folder of the scripts goes last, lest the benchmark registry.py hide the package of that name.
if Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    sys.path.append(sys.path.pop(0))

# Commands start from compiled files, as those of installed packages do: a first run of each makes ours.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

PACKAGES = ("lsst-daf-butler", "lsst-pipe-base", "lsst-ctrl-mpexec")
DRIVER = "psycopg[binary]"  # for the reference on PostgreSQL


def peer_python() -> Path:
    """Return the interpreter of the reference's environment, making the environment if need be."""
    if given := os.environ.get("PIPETASK_PEER_PYTHON"):
        return Path(given)
    home = Path(__file__).parent / ".peer"
    python = home / "bin" / "python"
    if not python.exists():
        print(f"making the reference's environment in {home} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES, DRIVER], check=True)
    return python


def peer_versions() -> dict[str, str]:
    """Return the versions of the reference's packages."""
    code = f"from importlib.metadata import version as v; print(*(v(p) for p in {PACKAGES!r}))"
    done = subprocess.run([str(peer_python()), "-c", code], check=True, capture_output=True, text=True)
    return dict(zip(PACKAGES, done.stdout.split(), strict=True))


def machine() -> dict[str, str | int]:
    """Return what every benchmark prints about where it ran."""
    return {
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 0,
        "pipetask": metadata.version("pipetask"),
        "numpy": metadata.version("numpy"),
        "sqlalchemy": metadata.version("sqlalchemy"),
    }
