"""ApertureTask: every source keeps its row and gets its fluxes; schema and catalog have the same columns."""

import logging

import numpy as np
import pytest
from astropy.table import QTable, Table

from pipetask import Background, Exposure, Mask, PipetaskError
from pipetask.photometry import ApertureFlag
from pipetask.tasks.aperture_photometry import ApertureTask, ApertureTaskConfig

SKY_4 = 2.0 * np.pi * 16


def task_of(schema=None, **options):
    config = ApertureTaskConfig()
    config.update(**options)
    return ApertureTask(config, initInputs=None if schema is None else {"inputSchema": schema[:0]})


def test_fluxes_errors_and_areas_are_those_of_the_circle(exposure, sources):
    catalog = task_of(sources).run(exposure, sources).outputCatalog
    assert catalog["apFlux"][0] == pytest.approx(9 * 98 + SKY_4, rel=1e-6)
    assert catalog["apFlux"][1] == pytest.approx(SKY_4, rel=1e-6)
    assert catalog["apArea"][1] == pytest.approx(np.pi * 16, rel=1e-12)
    assert catalog["apFluxErr"][1] == pytest.approx(2 * np.sqrt(np.pi * 16), rel=0.05)  # Σ w² < Σ w
    assert catalog["apFlags"].tolist() == [
        0,
        0,
        ApertureFlag.EDGE,
        ApertureFlag.EDGE | ApertureFlag.NO_PIXELS,
        ApertureFlag.BAD_CENTRE,
    ]
    assert np.isnan(catalog["apFlux"][3:]).all()
    assert (catalog["apBackground"] == 0).all()


def test_every_row_and_column_is_kept_and_the_schema_foretells_the_columns(exposure, sources):
    task = task_of(sources, extraRadii=[2.5, 6])
    catalog = task.run(exposure, sources).outputCatalog
    assert len(task.outputSchema) == 0
    assert task.outputSchema.colnames == catalog.colnames
    assert [task.outputSchema[name].dtype for name in catalog.colnames] == [
        catalog[name].dtype for name in catalog.colnames
    ]
    assert catalog.colnames[: len(sources.colnames)] == sources.colnames
    assert (catalog["id"] == sources["id"]).all()
    assert catalog["x"].unit == "pix"
    assert catalog["x"].description == "centre"
    assert catalog["apFlux"].unit == catalog["apFluxErr"].unit == catalog["apBackground"].unit == "electron"
    assert catalog["apArea"].unit == task.outputSchema["apArea"].unit == "pix2"
    assert "radius 4 pixels" in catalog["apFlux"].description


def test_further_radii_have_columns_that_end_in_the_radius(exposure, sources):
    catalog = task_of(sources, apRad=3, extraRadii=[2.5, 6]).run(exposure, sources).outputCatalog
    added = set(catalog.colnames) - set(sources.colnames)
    assert {name for name in added if name.startswith("apArea")} == {"apArea", "apArea_2_5", "apArea_6"}
    for name, radius in (("apArea", 3), ("apArea_2_5", 2.5), ("apArea_6", 6)):
        assert catalog[name][1] == pytest.approx(np.pi * radius**2, rel=1e-12)


def test_nothing_handed_in_is_changed_and_a_second_image_starts_anew(exposure, sources):
    task = task_of(sources, doLocalBackground=True, doAreaMask=True)
    background = Background.constant(5.0, exposure.shape)
    areas = Mask.zeros(exposure.shape)
    image, table, before = exposure.image.copy(), sources.copy(), areas.copy()
    first = task.run(exposure, sources, areaMask=areas, background=background).outputCatalog
    second = task.run(exposure, sources, areaMask=areas, background=background).outputCatalog
    assert np.array_equal(exposure.image, image)
    assert sources.colnames == table.colnames
    assert areas == before
    assert len(first) == len(second) == len(sources)
    assert np.array_equal(first["apFlux"], second["apFlux"], equal_nan=True)
    assert not np.shares_memory(first["x"], sources["x"])


def test_a_local_background_takes_the_place_of_the_one_that_was_subtracted(exposure, sources):
    slope = np.broadcast_to(np.linspace(0, 8, 80), exposure.shape)

    class Sky(Background):
        def image(self):
            return slope

    task = task_of(sources, doLocalBackground=True)
    catalog = task.run(exposure, sources, background=Sky(exposure.shape)).outputCatalog
    assert catalog["apBackground"][0] == pytest.approx(2 + slope[0, 30], rel=1e-6)
    assert catalog["apFlux"][0] == pytest.approx(9 * 98, rel=1e-5)
    assert catalog["apFlux"][1] == pytest.approx(0, abs=0.05)  # pixels are steps of the slope


def test_the_ring_is_between_its_two_factors(exposure, sources):
    exposure.image[:] = np.hypot(np.arange(80) - 60.3, (np.arange(60) - 40.1)[:, None])
    nothing = Background(exposure.shape)
    means = {}
    for inner, outer in ((1.5, 2.5), (2.0, 3.0)):
        task = task_of(sources, doLocalBackground=True, innerFactor=inner, outerFactor=outer)
        means[inner] = task.run(exposure, sources, background=nothing).outputCatalog["apBackground"][1]
    for inner, outer in ((1.5, 2.5), (2.0, 3.0)):  # mean distance from the centre inside a ring
        a, b = 4 * inner, 4 * outer
        assert means[inner] == pytest.approx(2 / 3 * (b**3 - a**3) / (b**2 - a**2), rel=2e-3)
    with pytest.raises(ValueError, match="outerFactor"):
        task_of(innerFactor=3, outerFactor=2)


def test_sources_in_a_masked_area_get_no_flux(exposure, sources):
    areas = Mask.zeros(exposure.shape)
    areas.array[20, 30] = 2
    areas.array[40, 61] = 1  # next to the pixel of the second source
    catalog = task_of(sources, doAreaMask=True).run(exposure, sources, areaMask=areas).outputCatalog
    assert np.isnan(catalog["apFlux"][0])
    assert np.isnan(catalog["apFluxErr"][0])
    assert catalog["apFlags"][0] == ApertureFlag.CENTRE_MASKED
    assert np.isfinite(catalog["apFlux"][1])
    with pytest.raises(PipetaskError, match=r"\(5, 5\)"):
        task_of(sources).run(exposure, sources, areaMask=Mask.zeros((5, 5)))


def test_pixels_of_the_configured_planes_are_left_out(exposure, sources):
    exposure.mask.set("SUSPECT", np.s_[40, 62])
    exposure.mask.set("CR", np.s_[41, 60])
    standard = task_of(sources).run(exposure, sources).outputCatalog
    assert standard["apArea"][1] == pytest.approx(np.pi * 16 - 1, rel=1e-12)
    assert standard["apFlags"][1] == ApertureFlag.MASKED
    none = task_of(sources, badMaskPlanes=["NOT_IN_THIS_MASK"]).run(exposure, sources).outputCatalog
    assert none["apFlags"][1] == 0


def test_the_method_is_used(exposure, sources):
    catalog = task_of(sources, method="center").run(exposure, sources).outputCatalog
    assert catalog["apArea"][0] == 45  # pixel centres nearer than 4 to a pixel centre


def test_an_image_without_variance_has_no_errors(exposure, sources):
    plain = Exposure(exposure.image)
    catalog = task_of(sources).run(plain, sources).outputCatalog
    assert np.isnan(catalog["apFluxErr"]).all()
    assert np.isfinite(catalog["apFlux"][:3]).all()


def test_no_sources_give_a_catalog_with_columns(exposure, sources):
    task = task_of(sources, doLocalBackground=True)
    empty = task.run(exposure, sources[:0], background=Background(exposure.shape)).outputCatalog
    assert len(empty) == 0
    assert empty.colnames == task.outputSchema.colnames


def test_tables_with_units_and_with_missing_values_are_read(exposure, sources):
    with_units = QTable(sources)
    masked = Table(sources, masked=True)
    masked["x"].mask[1] = True
    plain = task_of(sources).run(exposure, sources).outputCatalog
    assert np.array_equal(
        task_of(sources).run(exposure, with_units).outputCatalog["apFlux"], plain["apFlux"], equal_nan=True
    )
    assert task_of(sources).run(exposure, masked).outputCatalog["apFlags"][1] == ApertureFlag.BAD_CENTRE


def test_a_catalog_that_has_the_columns_already_is_refused(exposure, sources):
    measured = task_of(sources).run(exposure, sources).outputCatalog
    with pytest.raises(PipetaskError, match="'apFlux'"):
        task_of(measured)


def test_connections_follow_the_configuration():
    config = ApertureTaskConfig()
    config.connections.outputName = "wide"
    plain = ApertureTaskConfig.ConnectionsClass(config=config)
    assert set(plain.inputs) == {"exposure", "inputCatalog"}
    assert not set(plain.prerequisiteInputs)
    assert plain.outputCatalog.name == "wide"
    assert plain.outputSchema.name == "wide_schema"
    config.doLocalBackground = config.doAreaMask = True
    full = ApertureTaskConfig.ConnectionsClass(config=config)
    assert "background" in full.inputs
    assert full.areaMask.name == "ApAreaMask"


def test_the_log_counts_what_got_no_flux(exposure, sources, caplog):
    with caplog.at_level(logging.INFO):
        task_of(sources).run(exposure, sources)
    assert "Measured 5 sources, 2 of them without a flux" in caplog.text


def described(table):
    return [(c.name, c.dtype, c.unit, c.description) for c in table.itercols()]


def test_with_a_declared_unit_schema_and_catalog_agree_in_all_but_rows(exposure, sources):
    task = task_of(sources, extraRadii=[6.0], fluxUnit="electron")
    catalog = task.run(exposure, sources).outputCatalog
    assert described(task.outputSchema) == described(catalog)
    assert task.outputSchema["apFlux_6"].unit == "electron"
    assert task_of(sources).outputSchema["apFlux"].unit is None  # an image may have any


def test_an_image_in_another_unit_than_the_declared_one_is_an_error(exposure, sources):
    with pytest.raises(PipetaskError, match="image is in 'electron', and task 'aperture' has fluxUnit='adu'"):
        task_of(sources, fluxUnit="adu").run(exposure, sources)
    with pytest.raises(ValueError, match="fluxUnit"):
        task_of(fluxUnit="elektron")
