"""IsrTask: what the camera did to the light is undone; what can't be is masked."""

import sys

import numpy as np
import pytest
from astropy.table import Table

from pipetask import Box, Exposure, PipetaskError, VisitInfo
from pipetask.simulate import star_image
from pipetask.tasks.isr import IsrConfig, IsrTask

CAMERA = {
    "gain": {"key": "GAIN"},
    "read_noise": 6.0,
    "saturation": 60_000,
    "zero_point": {"key": "MAGZERO"},
    "overscan": {"key": "BIASSEC"},
    "trim": [0, 0, 50, 30],
    "detectors": {"3": {"gain": 4.0}},
}


def task(**options):
    config = IsrConfig()
    config.update(**options)
    return IsrTask(config)


@pytest.fixture
def raw():
    """1000 electrons everywhere (500 adu), a bias of 100 + row number, 10 columns of overscan."""
    pixels = np.full((30, 60), 500.0)
    pixels[:, 50:] = 0
    pixels += 100 + np.arange(30)[:, None]
    return Exposure(
        pixels.astype(np.uint16),
        metadata={"GAIN": 2.0, "MAGZERO": 25.0, "BIASSEC": "[51:60,1:30]"},
        unit="adu",
    )


def test_overscan_goes_row_by_row_and_adu_become_electrons(raw):
    result = task().run(raw, CAMERA).outputExposure
    assert result.image.shape == (30, 50)
    assert result.image.dtype == np.float32
    assert result.image == pytest.approx(np.full((30, 50), 1000.0))
    assert result.unit == "electron"
    assert result.variance == pytest.approx(np.full((30, 50), 1000.0 + 36.0))
    assert result.photoCalib.zero_point == pytest.approx(25.0 + 2.5 * np.log10(2))
    assert not result.mask.array.any()
    assert raw.image.shape == (30, 60)
    assert raw.image[0, 0] == 600


def test_what_holds_for_one_detector_wins(raw):
    result = task().run(raw, CAMERA, detector=3).outputExposure
    assert result.image[0, 0] == pytest.approx(2000.0)
    assert result.detector["id"] == 3


def test_saturated_missing_and_dead_pixels_are_masked(raw):
    raw.image[5, 7] = 65_000
    raw.image[6, 8] = np.nan
    raw.image[:, 20] = 100 + np.arange(30)
    mask = task().run(raw, CAMERA).outputExposure.mask
    assert np.argwhere(mask["SAT"]).tolist() == [[5, 7]]
    assert np.argwhere(mask["NO_DATA"]).tolist() == [[6, 8]]
    assert np.flatnonzero(mask["BAD"].all(axis=0)).tolist() == [20]
    assert not task(doDeadColumns=False).run(raw, CAMERA).outputExposure.mask["BAD"].any()


def test_bias_flat_and_defects_are_used_where_asked_for(raw):
    bias = Exposure(np.full((30, 50), 50.0, np.float32))
    flat = Exposure(np.full((30, 50), 0.5, np.float32))
    result = task().run(raw, CAMERA, bias=bias, flat=flat, defects={"boxes": [[2, 1, 3, 1]]}).outputExposure
    assert result.image == pytest.approx(np.full((30, 50), (500 - 50) / 0.5 * 2))
    assert result.variance == pytest.approx(np.full((30, 50), (450 * 2 + 36) / 0.25))
    assert np.argwhere(result.mask["BAD"]).tolist() == [[1, 2], [1, 3], [1, 4]]


@pytest.mark.parametrize(
    ("option", "connection"),
    [
        ("doBias", "bias"),
        ("doLinearize", "linearizer"),
        ("doDark", "dark"),
        ("doFlat", "flat"),
        ("doDefects", "defects"),
    ],
)
def test_calibrations_are_inputs_only_if_configured(option, connection):
    config = IsrConfig()
    assert set(IsrConfig.ConnectionsClass(config=config).prerequisiteInputs) == {"camera"}
    setattr(config, option, True)
    assert set(IsrConfig.ConnectionsClass(config=config).prerequisiteInputs) == {"camera", connection}


@pytest.mark.parametrize("name", ["bias", "dark", "flat"])
def test_a_calibration_of_another_size_is_refused(raw, name):
    frame = Exposure(np.ones((30, 40), np.float32))
    words = f"The {name} has 30 rows of 40 columns, the trimmed image 30 rows of 50 columns; certify a {name}"
    with pytest.raises(PipetaskError, match=words):
        task().run(raw, CAMERA, **{name: frame})


def test_sections_beside_the_image_are_refused(raw):
    cut = raw.cutout(Box(0, 0, 50, 30))
    with pytest.raises(PipetaskError, match=r"overscan is columns 51 to 60, beside .* 1 to 50; .*doOverscan"):
        task().run(cut, CAMERA)
    assert task(doOverscan=False).run(cut, CAMERA).outputExposure.image.shape == (30, 50)
    with pytest.raises(PipetaskError, match="trim is columns 71 to 80"):
        task().run(raw, {**CAMERA, "trim": [70, 0, 10, 30]})


def test_an_image_without_any_value_gives_one_without_any_value(raw):
    raw.image[:] = 65_000
    for camera in (CAMERA, {"saturation": 60_000}):
        result = task(doOverscan=False).run(raw, camera).outputExposure
        assert result.mask["SAT"].all()


def test_steps_can_be_left_out(raw):
    result = task(doOverscan=False, doGain=False).run(raw, CAMERA).outputExposure
    assert result.image[3, 0] == pytest.approx(603)
    assert result.unit == "adu"
    assert result.photoCalib.zero_point == pytest.approx(25.0)


def test_an_image_of_which_nothing_is_known_passes_through(caplog):
    pixels = np.random.default_rng(1).normal(150, 3, (64, 80)).astype(np.float32)
    pixels[:3] = np.nan
    result = task().run(Exposure(pixels), {}).outputExposure
    assert "The gain is unknown" in caplog.text
    assert np.array_equal(result.image, pixels, equal_nan=True)
    assert result.mask["NO_DATA"].sum() == 3 * 80
    assert result.variance[5, 5] == pytest.approx(9, rel=0.1)  # the scatter of the sky
    assert result.photoCalib is None


def test_a_fact_that_cannot_be_read_is_named(raw):
    with pytest.raises(ValueError, match="overscan"):
        task().run(raw, CAMERA | {"overscan": "left"})
    for gain in ("two", float("nan")):
        with pytest.raises(ValueError, match="gain is no number"):
            task().run(raw, CAMERA | {"gain": gain})
    for gain in (0, -2.5):
        with pytest.raises(ValueError, match=f"gain is {gain:g}, not a positive number"):
            task().run(raw, CAMERA | {"gain": gain})
    with pytest.raises(ValueError, match="read_noise is -1, below 0"):
        task().run(raw, CAMERA | {"read_noise": -1})


def test_a_dark_is_scaled_by_the_exposure_time(raw):
    dark = Exposure(np.full((30, 50), 0.5, np.float32), variance=np.full((30, 50), 0.01, np.float32))
    dark.mask.set("BAD", np.s_[4, 5])
    info = VisitInfo(exposure_time_s=60.0)
    result = task(doGain=False).run(raw, CAMERA, dark=dark, visitInfo=info).outputExposure
    assert result.image == pytest.approx(np.full((30, 50), 500 - 0.5 * 60))
    assert result.variance == pytest.approx(np.full((30, 50), 500 / 2 + 9 + 0.01 * 60**2))
    assert np.argwhere(result.mask["BAD"]).tolist() == [[4, 5]]
    assert result.visitInfo == info
    with pytest.raises(PipetaskError, match="exposure time is unknown"):
        task().run(raw, CAMERA, dark=dark)


def test_a_flat_adds_its_own_error(raw):
    flat = Exposure(np.full((30, 50), 0.5, np.float32), variance=np.full((30, 50), 1e-4, np.float32))
    result = task(doGain=False).run(raw, CAMERA, flat=flat).outputExposure
    # relative errors add in squares
    relative = (500 / 2 + 9) / 500**2 + 1e-4 / 0.5**2
    assert result.variance == pytest.approx(np.full((30, 50), relative * 1000**2))


def test_a_linearity_table_undoes_the_curve(raw):
    true = np.linspace(0, 1000, 101)
    table = Table({"measured": true - 1e-4 * true**2, "true": true})
    result = task(doGain=False).run(raw, CAMERA, linearizer=table).outputExposure
    expected = (1 - np.sqrt(1 - 4e-4 * 500)) / 2e-4  # solves t - 1e-4 t² = 500
    assert result.image == pytest.approx(np.full((30, 50), expected), rel=1e-4)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (Table({"in": [0, 1], "out": [0, 1]}), "columns measured and true"),
        (Table({"measured": [0, 2, 1], "true": [0, 1, 2]}), "must rise"),
        (Table({"measured": ["low", "high"], "true": [0, 1]}), "are numbers"),
        (Table({"measured": [0.0, 1.0], "true": [0.0, np.nan]}), "must be finite"),
    ],
)
def test_a_table_that_is_no_linearity_is_refused(raw, table, words):
    with pytest.raises(PipetaskError, match=words):
        task().run(raw, CAMERA, linearizer=table)


@pytest.fixture
def hit():
    """A sky of 200 adu with stars of 3.5 pixels, 40 hits of 1500 adu on single pixels, and what was hit."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(10, 190, (2, 25))
    light = 200 + star_image((200, 200), x, y, rng.uniform(2e3, 5e4, 25), 3.5)
    pixels = rng.poisson(2 * light) / 2 + rng.normal(0, 3, light.shape)
    rows, columns = rng.integers(5, 195, (2, 40))
    struck = np.zeros(light.shape, bool)
    struck[rows, columns] = True
    pixels[struck] += 1500
    return Exposure(pixels.astype(np.float32)), struck, light


def test_cosmic_rays_are_flagged_and_repaired_and_stars_are_not(hit):
    raw, struck, light = hit
    camera = {"gain": 2.0, "read_noise": 6.0}
    result = task(doCosmicRays=True, doDeadColumns=False).run(raw, camera).outputExposure
    found = result.mask["CR"]
    assert found[struck].mean() > 0.95
    assert (found & ~struck).sum() < 20  # beside hits; a star covers some 10 pixels, and there are 25
    faint = struck & found & (light < 210)
    noise = np.sqrt(2 * 200 + 36)
    assert np.abs(result.image[faint] - 400).max() < 4 * noise
    plain = task(doDeadColumns=False).run(raw, camera).outputExposure
    assert np.array_equal(result.image[~found], plain.image[~found])
    assert not plain.mask["CR"].any()


def test_thresholds_decide_what_is_found(hit):
    raw, _, _ = hit
    counts = []
    for sigma, contrast in ((5.0, 5.0), (200.0, 5.0), (5.0, 0.5)):
        config = IsrConfig()
        config.doCosmicRays = True
        config.cosmicRays.sigma, config.cosmicRays.contrast = sigma, contrast
        counts.append(IsrTask(config).run(raw, {"gain": 2.0}).outputExposure.mask["CR"].sum())
    assert counts[0] > 30
    assert counts[1] < counts[0] / 2
    assert counts[2] > counts[0] + 20  # cores of stars, too


def test_without_astroscrappy_the_error_says_what_to_install(raw, monkeypatch):
    monkeypatch.setitem(sys.modules, "astroscrappy", None)
    with pytest.raises(PipetaskError, match=r"pip install 'pipetask\[cosmic-rays\]'"):
        task(doCosmicRays=True).run(raw, CAMERA)
