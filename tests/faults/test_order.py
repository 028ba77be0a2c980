"""A power cut takes what was not synced: files before the journal, the journal before rows, rows before its end.

A kill leaves what the system holds in memory, so the order of the calls is what can be tested.
"""

import json

RECORDING = """
import json, os, sys

LOG = open(os.environ["CALLS"], "a")

def note(what, path=""):
    print(json.dumps([what, path]), file=LOG, flush=True)

def path_of(descriptor):
    return os.readlink(f"/proc/self/fd/{{descriptor}}")

def wrap(module, name, what, path):
    real = getattr(module, name)
    def wrapped(*arguments, **keywords):
        result = real(*arguments, **keywords)
        note(what, path(*arguments))
        return result
    setattr(module, name, wrapped)

wrap(os, "fsync", "sync", path_of)
wrap(os, "fdatasync", "append synced", path_of)
wrap(os, "replace", "rename", lambda source, target: str(target))
wrap(os, "ftruncate", "truncate", lambda descriptor, size: path_of(descriptor))

import datastore.artifact, datastore.appender
from datastore import artifact
from registry.dialects.sqlite import SQLiteDialect

real_syncfs = artifact._sync_file_system
def syncfs(root):
    done = real_syncfs(root)
    if done:
        note("sync all", root)
    return done
artifact._sync_file_system = syncfs

real_append = datastore.appender.Appender.append
def append(self, *arguments, **keywords):
    record = real_append(self, *arguments, **keywords)
    note("append", self._target)
    return record
datastore.appender.Appender.append = append

real_commit = SQLiteDialect.commit
def commit(self, connection):
    level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    real_commit(self, connection)
    note("commit", str(level))
SQLiteDialect.commit = commit

from pipetask.cli.main import pipetask
sys.argv[0] = "pipetask"
pipetask()
"""
FULL = "2"


def test_files_are_synced_before_the_journal_and_the_journal_before_rows(sqlite_site, tmp_path, monkeypatch):
    site = sqlite_site.fill(7)
    calls = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    site.end(site.start_run("ordered", "-c", "square:sleep_s=0.05", script=RECORDING))
    journal = str(site.root / ".journal" / "ordered.journal")
    unsynced, unstored, n_groups = set(), 0, 0
    folders = set()
    for line in calls.read_text().splitlines():
        what, path = json.loads(line)
        if what in ("rename", "append") and "/ordered/" in path:
            unsynced.add(path)
            if what == "rename":
                folders.add(path.rpartition("/")[0])
        elif what == "sync all":
            unsynced.clear()
            folders.clear()
        elif what == "append synced":
            assert path == journal
            # From here on the registry may say, and others may build on it, that these files are there.
            assert not unsynced
            assert not folders
            unstored += 1
            n_groups += 1
        elif what == "sync":
            unsynced.discard(path)
            folders.discard(path)
        elif what == "commit" and unstored:
            assert path == FULL
            unstored = 0
        elif what == "truncate" and path == journal:
            assert unstored == 0
    assert n_groups >= 2
    assert unstored == 0
