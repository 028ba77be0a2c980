"""Chains: the order of search, editing, cycles."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import (
    CollectionCycleError,
    CollectionTypeError,
    MissingCollectionError,
    OrphanedRecordError,
)
from registry.registry import Registry


@pytest.fixture
def collections(empty_registry):
    for name in "abc":
        empty_registry.collections.register(name)
    for name in ("inner", "outer"):
        empty_registry.collections.register(name, "CHAINED")
    return empty_registry.collections


def searched(collections, names) -> list[str]:
    return [info.name for info in collections.resolve(names)]


def test_the_first_mention_of_a_collection_counts(collections):
    collections.set_chain("inner", ["b", "a"])
    collections.set_chain("outer", ["c", "inner", "b"])
    assert searched(collections, "outer") == ["c", "b", "a"]
    assert searched(collections, ["a", "outer"]) == ["a", "c", "b"]


def test_chains_are_edited_at_both_ends(collections):
    collections.set_chain("outer", ["b"])
    collections.prepend_chain("outer", ["a"])
    collections.extend_chain("outer", ["c"])
    assert collections.get_info("outer").children == ("a", "b", "c")
    collections.prepend_chain("outer", ["c"])
    assert collections.get_info("outer").children == ("c", "a", "b")
    collections.extend_chain("outer", ["c"])
    assert collections.get_info("outer").children == ("a", "b", "c")
    collections.remove_from_chain("outer", ["b", "inner"])
    assert collections.get_info("outer").children == ("a", "c")
    assert collections.parents("a") == ["outer"]


def test_resolution_notices_edits(collections):
    collections.set_chain("outer", ["b"])
    assert searched(collections, "outer") == ["b"]
    collections.set_chain("outer", ["a"])
    assert searched(collections, "outer") == ["a"]


def test_a_cycle_is_drawn(collections):
    collections.set_chain("inner", ["a", "outer"])
    with pytest.raises(CollectionCycleError, match="outer -> inner -> outer"):
        collections.set_chain("outer", ["b", "inner"])
    with pytest.raises(CollectionCycleError, match="outer -> outer"):
        collections.set_chain("outer", ["outer"])
    assert collections.get_info("outer").children == ()


def test_only_chains_are_edited_and_only_known_collections_chained(collections):
    with pytest.raises(CollectionTypeError, match="'a' is RUN"):
        collections.set_chain("a", ["b"])
    with pytest.raises(MissingCollectionError, match="'d'"):
        collections.set_chain("outer", ["a", "d"])


def test_what_is_taken_out_of_a_chain_must_exist(collections):
    collections.set_chain("outer", ["a", "b"])
    with pytest.raises(MissingCollectionError, match="'nope'"):
        collections.remove_from_chain("outer", ["a", "nope"])
    assert collections.get_info("outer").children == ("a", "b")


def test_a_removed_collection_is_unlinked_from_chains_if_asked(collections):
    collections.set_chain("inner", ["a", "b"])
    collections.set_chain("outer", ["inner", "a"])
    with pytest.raises(OrphanedRecordError, match="'inner', 'outer'"):
        collections.remove("a")
    collections.remove("a", unlink_from_chains=True)
    assert collections.get_info("inner").children == ("b",)
    assert collections.get_info("outer").children == ("inner",)


def expected(name, chains, above=()):
    """Depth first, each leaf where it comes first: told by recursion, with no memory but the result."""
    if name not in chains:
        return [name]
    found = []
    for child in chains[name]:
        found += [leaf for leaf in expected(child, chains) if leaf not in found]
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(range(8)), max_size=4, unique=True), min_size=4, max_size=4))
def test_any_chains_are_searched_depth_first(members):
    with Registry.create("sqlite://") as registry:
        chains = {}
        for i in range(4):
            registry.collections.register(f"{i}")
        for i, children in enumerate(members, start=4):
            registry.collections.register(f"{i}", "CHAINED")
            chains[f"{i}"] = [f"{child}" for child in children if child < i]
            registry.collections.set_chain(f"{i}", chains[f"{i}"])
        for name in chains:
            assert searched(registry.collections, name) == expected(name, chains)
