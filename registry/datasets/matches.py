"""What a search of collections met for one data ID, in the order of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from registry.collections.base import CollectionInfo
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.errors import CalibrationLookupError
from registry.timespan import MAX_NS, MIN_NS, Timespan


class Match(NamedTuple):
    """A dataset in one of the collections, in order of the search."""

    rank: int
    id: bytes
    run_id: int
    begin_ns: int = MIN_NS
    end_ns: int = MAX_NS

    def is_valid(self, timespan: Timespan | None) -> bool:
        """Whether the dataset is valid in a part of the time; any is where no time is given."""
        if timespan is None:
            return True
        begin, end = timespan.nsec
        return self.begin_ns < end and self.end_ns > begin


def refuse_several(
    dataset_type: DatasetType,
    data_id: DataCoordinate,
    found: Sequence[Match],
    candidates: Sequence[CollectionInfo],
    timespan: Timespan | None,
) -> None:
    """Raise `CalibrationLookupError` if the first collection of a search has several datasets."""
    first = found[0].rank
    best = [match for match in found if match.rank == first]
    if len({match.id for match in best}) > 1:
        in_time = sorted(best, key=lambda match: match.begin_ns)
        spans = ", ".join(str(Timespan.from_ns(match.begin_ns, match.end_ns)) for match in in_time)
        raise CalibrationLookupError(
            f"{len(best)} datasets {dataset_type.name} {data_id} in {candidates[first].name!r} "
            f"are valid in a part of {timespan}: {spans}; ask for a shorter timespan."
        )
