"""Every error of the datastore crosses process borders and says three things."""

import inspect

import pytest

from datastore import errors
from datastore.testing import assert_error_pickles

LEAVES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.DatastoreError) and cls is not errors.DatastoreError
]


@pytest.mark.parametrize("leaf", LEAVES)
def test_error_pickles_and_tells_the_value_and_what_to_do(leaf):
    parameters = list(inspect.signature(leaf.__init__).parameters)[1:]
    error = leaf(*(("known-1",) if name == "known" else f"value of {name}" for name in parameters))
    assert_error_pickles(error)
    assert f"value of {parameters[0]}" in str(error)
    assert leaf.hint
    assert any(
        issubclass(leaf, builtin) for builtin in (ImportError, LookupError, ValueError, TypeError, OSError)
    )
