"""Codebooks and row keys, against what Python's own dictionaries and tuples say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.graph.codes import Codebook, distinct_rows, find, match, row_keys, stable_order

small = st.lists(st.integers(0, 6), max_size=25)
spans = st.sampled_from([7, 10_000, 2**61])


@pytest.mark.parametrize(
    "values", [["b", "a", "b"], [7, -3, 7], np.array([2, 9, 2]), np.array(["y", "x"], object)]
)
def test_decoding_gives_back_what_was_encoded(values):
    book = Codebook()
    assert book.decode(book.encode(values)) == list(values)


def test_missing_values_have_no_code():
    assert Codebook().encode(["a", None, "a"]).tolist() == [0, -1, 0]


def test_unknown_values_are_minus_one_unless_they_are_added():
    book = Codebook(["r", "g"])
    assert book.encode(["g", "z"], add=False).tolist() == [1, -1]
    assert book.encode(["z"]).tolist() == [2]


@given(st.lists(st.lists(st.integers(-5, 30), max_size=6), max_size=4))
@settings(max_examples=50, deadline=None)
def test_ranks_sort_as_values_do_whenever_they_were_added(chunks):
    book = Codebook()
    for chunk in chunks:
        book.encode(chunk)
    codes = np.arange(len(book), dtype=np.int32)
    ranks = codes if book.rank is None else book.rank
    assert sorted(book.values) == [book.values[i] for i in np.argsort(ranks)]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20),
    st.sampled_from([5, 2**30]),
)
@settings(max_examples=50, deadline=None)
def test_row_keys_are_equal_and_ordered_as_the_rows_are(rows, size):
    columns = [np.array(column, np.int32) for column in zip(*rows, strict=True)]
    halves = [[c[: len(rows) // 2] for c in columns], [c[len(rows) // 2 :] for c in columns]]
    keys, span = row_keys(halves, [size] * 3, [len(h[0]) for h in halves])
    together = np.concatenate(keys)
    assert together.max() < span
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            assert (a < b) == (together[i] < together[j])


@given(small, spans)
@settings(max_examples=50, deadline=None)
def test_stable_order_is_that_of_sorted(keys, span):
    assert stable_order(np.array(keys, np.int64), span).tolist() == sorted(
        range(len(keys)), key=keys.__getitem__
    )


@given(small, small, spans)
@settings(max_examples=50, deadline=None)
def test_match_finds_every_pair_of_equal_keys(left, right, span):
    pairs = match(np.array(left, np.int64), np.array(right, np.int64), span)
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a == b]
    assert list(zip(*(side.tolist() for side in pairs), strict=True)) == expected


@given(st.sets(st.integers(0, 6)), small, spans)
@settings(max_examples=50, deadline=None)
def test_find_tells_positions_or_minus_one(known, wanted, span):
    here = sorted(known)
    found = find(np.array(here, np.int64), np.array(wanted, np.int64), span)
    assert found.tolist() == [here.index(key) if key in known else -1 for key in wanted]


@given(small, spans)
@settings(max_examples=50, deadline=None)
def test_distinct_rows_has_each_key_once_in_order(keys, span):
    rows = distinct_rows(np.array(keys, np.int64), span)
    assert [keys[row] for row in rows] == sorted(set(keys))
