"""Subset expressions: operators, names, and what cannot be read."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.errors import SubsetExpressionError
from pipetask.pipeline.subset_expression import selected_tasks

TASKS = ("a", "b", "c", "d")


def diamond():
    """The graph a → b, a → c, b and c → d; the dataset type between x and y is called x-y."""
    graph = nx.DiGraph()
    for source, target in ("ab", "ac", "bd", "cd"):
        middle = ("dataset_type", f"{source}-{target}")
        graph.add_edge(("task", source), middle)
        graph.add_edge(middle, ("task", target))
    return graph


def selected(expression):
    found = selected_tasks(expression, diamond(), {"early": ["a", "b"], "late": ["d"]})
    return "".join(sorted(found))


@pytest.mark.parametrize(
    ("expression", "tasks"),
    [
        ("a", "a"),
        ("early", "ab"),
        ("a | d", "ad"),
        ("early & ~a", "b"),
        ("~early", "cd"),
        ("~~a", "a"),
        ("<d", "abc"),
        ("<=d", "abcd"),
        (">a", "bcd"),
        (">= b", "bd"),
        ("~<d", "d"),
        ("<late", "abc"),
        (">=early", "abcd"),
        ("<a-b", "a"),
        (">a-b", "bd"),
        ("a|b&c", "a"),
        ("(a|b)&c", ""),
        ("(a|b)&early", "ab"),
        ("T:a | S:late", "ad"),
        (">D:c-d", "d"),
    ],
)
def test_an_expression_stands_for_tasks(expression, tasks):
    assert selected(expression) == tasks


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("a,b", "unexpected ',', at character 2"),
        ("a b", "expected | or & or the end, at character 3"),
        ("(a | b", "expected ), at character 7"),
        ("<~a", "expected a task, subset or dataset type, at character 2"),
        ("", "expected a task, subset or dataset type, at character 1"),
        ("a & earlyy", "no task, subset or dataset type 'earlyy', at character 5; did you mean 'early'?"),
        ("S:a", "no subset 'a'"),
        ("D:a", "no dataset type 'a'"),
    ],
)
def test_an_error_says_what_and_where(expression, what):
    with pytest.raises(SubsetExpressionError) as caught:
        selected(expression)
    assert what in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.sampled_from(TASKS).map(lambda name: (name, frozenset(name))),
        lambda inner: st.one_of(
            inner.map(lambda e: (f"~({e[0]})", frozenset(TASKS) - e[1])),
            st.tuples(inner, inner).map(lambda p: (f"({p[0][0]}) | ({p[1][0]})", p[0][1] | p[1][1])),
            st.tuples(inner, inner).map(lambda p: (f"({p[0][0]})&({p[1][0]})", p[0][1] & p[1][1])),
        ),
        max_leaves=6,
    )
)
def test_operators_are_those_of_sets(case):
    expression, expected = case
    assert selected_tasks(expression, diamond(), {}) == expected
