"""The walker against brute force on random graphs."""

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.execution.walker import BLOCKED, DONE, FAILED, NOBODY, Walker


def csr(n, edges):
    edges = sorted(edges)
    counts = np.bincount([a for a, _ in edges], minlength=n) if edges else np.zeros(n, dtype=int)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return indptr, np.array([b for _, b in edges], dtype=np.int32)


def walk(walker, failing=(), limit=None):
    order = []
    while walker.active:
        taken = walker.take(limit)
        order.append(taken)
        for quantum in taken:
            walker.finish(quantum, ok=quantum not in failing)
    return order


@st.composite
def acyclic_graphs(draw):
    n = draw(st.integers(1, 12))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    failing = draw(st.sets(st.integers(0, n - 1), max_size=3))
    return n, edges, failing


def test_a_diamond_is_walked_layer_by_layer():
    walker = Walker(*csr(4, {(0, 1), (0, 2), (1, 3), (2, 3)}))
    assert walk(walker) == [[0], [1, 2], [3]]
    assert (walker.state == DONE).all()


def test_take_gives_the_lowest_numbers_first_and_no_more_than_asked():
    walker = Walker(*csr(5, set()))
    assert walker.take(2) == [0, 1]
    assert walker.take(0) == []
    assert walker.take() == [2, 3, 4]
    assert walker.active
    assert walker.n_ready == 0


def test_a_quantum_given_back_is_taken_again():
    walker = Walker(*csr(3, set()))
    taken = walker.take()
    walker.give_back([taken[1]])
    assert walker.take() == [1]


def test_stopping_early_leaves_quanta_not_attempted():
    walker = Walker(*csr(4, {(0, 1), (2, 3)}))
    assert walker.take(1) == [0]
    walker.finish(0, ok=False)
    assert walker.not_attempted() == [2, 3]


@given(acyclic_graphs())
@settings(max_examples=60, deadline=None)
def test_each_quantum_runs_once_after_all_its_ancestors_and_never_after_a_failed_one(case):
    n, edges, failing = case
    graph = nx.DiGraph(sorted(edges))
    graph.add_nodes_from(range(n))
    walker = Walker(*csr(n, edges))
    order = [quantum for group in walk(walker, failing, limit=2) for quantum in group]
    position = {quantum: i for i, quantum in enumerate(order)}
    assert len(position) == len(order)
    for quantum in range(n):
        ancestors = nx.ancestors(graph, quantum)
        if ancestors & failing:
            # A quantum below a failure runs only if the failing ancestor was itself blocked by another one.
            reached = {a for a in ancestors & failing if a in position}
            assert reached
            assert quantum not in position
            assert walker.state[quantum] == BLOCKED
            assert walker.blocked_by[quantum] in reached
        else:
            assert all(position[a] < position[quantum] for a in ancestors)
            assert walker.state[quantum] == (FAILED if quantum in failing else DONE)
            assert walker.blocked_by[quantum] == NOBODY


@given(acyclic_graphs())
@settings(max_examples=40, deadline=None)
def test_blocked_descendants_are_reported_once(case):
    n, edges, failing = case
    walker = Walker(*csr(n, edges))
    reported = []
    while walker.active:
        for quantum in walker.take():
            reported += walker.finish(quantum, ok=quantum not in failing)
    assert sorted(reported) == np.flatnonzero(walker.state == BLOCKED).tolist()


@given(acyclic_graphs(), st.data())
@settings(max_examples=40, deadline=None)
def test_what_an_earlier_attempt_finished_is_not_walked_again(case, data):
    n, edges, _ = case
    graph = nx.DiGraph(sorted(edges))
    graph.add_nodes_from(range(n))
    chosen = data.draw(st.sets(st.integers(0, n - 1)))
    done = chosen | {a for quantum in chosen for a in nx.ancestors(graph, quantum)}
    walker = Walker(*csr(n, edges), done=done)
    assert sorted(q for group in walk(walker) for q in group) == sorted(set(range(n)) - done)
