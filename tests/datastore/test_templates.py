"""File names: readable, reversible, never outside the root, one per dataset."""

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datastore.errors import TemplateError
from datastore.records import ArtifactHint
from datastore.templates import Template, Templates, decode, encode, encode_run

bounded = settings(max_examples=50, deadline=None)
text = st.text(min_size=1, max_size=12).filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t))


def hint(data_id=None, run="u/me/1", dataset_type="calexp") -> ArtifactHint:
    return ArtifactHint(dataset_type, "Exposure", data_id or {}, run, UUID(int=5))


@bounded
@given(text)
def test_encoded_value_is_safe_and_comes_back(value):
    part = encode(value)
    assert decode(part) == value
    assert part.isascii()
    assert part not in (".", "..")
    assert not set(part) & set("/\\\0 #?*~'\"<>|&;")
    assert not part.startswith(".")


@bounded
@given(st.lists(text, max_size=3), st.lists(text, max_size=3))
def test_different_data_ids_have_different_paths(first, second):
    template = Templates().find("calexp", "Exposure")
    paths = [template.path(hint(dict(zip("abc", values, strict=False)))) for values in (first, second)]
    assert (paths[0] == paths[1]) == (first == second) or len(first) != len(second)


@bounded
@given(st.sampled_from(["..", ".", "../..", "a/../b", ".journal", "a//b", "/a", "a/"]))
def test_no_run_leaves_the_root(run):
    try:
        path = Templates().find("x", "y").path(hint(run=run))
    except TemplateError:
        return
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not path.startswith(".journal")


def test_run_keeps_its_folders():
    assert encode_run("u/me/2026 Z") == "u/me/2026%20Z"


def test_data_id_without_values_gives_a_name_without_gaps():
    assert Templates().find("x", "y").path(hint(), "", ".json") == "u/me/1/calexp/calexp.json"


def test_template_of_the_type_beats_that_of_the_class_beats_the_default():
    templates = Templates(
        {"calexp": "{run}/a", "Exposure": "{run}/b/{dataset_type}", "default": "{run}/c/{id}"}
    )
    found = [templates.find(*names).text for names in (("calexp", "Exposure"), ("x", "Exposure"), ("x", "y"))]
    assert found == ["{run}/a", "{run}/b/{dataset_type}", "{run}/c/{id}"]


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("{run}/x", "{visit}, {detector}"),
        ("{run}/{visit}", "{detector}"),
        ("{run}/{folders}/x", "{detector}"),
        ("{run}/{detector}/{tract?}", "{visit}"),
    ],
)
def test_template_that_does_not_tell_datasets_apart_is_refused(text, lacks):
    with pytest.raises(TemplateError, match=re.escape(f"lacks {lacks}, so that datasets 'calexp' would")):
        Template(text).path(hint({"visit": 3, "detector": 1}))


@pytest.mark.parametrize(
    "text", ["{run}/{values}", "{run}/{id}", "{run}/{folders}/{detector}", "{run}/{visit}-{detector?}"]
)
def test_template_may_tell_datasets_apart_in_several_ways(text):
    assert Template(text).path(hint({"visit": 3, "detector": 1})).startswith("u/me/1/")


def test_template_that_does_not_tell_types_or_parts_apart_is_refused():
    with pytest.raises(TemplateError, match=r"lacks \{dataset_type\}"):
        Templates({"default": "{run}/{values}"}).find("calexp", "Exposure")
    with pytest.raises(TemplateError, match=r"lacks \{component\}, so that parts of 'calexp'"):
        Template("{run}/{id}").path(hint({"visit": 3}), "wcs")


def test_optional_field_takes_its_separator_away():
    template = Template("{run}/{dataset_type}_{tract?}_{visit}-x{id}")
    assert template.path(hint({"visit": 3})) == f"u/me/1/calexp_3-x{UUID(int=5)}"
    assert template.path(hint({"visit": 3, "tract": 9})) == f"u/me/1/calexp_9_3-x{UUID(int=5)}"


def test_missing_key_is_named_with_those_that_are_there():
    with pytest.raises(TemplateError, match=r"no 'tract'; it has .*visit"):
        Template("{run}/{tract}").path(hint({"visit": 3}))


@pytest.mark.parametrize("text", ["{dataset_type}", "{run}/{", "{run}/{a!r}", "{run}/}"])
def test_impossible_template_is_refused(text):
    with pytest.raises(TemplateError):
        Template(text)


@pytest.mark.parametrize("text", ["/{run}", "{run}/../x", "{run}//x", "{run}/"])
def test_template_outside_the_root_is_refused(text):
    with pytest.raises(TemplateError, match="below the root"):
        Template(text).path(hint({"visit": 3}))
