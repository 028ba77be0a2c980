"""Which calibration is valid at the time of each quantum, for all quanta at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Keys, Rows

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Validity:
    """Validity ranges, one per row.

    Parameters
    ----------
    data_id
        Number of the data ID that the range is for.
    dataset
        Number of the dataset.
    begin, end
        The range [TAI ns], without its end.
    rank
        Position of the collection in the search order.
    """

    data_id: Rows
    dataset: Rows
    begin: Keys
    end: Keys
    rank: Rows


def valid_at(validity: Validity, data_id: Rows, begin: Keys, end: Keys, n_data_ids: int) -> tuple[Rows, Mask]:
    """Find the dataset that is valid at each wanted time, in the first collection that has one.

    Parameters
    ----------
    validity
        The ranges; those of one data ID in one collection do not overlap unless the collection is no
        calibration collection.
    data_id, begin, end
        What is wanted: number of the data ID, time [TAI ns]. A time of no length is an instant.
    n_data_ids
        Number of data IDs.

    Returns
    -------
    dataset : `numpy.ndarray`
        Number of the dataset, -1 if there is none.
    is_ambiguous : `numpy.ndarray`
        Whether another dataset of the same collection is valid in a part of that time.
    """
    dataset = np.full(data_id.size, -1, np.int64)
    is_ambiguous = np.zeros(data_id.size, bool)
    end = np.maximum(end, begin + (begin < np.iinfo(np.int64).max))
    for rank in np.unique(validity.rank):
        wanted = np.flatnonzero(dataset < 0)
        if not wanted.size:
            break
        rows = np.flatnonzero(validity.rank == rank)
        rows = rows[np.lexsort((validity.begin[rows], validity.data_id[rows]))]
        found, is_ambiguous[wanted] = _in_one_collection(
            validity, rows, data_id[wanted], begin[wanted], end[wanted], n_data_ids
        )
        dataset[wanted] = found
    return dataset, is_ambiguous


def _in_one_collection(
    validity: Validity, rows: Rows, data_id: Rows, begin: Keys, end: Keys, n_data_ids: int
) -> tuple[Rows, Mask]:
    """Search ranges that are sorted by data ID and begin."""
    begins = np.unique(validity.begin[rows])
    scale = begins.size + 1
    assert n_data_ids * scale < 2**62
    keys = validity.data_id[rows] * scale + np.searchsorted(begins, validity.begin[rows])
    # The last range that begins before the wanted time ends is the only one that can be valid, besides
    # earlier ones that are still valid when it begins.
    last = np.searchsorted(keys, data_id * scale + np.searchsorted(begins, end)) - 1
    is_valid = _overlaps(validity, rows, last, data_id, begin)
    found = np.where(is_valid, validity.dataset[rows[last]], -1) if rows.size else np.full(last.size, -1)
    is_ambiguous = is_valid & _overlaps(validity, rows, last - 1, data_id, begin)
    if rows.size:
        is_ambiguous &= validity.dataset[rows[last]] != validity.dataset[rows[last - 1]]
    return found, is_ambiguous


def _overlaps(validity: Validity, rows: Rows, at: Rows, data_id: Rows, begin: Keys) -> Mask:
    """Tell whether the range at a position is for a data ID and ends after a time."""
    is_there = at >= 0
    if not rows.size:
        return is_there & False
    at = rows[np.maximum(at, 0)]
    is_valid: Mask = is_there & (validity.data_id[at] == data_id) & (validity.end[at] > begin)
    return is_valid
