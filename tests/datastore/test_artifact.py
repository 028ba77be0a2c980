"""What is synced, in which order: the file, its name, the names of new folders."""

import os
import shutil
from pathlib import Path

import pytest

from datastore.artifact import write_artifact


@pytest.fixture
def synced(monkeypatch):
    """Paths synced so far, in order."""
    paths = []
    fsync = os.fsync

    def note(descriptor):
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return paths


def test_names_of_folders_are_synced_once_and_again_if_they_are_made_anew(tmp_path, synced):
    write_artifact(str(tmp_path / "run/a/x.json"), b"1", root=str(tmp_path), sync=True)
    assert synced[0].suffix == ".part"
    assert synced[1:] == [tmp_path / "run/a", tmp_path / "run", tmp_path]
    synced.clear()
    write_artifact(str(tmp_path / "run/a/y.json"), b"2", root=str(tmp_path), sync=True)
    assert synced[1:] == [tmp_path / "run/a"]
    synced.clear()
    write_artifact(str(tmp_path / "run/b/z.json"), b"3", root=str(tmp_path), sync=True)
    assert synced[1:] == [tmp_path / "run/b", tmp_path / "run"]
    (tmp_path / "run").rename(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "run")
    synced.clear()
    write_artifact(str(tmp_path / "run/a/w.json"), b"4", root=str(tmp_path), sync=True)
    assert synced[1:] == [tmp_path / "run/a", tmp_path / "run", tmp_path]
