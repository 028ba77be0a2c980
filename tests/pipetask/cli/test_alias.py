"""Second names of dataset types on the command line."""


def test_aliases_are_given_listed_used_and_removed(on_repo):
    assert on_repo.error("alias", exit_code=3) == "No dataset type has an alias.\n"
    assert on_repo("alias", "remarks", "notes").stdout == "remarks stands for notes.\n"
    assert on_repo.rows("alias") == [{"alias": "remarks", "dataset_type": "notes"}]
    assert len(on_repo.rows("query-datasets", "remarks")) == 4
    with on_repo.open() as butler:
        assert butler.get("remarks", detector=1, collections="first") == {"d": 1}
    assert on_repo("alias", "remarks", "--remove").stdout == "remarks is no alias any more.\n"
    assert "No alias 'remarks'" in on_repo.error("alias", "remarks", "--remove")


def test_half_an_alias_is_refused(on_repo):
    assert "Give NAME and TARGET" in on_repo.error("alias", "remarks")
    assert "Give NAME and TARGET" in on_repo.error("alias", "--remove")
    assert "Give NAME and TARGET" in on_repo.error("alias", "remarks", "notes", "--remove")
