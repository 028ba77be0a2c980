"""Python processes with or without the stand-ins, and a repository with a catalog per detector."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from pipetask.butler import Butler, DatasetType

TASKS = Path(__file__).parent / "reference_tasks"


class Processes:
    """Runs Python code and commands with the reference's task modules importable."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *words, compat=True, path=(), exit_code=0):
        environment = {k: v for k, v in os.environ.items() if k != "PIPETASK_LSST_COMPAT"}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, TASKS)))
        if compat:
            environment["PIPETASK_LSST_COMPAT"] = "1"
        done = subprocess.run(
            [str(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=self.folder,
        )
        assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
        return done

    def python(self, code, **options):
        return self.run(sys.executable, "-c", code, **options)

    def command(self, name, *words, **options):
        start = f"from pipetask.cli.main import {name}; {name}()"
        return self.run(sys.executable, "-c", start, *words, **options)


@pytest.fixture
def processes(tmp_path):
    return Processes(tmp_path)


@pytest.fixture
def catalogs(tmp_path):
    """A repository with ``sources`` of detectors 0 to 3 in the run ``catalogs``; detector 3 has seen nothing."""
    root = tmp_path / "repo"
    with Butler.makeRepo(root) as butler:
        insert = butler.registry.insert_dimension_records
        insert("instrument", [{"instrument": "Cam"}])
        insert("detector", [{"instrument": "Cam", "detector": d, "full_name": f"D{d}"} for d in range(4)])
        butler.register_dataset_type(
            DatasetType("sources", ["instrument", "detector"], "ArrowAstropy", universe=butler.dimensions)
        )
        butler.collections.register("catalogs")
        for detector in range(4):
            flux = np.arange(0.0, 100.0 * (10 if detector < 3 else 0), 100.0) + detector
            table = Table({"id": np.arange(len(flux)), "flux": flux, "shape": np.ones((len(flux), 2))})
            butler.put(table, "sources", instrument="Cam", detector=detector, run="catalogs")
    return root
