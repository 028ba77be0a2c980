"""LightCurvesTask: the fluxes of each object over all visits, and what they say of its variability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table, vstack
from lsst.pex.config import Field

from pipetask import (
    DeferredDatasetHandle,
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

_NS_PER_DAY: Final = 86_400 * 10**9
_MJD_1970: Final = 40_587
_SUMMARY: Final = (
    ("nVisits", None, "How many good fluxes there are."),
    ("nBad", None, "How many fluxes have flags or are NaN; they count in nothing else."),
    ("mean", "nJy", "Mean flux, weighted by the errors."),
    ("meanErr", "nJy", "Its standard error, from the errors."),
    ("scatter", "nJy", "Standard deviation of the fluxes; NaN of fewer than two."),
    ("chi2", None, "Sum of the squares of (flux - mean) / error."),
    ("first", "d", "Time of the first good flux [MJD, TAI]."),
    ("last", "d", "Time of the last good flux [MJD, TAI]."),
)


class LightCurvesConnections(PipelineTaskConnections, dimensions=("skymap", "tract")):
    """Fluxes by image in; fluxes by object, and a summary, out."""

    fluxes = connectionTypes.Input(
        doc="Fluxes of objects on one image.",
        name="forced",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "visit", "detector", "skymap", "tract"),
        multiple=True,
        deferLoad=True,
    )
    lightCurves = connectionTypes.Output(
        doc="One row per object and image, ordered by object, band and time.",
        name="lightCurve",
        storageClass="ArrowAstropy",
        dimensions=("skymap", "tract"),
    )
    summary = connectionTypes.Output(
        doc="One row per object and band.",
        name="lightCurveSummary",
        storageClass="ArrowAstropy",
        dimensions=("skymap", "tract"),
    )


class LightCurvesConfig(PipelineTaskConfig, pipelineConnections=LightCurvesConnections):
    """Which fluxes count."""

    badFlags = Field(
        doc="Fluxes with any of these bits of ApertureFlag don't count in the summary.", dtype=int, default=-1
    )


class LightCurvesTask(PipelineTask):
    """Sort the fluxes of all images by object, band and time."""

    ConfigClass = LightCurvesConfig
    _DefaultName = "lightCurves"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Tell `run` when each visit was."""
        handles = butlerQC.get(inputRefs.fluxes)
        spans = [handle.dataId.records["visit"].timespan.nsec for handle in handles]
        times = [_MJD_1970 + (begin + (end - begin) // 2) / _NS_PER_DAY for begin, end in spans]
        butlerQC.put(self.run(handles, times), outputRefs)

    def run(self, fluxes: Sequence[DeferredDatasetHandle], times: Sequence[float]) -> Struct:
        """Make the light curves of one tract.

        Parameters
        ----------
        fluxes : sequence of `DeferredDatasetHandle`
            One per image.
        times : sequence of `float`
            Middle of each exposure [MJD, TAI].

        Returns
        -------
        result : `Struct`
            ``lightCurves`` and ``summary``.
        """
        parts = []
        for handle, time in zip(fluxes, times, strict=True):
            part, data_id = handle.get()[_KEPT], handle.dataId
            part.meta.clear()
            part.add_column(_constant(data_id["visit"], len(part), "visit", None, "Number of the visit."), 1)
            part.add_column(_constant(data_id["detector"], len(part), "detector", None, "Its detector."), 2)
            part.add_column(_constant(str(data_id["band"]), len(part), "band", None, "Band."), 3)
            part.add_column(_constant(time, len(part), "time", "d", "Middle of the exposure [MJD, TAI]."), 4)
            parts.append(part)
        curves = vstack(parts, join_type="exact")
        curves.sort(["objectId", "band", "time"])
        return Struct(lightCurves=curves, summary=self.summarize(curves))

    def summarize(self, curves: Table) -> Table:
        """Return one row per object and band; ``curves`` are ordered by these."""
        object_id, band = np.asarray(curves["objectId"]), np.asarray(curves["band"]).astype(str)
        begins = np.ones(len(curves), bool)
        begins[1:] = (object_id[1:] != object_id[:-1]) | (band[1:] != band[:-1])
        group, first = np.cumsum(begins) - 1, np.flatnonzero(begins)
        flux, error = (np.asarray(curves[name], np.float64) for name in ("flux", "fluxErr"))
        good = (np.asarray(curves["flags"]) & self.config.badFlags) == 0
        good &= np.isfinite(flux) & np.isfinite(error) & (error > 0)

        def total(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
            return np.bincount(group[good], values[good], len(first)).astype(np.float64)

        count = np.bincount(group[good], minlength=len(first))
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = 1 / error**2
            mean = total(flux * weight) / total(weight)
            plain = total(flux) / count
            scatter = np.sqrt(total((flux - plain[group]) ** 2) / np.where(count > 1, count - 1, np.nan))
            chi2 = total((flux - mean[group]) ** 2 * weight)
            mean_error = 1 / np.sqrt(total(weight))
        time = np.asarray(curves["time"], np.float64)
        earliest, latest = np.full(len(first), np.inf), np.full(len(first), -np.inf)
        np.minimum.at(earliest, group[good], time[good])
        np.maximum.at(latest, group[good], time[good])
        known = count > 0
        values = (
            count,
            np.bincount(group, minlength=len(first)) - count,
            mean,
            np.where(known, mean_error, np.nan),
            scatter,
            chi2,
            np.where(known, earliest, np.nan),
            np.where(known, latest, np.nan),
        )
        summary = Table(
            [
                Column(object_id[first], name="objectId", description="Number of the object."),
                Column(band[first], name="band", description="Band."),
            ]
        )
        for column, (name, unit, text) in zip(values, _SUMMARY, strict=True):
            summary[name] = Column(column, unit=unit, description=text)
        return summary


_KEPT: Final = ["objectId", "flux", "fluxErr", "flags"]


def _constant(value: Any, n: int, name: str, unit: str | None, text: str) -> Column:  # number or text
    return Column(np.full(n, value), name=name, unit=unit, description=text)
