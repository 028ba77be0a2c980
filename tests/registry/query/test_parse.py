"""Reading expressions: what is accepted, and where the caret stands if something is not."""

import warnings

import pytest
from astropy.time import Time

from registry.errors import InvalidQueryError
from registry.query.parse import parse
from registry.query.syntax import Logic, Member, Name, Negation, Operation, Range, Sign
from registry.query.time_literal import parse_time
from registry.query.tree import Literal
from registry.timespan import time_to_ns


def test_precedence_is_not_then_and_then_or():
    tree = parse("a = 1 OR NOT b = 2 AND c = 3")
    assert isinstance(tree, Logic)
    assert tree.operator == "OR"
    conjunction = tree.operands[1]
    assert (conjunction.operator, type(conjunction.operands[0])) == ("AND", Negation)


def test_arithmetic_binds_as_in_school():
    tree = parse("a = 1 - 2 - 3 * -b")
    minus = tree.right
    assert (minus.operator, minus.left.operator, minus.right.operator) == ("-", "-", "*")
    assert isinstance(minus.right.right, Sign)


@pytest.mark.parametrize("text", ["a = 1 and not b in (1, 2)", "A = 1"])
def test_keywords_ignore_case_and_names_do_not(text):
    tree = parse(text)
    if text.startswith("A"):
        assert tree.left == Name("A", 0)
    else:
        assert isinstance(tree.operands[1].operand, Member)


def test_words_that_begin_like_keywords_are_names():
    assert parse("instrument = android") == Operation("=", Name("instrument", 0), Name("android", 13), 11)


def test_ranges_may_have_spaces_signs_and_strides():
    items = parse("a IN (1..3, -5 .. -1 : 2, 7)").items
    assert items[:2] == (Range(1, 3, 1, 6), Range(-5, -1, 2, 12))


def test_a_doubled_quote_is_a_quote():
    assert parse("a = 'it''s'").right == Literal("it's", "string", 4)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_is_always_true(text):
    assert parse(text) == Literal(True, "bool")


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("visit = ", "ends too early; expected a value or a name", 8),
        ("(visit = 3", "ends too early; expected ')'", 10),
        ("visit == 3", "write one '='", 7),
        ('band = "r"', "Here are double quotes; write 'text'", 7),
        ("band = 'r", "not closed", 7),
        ("visit = 1..3", "A range is of whole numbers, as in IN (1..5), and for IN only", 9),
        ("visit IN (1, )", "Unexpected ')'", 13),
        ("visit = 1 2", "expected AND or OR", 10),
        ("a = 1 AND\nb ? 2", "Unexpected '?'", 12),
        ("a = T'2020-13-01'", "Time '2020-13-01' cannot be read", 4),
        ("a = T'nonsense'", "none of the formats", 4),
        ("a = T'isott/58000'", "unknown format 'isott'; did you mean 'isot'", 4),
        ("a = T'58000/tia'", "unknown scale 'tia'", 4),
    ],
)
def test_a_malformed_expression_is_shown_with_a_caret(text, message, position):
    with pytest.raises(InvalidQueryError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert caught.value.position == position
    line = str(caught.value).splitlines()[-1]
    assert line.index("^") - 2 == position - (text.rfind("\n", 0, position) + 1)


@pytest.mark.parametrize(
    ("text", "value", "form", "scale"),
    [
        ("2026-03-01", "2026-03-01", "iso", "utc"),
        ("2026-03-01 12:30", "2026-03-01 12:30", "iso", "utc"),
        ("2026-03-01T12:30:01.5", "2026-03-01T12:30:01.5", "isot", "utc"),
        ("2026-03-01T12:30:01/tai", "2026-03-01T12:30:01", "isot", "tai"),
        ("2026-03-01T12:30:01+00:00", "2026-03-01T12:30:01", "isot", "utc"),
        ("58000.25", 58000.25, "mjd", "tai"),
        ("mjd/58000.25/utc", 58000.25, "mjd", "utc"),
        ("JD/2451545/TT", 2451545.0, "jd", "tt"),
        ("unix/1767225600.25", 1767225600.25, "unix", "utc"),
        ("cxcsec/63072064", 63072064.0, "cxcsec", "tt"),
        ("jyear_str/J2026.5", "J2026.5", "jyear_str", "tai"),
        ("2026:061:12:30", "2026:061:12:30", "yday", "utc"),
        ("+02026-03-01T12:30:01", "+02026-03-01T12:30:01", "fits", "utc"),
    ],
)
def test_times_are_read_in_the_formats_and_scales_of_astropy(text, value, form, scale):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert parse_time(text) == time_to_ns(Time(value, format=form, scale=scale))


def test_positions_point_at_the_operator_of_an_operation():
    assert parse("visit  > 3").position == 7
