"""Conditions on big tables: only if a query leaves few of the values that there are."""

import pytest

from pipetask.butler import DimensionUniverse
from pipetask.graph.codes import Codebooks
from pipetask.graph.join import Relation
from pipetask.graph.narrowing import EVERYTHING, MAX_VALUES, Narrowing


@pytest.fixture
def codebooks():
    books = Codebooks()
    for d, values in {"instrument": ["A", "B"], "visit": range(2000), "detector": range(4)}.items():
        books[d].encode(list(values))
    return books


@pytest.fixture
def sensors():
    return DimensionUniverse.default().conform(("visit", "detector"))


def relation(codebooks, **columns):
    return Relation.encode("", columns, codebooks)


def test_the_dimension_of_which_least_is_left_is_named_with_what_it_requires(codebooks, sensors):
    two = relation(codebooks, instrument=["A", "A"], visit=[7, 9])
    three = relation(codebooks, instrument=["A"] * 3, detector=[0, 1, 2])
    where, bind = Narrowing([two, three], codebooks).condition(sensors)
    assert where == "instrument IN (instrument_values) AND visit IN (visit_values)"
    assert bind == {"instrument_values": ["A"], "visit_values": [7, 9]}


def test_relations_restrict_each_other(codebooks, sensors):
    visits = relation(codebooks, instrument=["A", "A", "B"], visit=[7, 9, 11])
    _, bind = Narrowing([visits, relation(codebooks, instrument=["B"])], codebooks).condition(sensors)
    assert bind["visit_values"] == [11]


@pytest.mark.parametrize("visits", [[], range(MAX_VALUES + 1)])
def test_none_or_many_values_are_not_worth_naming(codebooks, sensors, visits):
    narrowing = Narrowing([relation(codebooks, visit=list(visits))], codebooks)
    assert narrowing.condition(sensors) == EVERYTHING


def test_all_the_values_that_there_are_restrict_nothing(codebooks, sensors):
    assert Narrowing([relation(codebooks, detector=range(4))], codebooks).condition(sensors) == EVERYTHING


def test_other_dimensions_do_not_matter(codebooks):
    filters = DimensionUniverse.default().conform(("physical_filter",))
    assert Narrowing([relation(codebooks, visit=[1])], codebooks).condition(filters) == EVERYTHING
    assert Narrowing([], codebooks).condition(filters) == EVERYTHING
