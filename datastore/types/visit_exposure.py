"""VisitExposure: all detectors of one visit, with what they share; each is read when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datastore.types.exposure import Exposure
from datastore.types.visit_info import VisitInfo


class VisitExposure:
    """The focal plane of one visit.

    Parameters
    ----------
    visitInfo : `VisitInfo`
        What is known of the visit as a whole.
    exposures : sequence of `Exposure`
        One for each detector, in order; its ``dataIds`` say which (as of the lists in composites).
    catalogs : sequence of `~astropy.table.Table`, optional
        In the same way.

    Attributes
    ----------
    exposures, catalogs : `DetectorMapping`
        By number of the detector. Read at the first look, then kept.
    """

    def __init__(
        self, visitInfo: VisitInfo, exposures: Sequence[Exposure], catalogs: Sequence[Any] = ()
    ) -> None:
        self.visitInfo = visitInfo
        self.exposures = DetectorMapping(exposures)
        self.catalogs = DetectorMapping(catalogs)

    @property
    def detectors(self) -> list[int]:
        """Numbers of the detectors that have an exposure."""
        return list(self.exposures)

    def __repr__(self) -> str:
        return f"VisitExposure({self.visitInfo.id}, detectors {self.detectors})"


class DetectorMapping(Mapping[int, Any]):
    """Objects by number of the detector, each read when it is first asked for."""

    def __init__(self, objects: Sequence[Any]) -> None:
        self._objects = objects
        data_ids: Sequence[Mapping[str, Any]] = getattr(objects, "dataIds", ())
        self._index = {int(data_id["detector"]): i for i, data_id in enumerate(data_ids)}
        self._read: dict[int, Any] = {}

    def __getitem__(self, detector: int) -> Any:
        if detector not in self._index:
            there = ", ".join(map(str, self._index)) or "none"
            raise KeyError(f"There is nothing of detector {detector!r}; there is of: {there}")
        if detector not in self._read:
            self._read[detector] = self._objects[self._index[detector]]
        return self._read[detector]

    def __iter__(self) -> Iterator[int]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
