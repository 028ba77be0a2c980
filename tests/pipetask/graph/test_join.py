"""Joins and projections on codes give what joins of Python sets give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.graph.codes import Codebooks
from pipetask.graph.join import Relation, join_all, natural_join
from pipetask.graph.project import CSR, DataIds, Pairs, Projections

DIMENSIONS = ("camera", "visit", "chip", "tract")
VALUES = {"camera": ["B", "A"], "visit": [3, 1, 2], "chip": [0, 1], "tract": [9, 8]}


@st.composite
def relations(draw):
    """Draw a few relations as (dimensions, set of rows), rows being tuples of values."""
    drawn = []
    for _ in range(draw(st.integers(1, 4))):
        dims = tuple(draw(st.lists(st.sampled_from(DIMENSIONS), unique=True, min_size=1, max_size=3)))
        every = list(itertools.product(*(VALUES[d] for d in dims)))
        drawn.append((dims, draw(st.lists(st.sampled_from(every), max_size=8))))
    return drawn


def brute_force(drawn):
    """Every assignment of values to all dimensions in use that each relation allows."""
    dims = tuple(dict.fromkeys(d for names, _ in drawn for d in names))
    found = []
    for values in itertools.product(*(VALUES[d] for d in dims)):
        row = dict(zip(dims, values, strict=True))
        if all(tuple(row[d] for d in names) in rows for names, rows in drawn):
            found.append(row)
    return dims, found


def encode(drawn, codebooks):
    return [
        Relation.encode(str(i), {d: [row[k] for row in rows] for k, d in enumerate(dims)}, codebooks)
        for i, (dims, rows) in enumerate(drawn)
    ]


def decode(data_ids, codebooks):
    columns = [codebooks[d].decode(column) for d, column in data_ids.columns().items()]
    return list(zip(*columns, strict=True)) if columns else [()] * len(data_ids)


@given(relations(), st.data())
@settings(max_examples=100, deadline=None)
def test_projections_of_a_join_are_those_of_the_brute_force_join(drawn, data):
    codebooks = Codebooks()
    dims, expected = brute_force(drawn)
    onto = tuple(data.draw(st.lists(st.sampled_from(dims), unique=True)))
    joined = join_all(encode(drawn, codebooks), codebooks, keep=onto)
    found = DataIds.from_relation(joined.project(onto))
    assert decode(found, codebooks) == sorted({tuple(row[d] for d in onto) for row in expected})
    assert joined.is_empty == (not expected)


@given(relations(), st.data())
@settings(max_examples=100, deadline=None)
def test_pairs_are_the_rows_that_occur_together(drawn, data):
    codebooks = Codebooks()
    dims, expected = brute_force(drawn)
    sides = [tuple(data.draw(st.lists(st.sampled_from(dims), unique=True, min_size=1))) for _ in range(2)]
    projections = Projections(join_all(encode(drawn, codebooks), codebooks, keep=dims))
    left, right = (projections.data_ids(side) for side in sides)
    # The table may have the dimensions in another order, if they were asked for before.
    pairs = projections.pairs(left, right)
    rows_left, rows_right = decode(left, codebooks), decode(right, codebooks)
    found = [(rows_left[i], rows_right[j]) for i, j in zip(pairs.left, pairs.right, strict=True)]
    together = {
        (tuple(row[d] for d in left.dimensions), tuple(row[d] for d in right.dimensions)) for row in expected
    }
    assert sorted(found) == sorted(together)
    assert list(zip(pairs.left, pairs.right, strict=True)) == sorted(
        zip(pairs.left, pairs.right, strict=True)
    )


@given(relations(), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_relations_changes_nothing(drawn, random):
    shuffled = random.sample(drawn, len(drawn))
    dims, _ = brute_force(drawn)
    results = []
    for order in (drawn, shuffled):
        codebooks = Codebooks()
        joined = join_all(encode(order, codebooks), codebooks, keep=dims)
        results.append(decode(DataIds.from_relation(joined.project(dims)), codebooks))
    assert results[0] == results[1]


def test_independent_relations_are_not_multiplied_out():
    codebooks = Codebooks()
    thousand = [Relation.encode(d, {d: np.arange(1000)}, codebooks) for d in ("a", "b", "c", "d")]
    joined = join_all(thousand, codebooks, keep="abcd")
    assert [factor.n_rows for factor in joined.factors] == [1000] * 4
    assert joined.project(("a",)).n_rows == 1000


def test_a_join_of_nothing_has_one_row_without_dimensions():
    assert join_all([], Codebooks(), keep=()).project(()).n_rows == 1


def test_projecting_on_a_dimension_that_nothing_supplies_is_an_error():
    with pytest.raises(KeyError, match="tract"):
        join_all([], Codebooks(), keep=()).project(("tract",))


def test_rows_with_a_missing_value_are_in_no_relation():
    codebooks = Codebooks()
    relation = Relation.encode("visit", {"visit": [1, 2], "band": ["r", None]}, codebooks)
    assert relation.n_rows == 1


def test_relations_without_shared_dimensions_join_to_their_product():
    codebooks = Codebooks()
    left, right = (Relation.encode(d, {d: [1, 2]}, codebooks) for d in "ab")
    assert natural_join(left, right, codebooks).n_rows == 4


def test_compressed_pairs_list_the_partners_of_each_row():
    csr = CSR.from_pairs(Pairs(np.array([0, 0, 2], np.int32), np.array([1, 3, 0], np.int32)), 3)
    assert [csr[row].tolist() for row in range(3)] == [[1, 3], [], [0]]
    assert csr.pairs().left.tolist() == [0, 0, 2]


def test_renumbering_drops_pairs_of_rows_that_are_gone():
    pairs = Pairs(np.array([0, 1, 2], np.int32), np.array([1, 0, 1], np.int32))
    left, right = np.array([0, -1, 1], np.int32), np.array([-1, 0], np.int32)
    assert [
        side.tolist() for side in (pairs.renumbered(left, right).left, pairs.renumbered(left, right).right)
    ] == [[0, 1], [0, 0]]
