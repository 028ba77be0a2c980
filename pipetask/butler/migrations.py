"""Moving the registry of a repository between versions of its tables."""

from __future__ import annotations

import os

from pipetask.butler.repository import find_repository
from registry import migrations
from registry.migrations import Migration, Revision

Location = str | os.PathLike[str] | None


def revisions(repo: Location = None) -> list[Revision]:
    """Return the versions that there are, oldest first, and which of them a repository has."""
    return migrations.revisions(find_repository(repo).registry)


def upgrade(repo: Location = None, target: str | None = None, *, dry_run: bool = False) -> Migration:
    """Bring a repository to a later version of the tables, the newest one by default.

    Parameters
    ----------
    repo : path, optional
        The repository.
    target : `str`, optional
        The version.
    dry_run : `bool`, optional
        Whether only the SQL is wanted.
    """
    url = find_repository(repo).registry
    return migrations.migrate(url, target or migrations.newest(), dry_run=dry_run)


def downgrade(repo: Location = None, target: str | None = None, *, dry_run: bool = False) -> Migration:
    """Bring a repository back to an earlier version of the tables, by default the one before its own.

    Parameters as of `upgrade`.
    """
    url = find_repository(repo).registry
    return migrations.migrate(url, target or migrations.previous(url), dry_run=dry_run)
