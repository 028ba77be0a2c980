"""Errors: all of one family, all able to cross process borders, positions shown by a caret."""

import builtins
import inspect
import pickle

import pytest

from registry import errors
from registry.columns import as_array, from_rows, n_rows, rows
from registry.suggest import suggest

LEAVES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.RegistryError)
]


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_can_be_pickled_and_is_also_a_builtin(leaf):
    error = leaf("No 'x' here")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is leaf
    assert str(copy) == str(error) == "No 'x' here"
    assert (copy.exit_code, copy.hint) == (error.exit_code, error.hint)
    assert leaf is errors.RegistryError or any(
        base in vars(builtins).values()
        for base in leaf.__mro__
        if base not in (Exception, BaseException, object)
    )


def test_a_hint_of_its_own_goes_along():
    assert pickle.loads(pickle.dumps(errors.DataIdError("bad", hint="do this"))).hint == "do this"


def test_a_query_error_points_at_the_character():
    error = errors.InvalidQueryError("Unknown name 'vist'", "a = 1 AND\n  vist = 3", 12)
    assert str(error) == "Unknown name 'vist'\n    vist = 3\n    ^"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_suggestions_ignore_case_and_stay_silent_if_nothing_is_near():
    assert suggest("Vist", ["visit", "patch"]) == "; did you mean 'visit'?"
    assert suggest("zzz", ["visit"]) == ""
    assert suggest("x", []) == ""


def test_columns_become_rows_of_plain_values_and_back():
    columns = from_rows(("a", "b"), [(1, "x"), (2, None)])
    assert columns["a"].dtype == "int64"
    assert columns["b"].dtype == object
    assert rows(columns, ("b", "a")) == [("x", 1), (None, 2)]
    assert type(rows(columns, ("a",))[0][0]) is int
    assert rows(columns, ()) == [(), ()]
    assert n_rows(columns) == 2
    assert {name: len(column) for name, column in from_rows(("a",), []).items()} == {"a": 0}
    assert as_array([b"ab", b"cd"]).dtype == object
    with pytest.raises(ValueError):
        n_rows({"a": [1], "b": []})
