"""Runs migrations on the database that ``-x url=sqlite:///...`` names, or on a connection given by code."""

import sqlalchemy as sa

from alembic import context
from registry.dialects.base import Dialect, dialect_for
from registry.errors import RepositoryFormatError


def migrate(connection: sa.Connection, dialect: Dialect) -> None:
    """Run what is pending in one transaction: a migration that fails leaves nothing behind."""
    with connection.begin():
        dialect.begin(connection, durable=True)
        context.configure(connection=connection)
        context.run_migrations()


def main() -> None:
    given = context.config.attributes.get("connection")
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
