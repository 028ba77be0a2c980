"""AssociateSourcesTask: which sources of many images are one object of the sky."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from astropy.table import Column, Table
from lsst.pex.config import Field

from pipetask import (
    DeferredDatasetHandle,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)
from pipetask.tasks.reference_match import matched

_COLUMNS: Final = (
    ("objectId", np.int64, None, "Number of the object, unique in the tract."),
    ("ra", np.float64, "deg", "Mean right ascension of its sources (ICRS)."),
    ("dec", np.float64, "deg", "Mean declination of its sources (ICRS)."),
    ("nSources", np.int64, None, "In how many images it was found."),
    ("scatter", np.float64, "arcsec", "Root mean square distance of its sources from their mean."),
)


class AssociateSourcesConnections(PipelineTaskConnections, dimensions=("skymap", "tract")):
    """Catalogs of images in a tract in, objects out."""

    catalogs = connectionTypes.Input(
        doc="Sources with ra, dec [deg] and flags.",
        name="src",
        storageClass="SourceCatalog",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    objects = connectionTypes.Output(
        doc="One row per object.", name="object", storageClass="ArrowAstropy", dimensions=("skymap", "tract")
    )


class AssociateSourcesConfig(PipelineTaskConfig, pipelineConnections=AssociateSourcesConnections):
    """What is one object."""

    radius = Field(
        doc="Sources this far from an object are another [arcsec].",
        dtype=float,
        default=0.5,
        check=lambda r: r > 0,
    )
    minSources = Field(
        doc="Objects found in fewer images are left out.", dtype=int, default=2, check=lambda n: n > 0
    )
    doDropFlagged = Field(doc="Leave out sources with flags.", dtype=bool, default=True)


class AssociateSourcesTask(PipelineTask):
    """Go through the images: a source is the nearest object within the radius, or else a new one."""

    ConfigClass = AssociateSourcesConfig
    _DefaultName = "associateSources"

    def run(self, catalogs: Sequence[DeferredDatasetHandle]) -> Struct:
        """Make the objects of one tract.

        Parameters
        ----------
        catalogs : sequence of `DeferredDatasetHandle`
            Loaded one after the other.

        Returns
        -------
        result : `Struct`
            ``objects``, ordered by right ascension.
        """
        places, count, offsets = np.empty((0, 2)), np.empty(0, np.int64), np.empty(0)
        for handle in catalogs:
            found = self.positions(handle.get())
            rows, known = matched(found, places, self.config.radius)
            step = _nearby(found[rows] - places[known])
            before = count[known]
            count[known] += 1
            # the running mean and sum of squares about it
            places[known] += step / (before + 1)[:, None]
            offsets[known] += before / (before + 1) * _square_arcsec(step, places[known, 1])
            places[:, 0] %= 360
            new = np.delete(found, rows, axis=0)
            places = np.vstack([places, new])
            count = np.append(count, np.ones(len(new), np.int64))
            offsets = np.append(offsets, np.zeros(len(new)))
        kept = np.flatnonzero(count >= self.config.minSources)
        kept = kept[np.lexsort((places[kept, 1], places[kept, 0]))]
        values = (
            np.arange(1, len(kept) + 1),
            *places[kept].T,
            count[kept],
            np.sqrt(offsets[kept] / count[kept]),
        )
        objects = Table(
            [
                Column(column, name=name, dtype=dtype, unit=unit, description=text)
                for column, (name, dtype, unit, text) in zip(values, _COLUMNS, strict=True)
            ]
        )
        self.log.info("%d objects in %d images", len(objects), len(catalogs))
        if not len(objects):
            self.log.warning(
                "No object has sources in minSources=%d of %d images; see minSources, radius, doDropFlagged",
                self.config.minSources,
                len(catalogs),
            )
        return Struct(objects=objects)

    def positions(self, catalog: Table) -> npt.NDArray[np.float64]:
        """Return ra and dec of the sources that count, shape (n, 2) [deg]."""
        places = np.column_stack([np.asarray(catalog[name], np.float64) for name in ("ra", "dec")])
        good = np.isfinite(places).all(axis=1)
        if self.config.doDropFlagged:
            good &= np.asarray(catalog["flags"]) == 0
        return places[good]


def _nearby(difference: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take right ascensions across 0 h for what they are."""
    difference[:, 0] = (difference[:, 0] + 180) % 360 - 180
    return difference


def _square_arcsec(
    difference: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    east, north = difference[:, 0] * np.cos(np.radians(dec)), difference[:, 1]
    return np.asarray((east**2 + north**2) * 3600**2)
