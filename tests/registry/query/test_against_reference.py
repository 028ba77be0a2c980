"""What lsst-daf-butler 30 answered to the same questions over the same records (reference_answers.json).

Rows are values of the required dimensions in alphabetical order; how to make them again: insert the records of
conftest.py into a repository of the reference and call ``query.where(text).data_ids(dimensions)``.
"""

import json
from pathlib import Path

import pytest

ANSWERS = json.loads(Path(__file__).with_name("reference_answers.json").read_text())


@pytest.mark.parametrize("dimensions", ANSWERS)
def test_answers_are_those_of_the_reference(world, dimensions):
    names = dimensions.split()
    group = world.universe.conform(names)
    order = sorted(range(len(group.required)), key=lambda i: group.required[i])
    for where, expected in ANSWERS[dimensions].items():
        found = sorted([str(row[i]) for i in order] for row in world.data_ids(names, where))
        assert [" ".join(row) for row in found] == expected, where
