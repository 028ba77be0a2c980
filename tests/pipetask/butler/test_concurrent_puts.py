"""Several processes put into one repository; one of them is killed."""

import signal
import subprocess
import sys
from pathlib import Path

PUT = """
import sys
from pipetask.butler import Butler
from pipetask.errors import ConflictingDefinitionError
wins = 0
with Butler.from_config(sys.argv[1], run="first") as butler:
    for detector in range(4):
        try:
            butler.put({"by": sys.argv[2], "pad": "x" * 50_000}, "notes", detector=detector)
            wins += 1
        except ConflictingDefinitionError:
            pass
print(wins)
"""
DIE = """
import os, signal, sys
from pipetask.butler import Butler
with Butler.from_config(sys.argv[1], run="first") as butler, butler.transaction():
    butler.put({"x": "lost"}, "notes", detector=1)
    butler.query_datasets("notes", "first")
    butler.put({"x": "lost"}, "notes", detector=2)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_of_several_writers_wins_each_dataset_and_its_file_is_whole(repo):
    writers = [
        subprocess.Popen([sys.executable, "-c", PUT, repo.root, name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    wins = [int(writer.communicate()[0]) for writer in writers]
    assert sum(wins) == 4
    for detector in range(4):
        assert len(repo.get("notes", detector=detector, collections="first")["pad"]) == 50_000
    winners = [repo.get("notes", detector=d, collections="first")["by"] for d in range(4)]
    assert [winners.count(name) for name in "abc"] == wins


def test_a_killed_writer_leaves_no_dataset_and_is_no_obstacle(repo):
    dead = subprocess.run([sys.executable, "-c", DIE, repo.root], check=False)
    assert dead.returncode == -signal.SIGKILL
    left = [path.suffix for path in Path(repo.root, "first").rglob("*") if path.is_file()]
    assert sorted(left) == [".json", ".part"]  # of a row that was written, and of one that was not yet
    for detector in (1, 2):
        assert repo.find_dataset("notes", detector=detector, collections="first") is None
        repo.put({"x": "found"}, "notes", detector=detector, run="first")
        assert repo.get("notes", detector=detector, collections="first") == {"x": "found"}
