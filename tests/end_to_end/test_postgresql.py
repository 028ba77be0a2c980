"""The main job with a registry on PostgreSQL, through the installed commands; and no password anywhere."""

import shutil
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell_on_postgresql(simulated, shell, postgresql_server, postgresql_url):
    """A shell beside ``repo`` with simulated exposures, its registry in a schema of its own."""
    schema = postgresql_url.rpartition("schema=")[2]
    with_password = postgresql_server.url.replace("postgres@", "postgres:s3cret@")
    shell("butler", "create", "repo", "--registry-db", with_password, "--schema", schema)
    shutil.copytree(simulated.folder / "raw", shell.folder / "raw")
    shell("butler", "register-instrument", "repo", ROOT / "examples" / "cameras" / "simcam.yaml")
    shell("butler", "ingest-raws", "repo", "raw")
    shell("butler", "define-visits", "repo", "SimCam")
    return shell


def test_the_main_job_runs_on_postgresql(shell_on_postgresql, pipeline):
    shell = shell_on_postgresql
    shell(
        *("pipetask", "run", "-b", "repo", "-p", pipeline, "-i", "SimCam/defaults", "-o", "u/me/aperture"),
        *("--register-dataset-types", "-j", "2"),
    )
    rows = shell.rows("butler", "query-datasets", "repo", "customAperture", "--collections", "u/me/aperture")
    assert len(rows) == 8
    assert {row["detector"] for row in rows} == {0, 1}
    chosen = shell.rows(
        *("butler", "query-datasets", "repo", "customAperture", "--where", "band='g' AND detector=1")
    )
    assert len(chosen) == 2
    report = shell("pipetask", "report", "-b", "repo", "u/me/aperture").stdout
    assert "0 failed" in report or "failed" not in report
    (register, *_, chain) = shell.rows("butler", "collection-log", "repo", "u/me/aperture")
    assert (register["action"], chain["action"]) == ("register", "set chain")
    for path in (shell.folder / "repo").rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path
    assert "schema=" in (shell.folder / "repo" / "butler.yaml").read_text()


def test_a_server_that_is_down_is_one_line(shell):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"postgresql+psycopg://me:s3cret@127.0.0.1:{port}/db"
    message = shell.error("butler", "create", "repo", "--registry-db", url)
    assert "No connection to" in message
    assert "s3cret" not in message
    (shell.folder / "repo").mkdir()
    (shell.folder / "repo" / "butler.yaml").write_text(f"registry: {url}\n")
    done = shell("butler", "query-collections", "repo", exit_code=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert "s3cret" not in done.stderr


def test_a_schema_without_a_server_is_refused(shell):
    assert "--registry-db" in shell.error("butler", "create", "repo", "--schema", "mine")
    assert not (shell.folder / "repo").exists()
