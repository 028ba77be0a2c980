"""The five ways of changing a chain, as the reference has them."""

import pytest

from pipetask.errors import CollectionTypeError, InvalidNameError, MissingCollectionError


@pytest.fixture
def collections(repo):
    for name in "abc":
        repo.collections.register(name)
    repo.collections.register("inner", "CHAINED")
    repo.collections.redefine_chain("inner", ["b", "c"])
    return repo.collections


@pytest.mark.parametrize(
    ("mode", "children", "expected"),
    [
        ("redefine", ["c", "a"], ("c", "a")),
        ("extend", ["c", "a"], ("b", "c", "a")),
        ("prepend", ["c", "b"], ("c", "b", "a")),
        ("remove", ["b"], ("a",)),
        ("remove", ["c"], ("a", "b")),
        ("pop", [], ("b",)),
        ("pop", ["-1"], ("a",)),
        ("pop", ["0", "1"], ()),
    ],
)
def test_a_chain_of_a_and_b_becomes(collections, mode, children, expected):
    assert collections.update_chain("chain", ["a", "b"], doc="mine") == ("a", "b")
    assert collections.update_chain("chain", children, mode) == expected
    assert collections.get_info("chain").children == expected
    assert collections.get_info("chain").doc == "mine"


def test_chains_among_the_children_are_flattened_if_asked(collections):
    assert collections.update_chain("chain", ["inner", "a"]) == ("inner", "a")
    assert collections.update_chain("chain", ["c", "inner", "a"], flatten=True) == ("c", "b", "a")
    collections.redefine_chain("chain", ["inner"], flatten=True)
    assert collections.get_info("chain").children == ("b", "c")


@pytest.mark.parametrize("mode", ["extend", "prepend"])
def test_adding_to_a_new_chain_makes_it(collections, mode):
    assert collections.update_chain("new", ["a"], mode) == ("a",)


@pytest.mark.parametrize(
    ("name", "children", "mode", "error"),
    [
        ("new", [], "redefine", InvalidNameError),
        ("new", ["nope"], "redefine", MissingCollectionError),
        ("new", ["a"], "remove", MissingCollectionError),
        ("new", [], "pop", MissingCollectionError),
        ("new", ["a"], "reverse", InvalidNameError),
        ("inner", ["2"], "pop", InvalidNameError),
        ("inner", ["b"], "pop", InvalidNameError),
        ("a", ["b"], "extend", ValueError),
        ("a", ["b"], "remove", CollectionTypeError),
    ],
)
def test_what_cannot_be_done_changes_nothing(collections, name, children, mode, error):
    before = collections.query_info()
    with pytest.raises(error):
        collections.update_chain(name, children, mode)
    assert collections.query_info() == before


def test_a_position_that_is_no_number_is_told(collections):
    with pytest.raises(InvalidNameError, match="whole numbers, not 'b'"):
        collections.update_chain("inner", ["b"], "pop")


def test_a_tree_goes_down_or_up(collections):
    collections.update_chain("outer", ["inner", "b"])
    names = [(depth, info.name) for depth, info in collections.tree("outer")]
    assert names == [(0, "outer"), (1, "inner"), (2, "b"), (2, "c"), (1, "b")]
    names = [(depth, info.name) for depth, info in collections.tree("b", inverse=True)]
    assert names == [(0, "b"), (1, "inner"), (2, "outer"), (1, "outer")]
