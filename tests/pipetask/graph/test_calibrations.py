"""Validity look-up for all quanta at once, against a search one by one."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipetask.graph.calibrations import Validity, valid_at

EVER = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


@st.composite
def calibrations(draw):
    """Draw rows (data ID, dataset, begin, end, rank); ranges of a data ID in a collection don't overlap."""
    rows, dataset = [], 0
    for rank in range(draw(st.integers(1, 3))):
        is_run = draw(st.booleans())
        for data_id in range(3):
            if is_run:
                if draw(st.booleans()):
                    rows.append((data_id, dataset, *EVER, rank))
                    dataset += 1
                continue
            bounds = sorted(draw(st.sets(st.integers(0, 12), max_size=6)))
            for begin, end in itertools.pairwise(bounds):
                if draw(st.booleans()):
                    rows.append((data_id, dataset, begin, end, rank))
                    dataset += draw(st.integers(0, 1))  # one dataset may be valid in several ranges
            dataset += 1
    return rows


times = st.tuples(st.integers(-1, 13), st.integers(0, 4)).map(lambda t: (t[0], t[0] + t[1]))


def one_by_one(rows, data_id, begin, end):
    """Datasets valid in a part of the time, in the first collection that has any; an instant has some length."""
    end = max(end, begin + 1)
    for rank in sorted({row[4] for row in rows}):
        found = [d for i, d, b, e, r in rows if (i, r) == (data_id, rank) and b < end and begin < e]
        if found:
            return set(found)
    return set()


@given(calibrations(), st.lists(st.tuples(st.integers(0, 2), times | st.just(EVER)), max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_first_collection_with_a_valid_calibration_gives_it(rows, wanted):
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    data_id = np.array([i for i, _ in wanted], np.int64)
    begin, end = (np.array([t[k] for _, t in wanted], np.int64) for k in (0, 1))
    found, is_ambiguous = valid_at(Validity(*columns), data_id, begin, end, 3)
    for k, (i, time) in enumerate(wanted):
        expected = one_by_one(rows, i, *time)
        assert (found[k] in expected) if expected else found[k] == -1
        assert is_ambiguous[k] == (len(expected) > 1)
