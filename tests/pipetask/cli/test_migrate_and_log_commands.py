"""Migrating a repository, and the history of its collections, on the command line."""

import getpass
from pathlib import Path

import pytest


def test_versions_are_listed(on_repo):
    assert on_repo("migrate", "show").stdout.split()[:3] == ["revision", "applied", "what"]
    on_repo("migrate", "downgrade")
    lines = on_repo("migrate", "show").stdout.splitlines()
    assert ["0006", "no"] in [line.split()[:2] for line in lines]
    applied = {row["revision"]: row["applied"] for row in on_repo.rows("migrate", "show")}
    assert (applied["0005"], applied["0006"]) == (True, False)
    assert "--format is for show" in on_repo.error("migrate", "upgrade", "--format", "csv")


def test_a_repository_of_an_older_version_says_what_to_do_and_opens_afterwards(on_repo):
    before = on_repo.rows("query-datasets", "notes")
    done = on_repo("migrate", "downgrade", "--revision", "0001")
    (copy,) = Path(on_repo.root).glob("registry.sqlite3.version-*")
    assert str(copy) in done.stdout
    message = on_repo.error("query-collections")
    assert message.endswith(f"migrate it with: butler migrate {on_repo.root} upgrade.\n")
    assert len(message.splitlines()) == 1
    assert "from version 0001 to 0006" in on_repo("migrate", "upgrade").stdout
    assert on_repo.rows("query-datasets", "notes") == before
    assert "already" in on_repo("migrate", "upgrade").stdout


def test_a_trial_prints_the_sql_and_changes_nothing(on_repo):
    assert "DROP TABLE temporary_dataset" in on_repo("migrate", "downgrade", "--dry-run").stdout
    assert on_repo.rows("collection-log", "first")
    assert not list(Path(on_repo.root).glob("*.version-*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["upgrade", "--revision", "7"], "there are 0001, 0002, 0003, 0004, 0005, 0006"),
        (["show", "--dry-run"], "neither"),
        (["sideways"], "sideways"),
    ],
)
def test_what_cannot_be_migrated_is_refused(on_repo, arguments, message):
    assert message in on_repo.error("migrate", *arguments)


def test_the_history_of_a_collection_is_shown(on_repo):
    on_repo("collection-chain", "all", "first,second")
    on_repo("collection-chain", "all", "second", "--mode", "remove")
    rows = on_repo.rows("collection-log", "all")
    assert [row["action"] for row in rows] == ["register", "set chain", "set chain"]
    assert [row["detail"] for row in rows][1:] == [
        {"children": ["first", "second"]},
        {"children": ["first"]},
    ]
    assert '"{""children"": [""first""]}"' in on_repo("collection-log", "all", "--format", "csv").stdout
    assert {row["who"].split("@")[0] for row in rows} == {getpass.getuser()}
    assert all(row["time"].endswith("Z") for row in rows)
    assert "children: first, second" in on_repo("collection-log", "all").stdout


def test_the_history_of_what_never_was_is_an_error(on_repo):
    assert "did you mean 'first'" in on_repo.error("collection-log", "frist")
