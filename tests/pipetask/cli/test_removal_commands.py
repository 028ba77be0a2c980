"""Pruning and removing on the command line: shown first, asked first, and then gone with all that belongs."""

from pathlib import Path


def files(on_repo):
    return len(list(Path(on_repo.root).rglob("*.json")))


def test_pruning_deletes_files_by_default_and_asks_first(on_repo):
    done = on_repo("prune-datasets", "first", "--where", "detector < 2", answer="n\n", exit_code=1)
    assert "2 datasets will be unstored" in done.stderr
    assert files(on_repo) == 4
    on_repo("prune-datasets", "first", "--where", "detector < 2", answer="y\n")
    assert files(on_repo) == 2
    assert len(on_repo.rows("query-datasets", "notes")) == 4


def test_without_anybody_to_answer_nothing_is_pruned(on_repo):
    message = on_repo.error("prune-datasets", "first")
    assert "add --no-confirm" in message
    assert files(on_repo) == 4


def test_only_tags_can_be_left(on_repo):
    shown = on_repo("prune-datasets", "--disassociate", "first", "--no-confirm", exit_code=2)
    assert "--disassociate takes TAGGED collections; 'first' is RUN" in shown.stderr
    assert shown.stdout == ""


def test_a_dry_run_shows_what_would_go(on_repo):
    rows = on_repo.rows("prune-datasets", "second,first", "--dry-run", "--datasets", "n*")
    assert sorted((row["run"], row["detector"]) for row in rows) == [
        ("first", 0),
        ("first", 1),
        ("second", 2),
    ]
    assert len(on_repo.rows("prune-datasets", "*", "--dry-run", "--find-all")) == 4
    assert files(on_repo) == 4


def test_purging_removes_rows_files_and_tags(on_repo):
    on_repo("associate", "tag", "--collections", "first")
    done = on_repo("prune-datasets", "--purge", "first", "--where", "detector=0", "--no-confirm")
    assert "1 dataset was removed." in done.stdout
    assert {row["detector"] for row in on_repo.rows("query-datasets", "--collections", "tag")} == {1, 2}
    assert files(on_repo) == 3


def test_disassociating_keeps_files_unless_they_are_unstored_as_well(on_repo):
    on_repo("associate", "tag", "--collections", "first")
    on_repo("prune-datasets", "--disassociate", "tag", "--where", "detector=0", "--quiet")
    assert files(on_repo) == 4
    on_repo("prune-datasets", "--disassociate", "tag", "--unstore", "--where", "detector=1", "--quiet")
    assert files(on_repo) == 3
    assert [row["detector"] for row in on_repo.rows("query-datasets", "--collections", "tag")] == [2]


def test_options_that_contradict_each_other_are_refused(on_repo):
    assert "leave --disassociate out" in on_repo.error(
        "prune-datasets", "--purge", "a", "--disassociate", "b"
    )
    assert "leave one of them out" in on_repo.error("prune-datasets", "first", "--quiet", "--dry-run")
    assert "Name the collections" in on_repo.error("prune-datasets")
    assert "--find-all" in on_repo.error("prune-datasets", "f*")
    assert on_repo.error("prune-datasets", "first", "--datasets", "x*", exit_code=3) == (
        "No dataset matches: nothing is pruned.\n"
    )


def test_runs_are_removed_with_their_files(on_repo):
    on_repo("collection-chain", "chain", "first,second")
    done = on_repo("remove-runs", "f*", answer="y\n")
    assert "notes" in done.stdout
    assert done.stdout.endswith("Removed 1 run with 3 datasets.\n")
    assert files(on_repo) == 1
    assert on_repo.rows("query-collections", "chain")[0]["children"] == ["second"]


def test_without_confirmation_a_run_in_a_chain_needs_force(on_repo):
    on_repo("collection-chain", "chain", "first,second")
    message = on_repo.error("remove-runs", "first", "--no-confirm")
    assert "is in the chain 'chain'; remove it from there first. Or add --force." in message
    on_repo("remove-runs", "first", "second", "--no-confirm", "--force")
    assert files(on_repo) == 0
    assert on_repo.error("remove-runs", "*", exit_code=3) == "No run matches *.\n"


def test_collections_are_removed_and_runs_stay(on_repo):
    on_repo("associate", "tag", "--collections", "first")
    on_repo("collection-chain", "chain", "tag,first")
    message = on_repo.error("remove-collections", "tag", "--no-confirm")
    assert "is in the chain 'chain'; remove it from there first. Or add --remove-from-parents." in message
    done = on_repo("remove-collections", "*", answer="y\n")
    assert "the runs first, second stay" in done.stderr
    assert [row["name"] for row in on_repo.rows("query-collections")] == ["first", "second"]
    assert "butler remove-runs" in on_repo.error("remove-collections", "first", exit_code=3)


def test_a_collection_is_taken_out_of_chains_if_asked(on_repo):
    on_repo("associate", "tag", "--collections", "first")
    on_repo("collection-chain", "chain", "tag,first")
    on_repo("remove-collections", "tag", "--no-confirm", "--remove-from-parents")
    assert on_repo.rows("query-collections", "chain")[0]["children"] == ["first"]


def test_dataset_types_are_registered_and_removed(on_repo):
    on_repo(
        "register-dataset-type",
        "flat",
        "StructuredDataDict",
        "instrument,detector",
        "band",
        "--is-calibration",
    )
    on_repo("register-dataset-type", "summary", "StructuredDataDict")
    rows = {row["name"]: row for row in on_repo.rows("query-dataset-types")}
    assert rows["flat"]["dimensions"] == ["band", "instrument", "detector"]
    assert rows["flat"]["is_calibration"] is True
    assert rows["summary"]["dimensions"] == []
    again = on_repo("register-dataset-type", "summary", "StructuredDataDict")
    assert again.stdout == "summary is registered already.\n"
    assert "is registered as" in on_repo.error("register-dataset-type", "summary", "ArrowTable")
    assert "did you mean" in on_repo.error("register-dataset-type", "x", "StructuredDataDic")
    assert "has datasets" in on_repo.error("remove-dataset-type", "summary", "notes")
    on_repo("remove-dataset-type", "summary", "fl*")
    assert [row["name"] for row in on_repo.rows("query-dataset-types")] == ["notes"]
    on_repo.error("remove-dataset-type", "fl*", exit_code=3)


def test_the_configuration_is_shown_whole_or_in_part(on_repo, tmp_path):
    import yaml

    shown = yaml.safe_load(on_repo("config-dump").stdout)
    assert shown["root"] == str(Path(on_repo.root).resolve())
    assert shown["registry"].endswith("registry.sqlite3")
    on_repo("config-dump", "--subset", "datastore", "--file", tmp_path / "part.yaml")
    assert yaml.safe_load((tmp_path / "part.yaml").read_text()) == {}
    message = on_repo.error("config-dump", "-s", "nope.x")
    assert message.endswith("there are root, registry, datastore.\n")
    on_repo.error("config-dump", "--file", tmp_path / "nowhere" / "x.yaml")


def test_a_password_is_not_shown():
    from pipetask.butler.repository import Repository, config_of

    url = "postgresql+psycopg://me:se:c@ret@host/db?password=secret&schema=s"
    shown = config_of(Repository("/r", url), "registry")
    assert shown == "postgresql+psycopg://me:***@host/db?password=***&schema=s"
    assert "secret" not in repr(Repository("/r", url))
