"""Texts that one of the databases cannot hold are refused by both, in one line."""

import pytest

from registry.errors import DataIdError, InvalidArgumentError, InvalidQueryError

TEXTS = ("a\0b", "a\udc80b")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("known", [True, False])
def test_a_collection_is_not_described_by_them(empty_registry, text, known):
    if known:
        empty_registry.collections.register("run")
        change = empty_registry.collections.set_doc
    else:
        change = lambda name, doc: empty_registry.collections.register(name, doc=doc)  # noqa: E731
    with pytest.raises(InvalidArgumentError, match="is no description"):
        change("run", text)
    assert empty_registry.collections.query() == (["run"] if known else [])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "where", ["detector.full_name = :value", "detector.full_name IN :values", "detector.full_name = '{}'"]
)
def test_an_expression_does_not_ask_for_them(camera_registry, text, where):
    bind = {"value": text, "values": ["A", text]}
    with pytest.raises(InvalidQueryError, match="is no text that a database can hold"):
        camera_registry.query_data_ids(["detector"], where=where.format(text), bind=bind)


def test_halves_of_characters_are_no_key(empty_registry):
    with pytest.raises(InvalidArgumentError, match="is no text"):
        empty_registry.dimension_record("instrument", {"instrument": "a\udc80b"})


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_told_in_one_line_too(empty_registry, text):
    with pytest.raises(InvalidArgumentError):
        empty_registry.set_attribute("note", text)
    with pytest.raises(DataIdError, match="no text"):
        empty_registry.insert_dimension_records("instrument", [{"name": text}])
