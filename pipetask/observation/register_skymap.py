"""Registering a sky map that covers the visits of a repository."""

from __future__ import annotations

from typing import Any

from pipetask.butler import Butler, DatasetType, add_to_defaults
from pipetask.butler.defaults import SKYMAPS, instruments
from pipetask.errors import SkyMapError
from pipetask.observation.register_instrument import load_instruments
from pipetask.observation.skymap import SkyMap, discrete_skymap

SKYMAP_TYPE = "skyMap"


def register_skymap(
    butler: Butler,
    name: str,
    *,
    where: str = "",
    pixel_scale: float | None = None,
    patch_size: int = 4000,
    patch_border: int = 100,
    tract_border: float = 0.0,
) -> SkyMap:
    """Lay tracts and patches around the visits, and register them; with the same visits, nothing changes.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    name : `str`
        Name of the sky map.
    where : `str`, optional
        Which visits to cover (query expression); all by default.
    pixel_scale : `float`, optional
        Pixel size [arcsec]; by default the finest that the cameras' descriptions tell.
    patch_size, patch_border, tract_border
        See `discrete_skymap`.

    Raises
    ------
    SkyMapError
        If there are no visits with a region, or a sky map of this name covers something else.
    """
    records = butler.query_dimension_records("visit", where=where, limit=None, explain=False)
    regions: list[Any] = [record.region for record in records if record.region is not None]
    skymap = discrete_skymap(
        name,
        regions,
        pixel_scale=pixel_scale or _finest_pixels(butler),
        patch_size=patch_size,
        patch_border=patch_border,
        tract_border=tract_border,
    )
    known = butler.registry.dimension_record("skymap", {"skymap": name})
    if known is not None and known.hash != skymap.hash():
        raise SkyMapError(
            f"Sky map {name!r} is registered with other tracts, patches or pixels; choose another name."
        )
    with butler.transaction():
        if known is None:
            _insert_records(butler, skymap)
            _put(butler, skymap)
        for instrument in instruments(butler):
            add_to_defaults(butler, instrument, SKYMAPS)
    return skymap


def _finest_pixels(butler: Butler) -> float:
    scales = [instrument.camera().get("pixel_scale") for instrument in load_instruments(butler)]
    scales = [scale.get("default") if isinstance(scale, dict) else scale for scale in scales]
    known = [float(scale) for scale in scales if scale is not None]
    if not known:
        raise SkyMapError("No camera description tells its pixel_scale; give one with --pixel-scale")
    return min(known)


def _insert_records(butler: Butler, skymap: SkyMap) -> None:
    insert = butler.registry.insert_dimension_records
    insert(
        "skymap",
        [
            {
                "skymap": skymap.name,
                "hash": skymap.hash(),
                "tract_max": len(skymap.tracts),
                "patch_nx_max": max(tract.nx for tract in skymap.tracts),
                "patch_ny_max": max(tract.ny for tract in skymap.tracts),
            }
        ],
    )
    tracts: list[dict[str, Any]] = []
    patches: list[dict[str, Any]] = []
    for tract in skymap.tracts:
        key = {"skymap": skymap.name, "tract": tract.id}
        tracts.append({**key, "region": skymap.tract_region(tract.id)})
        regions = skymap.patch_regions(tract.id)
        patches += [
            {**key, "patch": patch.id, "cell_x": patch.cell_x, "cell_y": patch.cell_y, "region": region}
            for patch, region in zip(skymap.patches(tract.id), regions, strict=True)
        ]
    insert("tract", tracts)
    insert("patch", patches)


def _put(butler: Butler, skymap: SkyMap) -> None:
    dataset_type = DatasetType(SKYMAP_TYPE, ["skymap"], "StructuredDataDict", universe=butler.dimensions)
    butler.register_dataset_type(dataset_type)
    butler.collections.register(SKYMAPS, "RUN", "Sky maps")
    butler.put(skymap.to_dict(), SKYMAP_TYPE, run=SKYMAPS, skymap=skymap.name)
