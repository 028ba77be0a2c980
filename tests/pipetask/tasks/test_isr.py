"""IsrTask: what the camera did to the light is undone; what can't be is masked."""

import numpy as np
import pytest

from pipetask import Exposure
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
    ("option", "connection"), [("doBias", "bias"), ("doFlat", "flat"), ("doDefects", "defects")]
)
def test_calibrations_are_inputs_only_if_configured(option, connection):
    config = IsrConfig()
    assert set(IsrConfig.ConnectionsClass(config=config).prerequisiteInputs) == {"camera"}
    setattr(config, option, True)
    assert set(IsrConfig.ConnectionsClass(config=config).prerequisiteInputs) == {"camera", connection}


def test_steps_can_be_left_out(raw):
    result = task(doOverscan=False, doGain=False).run(raw, CAMERA).outputExposure
    assert result.image[3, 0] == pytest.approx(603)
    assert result.unit == "adu"
    assert result.photoCalib.zero_point == pytest.approx(25.0)


def test_an_image_of_which_nothing_is_known_passes_through():
    pixels = np.random.default_rng(1).normal(150, 3, (64, 80)).astype(np.float32)
    pixels[:3] = np.nan
    result = task().run(Exposure(pixels), {}).outputExposure
    assert np.array_equal(result.image, pixels, equal_nan=True)
    assert result.mask["NO_DATA"].sum() == 3 * 80
    assert result.variance[5, 5] == pytest.approx(9, rel=0.1)  # the scatter of the sky
    assert result.photoCalib is None


def test_a_fact_that_cannot_be_read_is_named(raw):
    with pytest.raises(ValueError, match="overscan"):
        task().run(raw, CAMERA | {"overscan": "left"})
    with pytest.raises(ValueError, match="gain"):
        task().run(raw, CAMERA | {"gain": "two"})
