"""Runs migrations on a connection given by code, or on the database that ``-x url=sqlite:///...`` names."""

import sqlalchemy as sa

from alembic import context
from registry.dialects.base import Dialect, dialect_for
from registry.errors import RepositoryFormatError


def migrate(connection: sa.Connection, dialect: Dialect) -> None:
    """Run what is pending in one transaction: a migration that fails leaves nothing behind."""
    with connection.begin():
        dialect.begin(connection, durable=True)
        dialect.lock(connection)
        if (before := context.config.attributes.get("before")) is not None:
            before()
        context.configure(connection=connection)
        context.run_migrations()


def show(dialect_name: str) -> None:
    """Write the SQL to the configuration's output instead of running it."""
    context.configure(dialect_name=dialect_name, literal_binds=True)
    context.run_migrations()


def main() -> None:
    attributes = context.config.attributes
    if context.is_offline_mode():
        show(attributes["dialect_name"])
        return
    given = attributes.get("connection")
    if given is not None:
        migrate(given, dialect_for(f"{given.dialect.name}://"))
        return
    url = context.get_x_argument(as_dictionary=True).get("url")
    if url is None:
        raise RepositoryFormatError("Which database? Add -x url=sqlite:///folder/registry.sqlite3")
    dialect = dialect_for(url)
    with dialect.make_engine(url, "write").connect() as connection:
        migrate(connection, dialect)


main()
