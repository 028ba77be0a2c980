"""ConsolidateVisitTask: what is complete is stacked, in the order of the detectors."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from pipetask import InputQuantizedConnection, PhotoCalib, PipetaskError
from pipetask.tasks.consolidate_visit import ConsolidateVisitConfig, ConsolidateVisitTask


@dataclass
class Handle:
    """What a task sees of a dataset that is loaded later."""

    value: Any
    detector: int

    def get(self):
        return self.value

    @property
    def dataId(self):
        return {"instrument": "Cam", "visit": 7, "detector": self.detector}


def catalog(n):
    flux = 10.0 ** np.arange(n)
    table = Table({"id": np.arange(n), "apFlux": flux, "apFluxErr": 0.03 * flux}, meta={"file": n})
    table["apFlux"].unit = "adu"
    table["apFlux"].description = "the flux"
    return table


def test_rows_are_stacked_with_their_detector_and_magnitude():
    calibs = [Handle(PhotoCalib.from_zero_point(25.0, 0.04 * 1.0857), 1), Handle(None, 4)]
    parts = [catalog(3), catalog(2)]
    output = ConsolidateVisitTask().run([Handle(parts[0], 1), Handle(parts[1], 4)], calibs).outputCatalog
    assert output["detector"].tolist() == [1, 1, 1, 4, 4]
    assert output["id"].tolist() == [0, 1, 2, 0, 1]
    assert output["apMag"][:3].tolist() == pytest.approx([25.0, 22.5, 20.0])
    assert output["apMagErr"][:3].tolist() == pytest.approx([0.05 * 1.0857] * 3, rel=1e-4)
    assert np.isnan(output["apMag"][3:]).all()
    assert np.isnan(output["apMagErr"][3:]).all()
    assert output["apFlux"].unit == "adu"
    assert output["apFlux"].description == "the flux"
    assert parts[0].colnames == ["id", "apFlux", "apFluxErr"]


def test_catalogs_without_rows_keep_the_columns():
    output = ConsolidateVisitTask().run([Handle(catalog(0), 1)], [Handle(None, 1)]).outputCatalog
    assert len(output) == 0
    assert output.colnames == ["detector", "id", "apFlux", "apFluxErr", "apMag", "apMagErr"]


def test_without_magnitudes_the_calibrations_are_no_input():
    config = ConsolidateVisitConfig(doMagnitudes=False)
    connections = ConsolidateVisitConfig.ConnectionsClass(config=config)
    assert set(connections.inputs) == {"catalogs"}
    output = ConsolidateVisitTask(config).run([Handle(catalog(2), 1)]).outputCatalog
    assert output.colnames == ["detector", "id", "apFlux", "apFluxErr"]


def test_a_column_of_fluxes_that_is_not_there_is_named():
    config = ConsolidateVisitConfig(fluxName="psfFlux")
    with pytest.raises(PipetaskError, match=r"no column 'psfFlux', .* have detector, id, apFlux, apFluxErr"):
        ConsolidateVisitTask(config).run([Handle(catalog(2), 1)], [Handle(None, 1)])


def test_detectors_that_lack_a_part_are_dropped():
    def refs(*detectors):
        return [SimpleNamespace(dataId=("Cam", 7, detector)) for detector in detectors]

    connections = ConsolidateVisitConfig.ConnectionsClass(config=ConsolidateVisitConfig())
    quantum = InputQuantizedConnection({"catalogs": refs(1, 2, 5), "photoCalibs": refs(0, 2, 5, 6)})
    adjusted = connections.adjustQuantum(quantum)
    assert [ref.dataId[2] for ref in adjusted.catalogs] == [2, 5]
    assert [ref.dataId[2] for ref in adjusted.photoCalibs] == [2, 5]
