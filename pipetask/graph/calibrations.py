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
    """Search ranges that are sorted by data ID and begin, and so by data ID and end."""
    begins, ends = np.unique(validity.begin[rows]), np.unique(validity.end[rows])
    scale = rows.size + 1
    assert n_data_ids * scale < 2**62
    keys = validity.data_id[rows] * scale
    # Valid are those from the first range that ends after the wanted time begins to the last one that begins
    # before the wanted time ends.
    ends_after = data_id * scale + np.searchsorted(ends, begin, "right")
    begins_before = data_id * scale + np.searchsorted(begins, end)
    first = np.searchsorted(keys + np.searchsorted(ends, validity.end[rows]), ends_after)
    last = np.searchsorted(keys + np.searchsorted(begins, validity.begin[rows]), begins_before) - 1
    is_valid = first <= last
    first, last = np.minimum(first, rows.size - 1), np.maximum(last, 0)
    dataset = validity.dataset[rows]
    n_changes = np.concatenate([[0], np.cumsum(dataset[1:] != dataset[:-1])])
    return np.where(is_valid, dataset[last], -1), is_valid & (n_changes[first] != n_changes[last])
