"""Sky pixels under the regions of quanta, for prerequisites divided by pixel: reference catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipetask.graph.codes import Codebooks
from pipetask.graph.join import Relation

if TYPE_CHECKING:
    from pipetask.butler import DimensionGroup, Registry
    from pipetask.graph.project import DataIds


def pixel_overlaps(
    registry: Registry,
    codebooks: Codebooks,
    quanta: DimensionGroup,
    datasets: DimensionGroup,
    data_ids: DataIds,
) -> list[Relation]:
    """Find which records of the quanta's spatial elements touch the sky pixels that datasets have.

    Returns
    -------
    relations
        One for each pair of a sky-pixel dimension of the datasets and a spatial element of the quanta.
    """
    universe = quanta.universe
    found = []
    for name in datasets.spatial:
        pixels = universe[name].skypix
        if pixels is None or name in quanta:
            continue
        wanted = set(codebooks[name].decode(np.unique(data_ids.columns()[name])))
        for element in quanta.spatial:
            if universe[element].skypix is None:
                found.append(
                    _overlaps(registry, codebooks, element, universe[element].required, name, pixels, wanted)
                )
    return found


def _overlaps(
    registry: Registry,
    codebooks: Codebooks,
    element: str,
    required: tuple[str, ...],
    dimension: str,
    pixels: tuple[str, int],
    wanted: set[int],
) -> Relation:
    from lsst.sphgeom import HealpixPixelization, HtmPixelization, Region

    pixelization = {"htm": HtmPixelization, "healpix": HealpixPixelization}[pixels[0]](pixels[1])
    records = registry.element_columns(element, names=[*required, "region"])
    rows: list[int] = []
    found: list[int] = []
    # One envelope per record is a call of the geometry library, 12 to 80 µs each: it has no bulk form.
    for row, encoded in enumerate(records["region"]):
        if encoded is None:
            continue
        for first, last in pixelization.envelope(Region.decode(encoded)).ranges():
            here = [pixel for pixel in range(first, last) if pixel in wanted]
            rows += [row] * len(here)
            found += here
    at = np.array(rows, np.int64)
    columns = {d: np.asarray(records[d])[at] for d in required}
    return Relation.encode(
        f"{dimension} pixels under {element} regions", {**columns, dimension: found}, codebooks
    )
