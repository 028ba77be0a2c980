"""Task modules written for the reference, unchanged: through the commands, in workers, in scripts, in tests."""

import os
from pathlib import Path

import pytest

from pipetask import Butler

TASKS = Path(__file__).parent / "reference_tasks"
PEER = os.environ.get("PIPETASK_PEER_PYTHON")
RUN = ("-b", "repo", "-i", "catalogs", "-o", "stars", "--register-dataset-types")


def test_tasks_of_the_reference_run_in_workers(processes, catalogs):
    processes.command("pipetask", "run", "-p", TASKS / "stars.yaml", *RUN, "-j", 2)
    with Butler.from_config(catalogs, collections="stars", instrument="Cam") as butler:
        # Fluxes are 100 i + detector; those of at least 200 are 8 of 10. Detector 3 has none at all.
        assert [len(butler.get("bright_stars", detector=d)) for d in range(3)] == [8, 8, 8]
        assert butler.get("bright_stars", detector=2).colnames == ["id", "flux"]
        assert butler.find_dataset("bright_stars", detector=3) is None
        assert butler.get("bright_summary") == {"counts": {"1": 8}, "typical": 551.0}
        assert butler.get("bright_schema").colnames == ["id", "flux"]
        metadata = butler.get("selectStars_metadata", detector=0)
        assert metadata["selectStars:cut.n_chosen"] == 8
        assert "runEndUtc" in metadata["selectStars:cut"]
        messages = [record.message for record in butler.get("selectStars_log", detector=1)]
        assert "Detector 1" in messages
    script = "import pipetask, count_stars; print(count_stars.total('repo', 'stars'))"
    assert processes.python(script).stdout == "8\n"


def test_an_algorithm_error_fails_its_quantum_only(processes, catalogs):
    done = processes.command(
        *("pipetask", "run", "-p", TASKS / "stars.yaml", *RUN, "-c", "selectStars:cut.minimum=901.5"),
        exit_code=1,
    )
    assert "No star is brighter than 901.5" in done.stdout + done.stderr
    with Butler.from_config(catalogs, collections="stars", instrument="Cam") as butler:
        assert len(butler.get("bright_stars", detector=2)) == 1


def test_a_unit_test_with_handles_in_memory_runs(processes):
    code = """
import pipetask.compat
assert pipetask.compat.install()
from astropy.table import Table
from count_stars import CountStarsTask, InMemoryDatasetHandle
handles = {3: InMemoryDatasetHandle(Table({"flux": [1.0, 2.0, 6.0]}), instrument="Cam", detector=3)}
print(CountStarsTask().run(handles).summary)
"""
    assert processes.python(code, compat=False).stdout == "{'counts': {'3': 3}, 'typical': 2.0}\n"


def test_without_the_stand_ins_the_command_says_how_to_get_them(processes, catalogs):
    done = processes.command("pipetask", "build", "-p", TASKS / "stars.yaml", compat=False, exit_code=2)
    assert done.stderr.strip().count("\n") == 0
    assert "No module named 'lsst.pipe'" in done.stderr
    assert "PIPETASK_LSST_COMPAT=1" in done.stderr


@pytest.mark.skipif(not PEER, reason="PIPETASK_PEER_PYTHON does not name the reference's Python")
def test_the_modules_are_the_references(processes):
    code = "import select_stars, count_stars, lsst.pipe.base as b; print(b.__file__)"
    assert "lsst/pipe/base" in processes.run(PEER, "-c", code, compat=False).stdout
