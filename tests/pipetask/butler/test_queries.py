"""Queries return lists, and say why they are empty."""

import logging
import re

import pytest

from pipetask.butler import Butler
from pipetask.errors import DataIdError, EmptyQueryResultError, InvalidQueryError


@pytest.fixture
def filled(repo):
    with repo.transaction():
        for visit in (1, 2):
            for detector in (0, 1):
                from astropy.table import Table

                repo.put(Table({"x": [1]}), "table", visit=visit, detector=detector, run="first")
        repo.put(Table({"x": [1]}), "table", visit=1, detector=0, run="second")
        repo.put({}, "notes", detector=0, run="first")
    return repo


def ids(found, *names):
    return [tuple(ref.dataId[name] for name in names) for ref in found]


def test_datasets_are_found_first_or_all(filled):
    both = ["second", "first"]
    assert len(filled.query_datasets("table", both)) == 4
    assert len(filled.query_datasets("table", both, find_first=False)) == 5
    first = filled.query_datasets("table", both, visit=1, detector=0)
    assert [ref.run for ref in first] == ["second"]


def test_conditions_order_and_limit(filled):
    found = filled.query_datasets("table", "first", where="visit.exposure_time > 15", order_by="-detector")
    assert ids(found, "visit", "detector") == [(2, 1), (2, 0)]
    found = filled.query_datasets(
        "table", "first", where="visit = :v", bind={"v": 1}, order_by=["detector"], limit=1
    )
    assert ids(found, "visit", "detector") == [(1, 0)]
    assert filled.query_datasets("table", "first", data_id={"visit": 2}, detector=1)[0].dataId["visit"] == 2


def test_a_negative_limit_warns(filled, caplog):
    with caplog.at_level(logging.WARNING):
        assert len(filled.query_datasets("table", "first", limit=-3)) == 3
    assert "More than 3 results" in caplog.text
    caplog.clear()
    assert len(filled.query_datasets("table", "first", limit=-4)) == 4
    assert not caplog.records


def test_records_come_along_if_wanted(filled):
    (ref,) = filled.query_datasets("table", "first", visit=2, detector=1, with_dimension_records=True)
    assert ref.dataId.records["visit"].exposure_time == 20.0


def test_components_and_other_storage_classes_are_carried(filled):
    assert filled.query_datasets("table.columns", "first")[0].datasetType.name == "table.columns"


def test_all_types_are_searched(filled):
    found = filled.query_all_datasets("*", find_first=False)
    assert sorted({ref.datasetType.name for ref in found}) == ["notes", "table"]
    assert len(found) == 6
    assert len(filled.query_all_datasets("*", name="n*")) == 1
    assert len(filled.query_all_datasets("first", limit=2)) == 2


def test_data_ids_and_records_are_queried(filled):
    found = filled.query_data_ids(["visit", "detector"], where="visit IN (1, 2) AND detector < 2")
    assert len(found) == 4
    records = filled.query_dimension_records("visit", where="visit.exposure_time > 15", order_by="visit")
    assert [record.name for record in records] == ["v2", "v3"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (lambda b: b.query_datasets("calexp", "first"), "No datasets of type 'calexp' in collections first, which hold notes, table."),
        (lambda b: b.query_datasets("table", "first", visit=3), "No dataset 'table' in collections first with visit = 3; they hold some"),
        (lambda b: b.query_data_ids(["visit"], where="visit > 5"), "Nothing matches visit > 5."),
        (lambda b: b.query_dimension_records("visit", visit=7), "Nothing matches visit = 7."),
    ],
)  # fmt: skip
def test_nothing_is_explained(filled, query, message):
    with pytest.raises(EmptyQueryResultError, match=re.escape(message)) as caught:
        query(filled)
    assert caught.value.exit_code == 3


def test_nothing_is_an_empty_list_if_not_to_be_explained(filled):
    assert filled.query_datasets("calexp", "first", explain=False) == []
    assert filled.query_data_ids(["visit"], where="visit > 5", explain=False) == []


def test_a_query_searches_what_the_butler_searches(filled):
    with Butler.from_config(filled.root, collections=["second", "first"]) as butler, butler.query() as query:
        refs = list(query.datasets("table").order_by("visit", "detector"))
        assert [ref.run for ref in refs] == ["second", "first", "first", "first"]
        assert (
            query.join_dataset_search("notes", "first")
            .where("visit = 2")
            .data_ids(["visit", "detector"])
            .count()
            == 1
        )


def test_a_query_takes_governors_from_the_default_data_id(filled):
    filled.registry.insert_dimension_records("instrument", [{"name": "Other"}])
    with Butler.from_config(filled.root, instrument="Cam", visit=1) as butler, butler.query() as query:
        assert query.where("visit > 1").data_ids("visit").count() == 2
    with pytest.raises(InvalidQueryError, match="names visit but no instrument"):
        filled.query_data_ids("visit", where="visit > 1")
    with pytest.raises(DataIdError, match="did you mean 'Other'"):
        filled.query_data_ids("visit", instrument="Othr")


def test_keywords_precede_the_data_id(filled):
    assert ids(
        filled.query_datasets("table", "first", data_id={"visit": 1, "detector": 0}, visit=2), "visit"
    ) == [(2,)]
