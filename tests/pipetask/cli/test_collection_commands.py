"""Chains, tags and lists of collections on the command line."""

import pytest


@pytest.fixture
def chained(on_repo):
    on_repo("collection-chain", "inner", "second,first", "--doc", "mine")
    on_repo("collection-chain", "outer", "inner", "first")
    return on_repo


def children(on_repo, name):
    return on_repo.rows("query-collections", name)[0]["children"]


def test_a_chain_is_made_and_changed(chained):
    assert children(chained, "inner") == ["second", "first"]
    done = chained("collection-chain", "inner", "--mode", "pop", "--", "-1")
    assert done.stdout == "inner: second\n"
    chained("collection-chain", "inner", "first", "--mode", "prepend")
    assert children(chained, "inner") == ["first", "second"]
    chained("collection-chain", "outer", "inner", "--flatten")
    assert children(chained, "outer") == ["first", "second"]
    assert "has no child number 5" in chained.error("collection-chain", "inner", "5", "--mode", "pop")


def test_tables_show_children_or_parents(chained):
    rows = {row["name"]: row for row in chained.rows("query-collections", "--chains", "INVERSE-TABLE")}
    assert rows["first"]["parents"] == ["inner", "outer"]
    assert rows["inner"]["parents"] == ["outer"]
    rows = {row["name"]: row for row in chained.rows("query-collections", "--chains", "no-children")}
    assert rows["inner"] == {"name": "inner", "type": "CHAINED", "doc": "mine"}


def test_trees_are_indented_and_say_their_depth_to_programs(chained):
    lines = chained("query-collections", "outer", "--chains", "TREE").stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["outer", "inner", "second", "first", "first"]
    assert [len(line) - len(line.lstrip()) for line in lines[2:]] == [0, 2, 4, 4, 2]
    rows = chained.rows("query-collections", "second", "--chains", "INVERSE-TREE")
    assert [(row["depth"], row["name"]) for row in rows] == [(0, "second"), (1, "inner"), (2, "outer")]


def test_flattened_chains_are_what_they_hold(chained):
    rows = chained.rows("query-collections", "outer", "--chains", "FLATTEN")
    assert [row["name"] for row in rows] == ["second", "first"]


def test_dataset_types_are_shown_but_for_those_excluded(chained):
    rows = chained.rows("query-collections", "first", "inner", "-t")
    assert [row["dataset_types"] for row in rows] == [["notes"], []]
    rows = chained.rows("query-collections", "first", "-t", "--exclude-dataset-types", "n*,x")
    assert [row["dataset_types"] for row in rows] == [[]]
    assert "needs --show" in chained.error("query-collections", "--exclude-dataset-types", "x")


def test_nothing_found_says_why(chained):
    message = chained.error("query-collections", "f*", "--collection-type", "TAGGED", exit_code=3)
    assert message == "No collection matches f* of type TAGGED.\n"
    message = chained.error("query-collections", "--collection-type", "TAGGED", exit_code=3)
    assert message == "No collection of type TAGGED yet.\n"


def test_datasets_are_associated_by_what_they_are(chained):
    done = chained("associate", "tag", "-d", "note*", "--collections", "inner", "--find-first")
    assert done.stdout == "Put 3 datasets into tag.\n"
    runs = {row["detector"]: row["run"] for row in chained.rows("query-datasets", "--collections", "tag")}
    assert runs == {0: "first", 1: "first", 2: "second"}
    chained("associate", "some", "--where", "detector=1", "--limit", "1")
    assert len(chained.rows("query-datasets", "--collections", "some")) == 1
    chained("associate", "last", "-d", "note*", "--collections", "first", "--order-by=-detector", "--limit=1")
    (row,) = chained.rows("query-datasets", "--collections", "last")
    assert row["detector"] == 2


def test_associating_conflicting_or_no_datasets_makes_no_collection(chained):
    assert "holds another dataset" in chained.error("associate", "tag")
    assert "No dataset type 'nope'" in chained.error("associate", "tag", "-d", "nope")
    assert "No dataset of nope*" in chained.error("associate", "tag", "-d", "nope*", exit_code=3)
    assert "--find-first needs --collections" in chained.error("associate", "tag", "--find-first")
    assert chained.rows("query-collections", "--chains", "NO-CHILDREN")[-1]["name"] == "second"
