"""Tables are made when they are asked for, in any order."""

import pytest
from sqlalchemy import select

from registry.dialects.base import dialect_for
from registry.dimensions import DimensionUniverse
from registry.schema.schema import Schema

UNIVERSE = DimensionUniverse.default()


@pytest.mark.parametrize("name", [element.name for element in UNIVERSE.elements])
def test_a_table_stands_alone_and_joins_others(name):
    schema = Schema(UNIVERSE, dialect_for("sqlite://"))
    element = UNIVERSE[name]
    table = schema.element_table(name)
    assert table is schema.element_table(name)
    assert set(element.required) <= {column.name for column in table.c}
    instrument = schema.element_table("instrument")
    assert str(
        select(table.join(instrument, instrument.c.visit_max == 1)).order_by(table.c[element.required[-1]])
    )


@pytest.mark.parametrize("pair", UNIVERSE.overlap_pairs)
def test_overlaps_are_found_in_either_order(pair):
    schema = Schema(UNIVERSE, dialect_for("sqlite://"))
    table = schema.overlap_table(*reversed(pair))
    assert table is schema.overlap_table(*pair)
    assert {name for element in pair for name in UNIVERSE[element].required} == set(table.c.keys())


def test_elements_of_one_family_have_no_overlaps():
    with pytest.raises(LookupError, match="not of two spatial families"):
        Schema(UNIVERSE, dialect_for("sqlite://")).overlap_table("tract", "patch")
