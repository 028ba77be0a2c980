"""The parser by tables: these are in step with the grammar, and lead to what lark makes of a text."""

from importlib.resources import files

import lark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.query import grammar, grammar_tables
from registry.query.parser import UnexpectedTextError, parse_with

WORDS = [
    "a",
    "visit.id",
    "1",
    "2.5",
    "1..3",
    "-2 .. 7:2",
    "'x'",
    "T'2026'",
    ":b",
    "f(",
    "(",
    ")",
    ",",
    "=",
    "<",
]
WORDS += ["+", "-", "*", "AND", "or", "NOT", "in", "IN (", "is", "NULL", "OVERLAPS", "?", "'"]


class Recorder:
    """Has every method of the grammar; makes tuples of the method's name and the parts."""

    def __getattr__(self, method):
        if method.startswith("__"):
            raise AttributeError(method)
        return lambda parts: (method, *map(str_if_token, parts))


def str_if_token(part):
    return part if isinstance(part, tuple) else str(part)


def as_tuples(tree):
    if not isinstance(tree, lark.Tree):
        return str_if_token(tree)
    return (str(tree.data), *map(as_tuples, tree.children))


@pytest.fixture(scope="module")
def by_lark():
    text = files("registry.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(text, parser="lalr", maybe_placeholders=False)


def test_the_tables_are_those_of_the_grammar():
    for name, value in grammar.tables().items():
        assert getattr(grammar_tables, name) == value, "renew them: python -m registry.query.grammar"


@settings(max_examples=150, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=12))
def test_a_text_is_read_as_lark_reads_it(by_lark, words):
    text = " ".join(words)
    try:
        expected = as_tuples(by_lark.parse(text))
    except lark.UnexpectedInput as err:
        refusal = err
    else:
        assert parse_with(Recorder(), text) == expected
        return
    with pytest.raises(UnexpectedTextError) as caught:
        parse_with(Recorder(), text)
    at_token = isinstance(refusal, lark.UnexpectedToken)
    at_end = at_token and refusal.token.type == "$END"
    assert caught.value.position == (len(text) if at_end else refusal.pos_in_stream)
    assert not at_token or caught.value.expected == refusal.accepts
