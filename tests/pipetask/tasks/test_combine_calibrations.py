"""Combined bias, dark and flat frames are what the simulated detector has; memory is bounded by strips."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from pipetask import Exposure, NoWorkFound, PipetaskError
from pipetask.simulate import GAIN, Signature, linearity_table, simulate_calibrations
from pipetask.tasks.cp_bias import CpBiasTask
from pipetask.tasks.cp_dark import CpDarkTask
from pipetask.tasks.cp_flat import CpFlatConfig, CpFlatTask


class DataId(dict):
    """A data ID that can be given records."""


class Stored:
    """A frame of which tasks read parts, as of a file."""

    dataId = DataId(exposure=7)

    def __init__(self, exposure):
        self.exposure = exposure

    def get(self, *, component=None, parameters=None):
        if component is not None:
            return getattr(self.exposure, component)
        return self.exposure.cutout(parameters["bbox"])


SHAPE = (80, 100)
CAMERA = {
    "gain": {"key": "GAIN"},
    "read_noise": {"key": "RDNOISE"},
    "saturation": {"key": "SATURATE"},
    "overscan": {"key": "BIASSEC"},
    "trim": {"key": "TRIMSEC"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    simulate_calibrations(folder, frames=7, bands=("r",), detectors=1, shape=SHAPE)
    return folder


def frames(folder, first):
    """The seven frames from this exposure on."""
    for path in sorted(folder.glob("*.fits")):
        if first <= fits.getval(path, "EXPNUM") < first + 7:
            header = dict(fits.getheader(path).items())
            yield Stored(Exposure(fits.getdata(path), metadata=header))


def combined(task, raws, **more):
    raws = list(raws)
    seconds = [raw.get(component="metadata")["EXPTIME"] for raw in raws]
    return task.run(raws, CAMERA, seconds, detector=0, **more).outputExposure


@pytest.fixture(scope="module")
def bias(folder):
    return combined(CpBiasTask(), frames(folder, 101))


@pytest.fixture(scope="module")
def dark(folder, bias):
    return combined(CpDarkTask(), frames(folder, 201), bias=bias)


@pytest.fixture(scope="module")
def truth():
    return Signature.of(0, "r", SHAPE)


def pulls(exposure, true):
    return (exposure.image - true) / np.sqrt(exposure.variance)


def test_the_bias_is_the_pattern_within_its_errors(bias, truth):
    assert bias.shape == SHAPE
    assert bias.unit == "adu"
    off = bias.image - truth.bias
    assert abs(np.median(off)) < 0.3
    # rounding to whole adu and the median of 16 overscan pixels add to the read noise
    assert off.std() == pytest.approx(np.sqrt(bias.variance.mean()), rel=0.2)
    assert not bias.mask.array.any()


def test_the_dark_is_per_second_and_has_no_cosmic_rays(dark, truth):
    assert dark.unit == "adu/s"
    off = pulls(dark, truth.dark / GAIN)
    assert np.abs(off).max() < 8  # a cosmic ray of 1000 electrons among 7 frames would be 30
    assert np.std(off) == pytest.approx(1, abs=0.25)


def test_the_flat_is_the_response_within_its_errors(folder, bias, dark, truth):
    config = CpFlatConfig()
    config.doLinearize = True
    flat = combined(
        CpFlatTask(config), frames(folder, 301), bias=bias, dark=dark, linearizer=Table(linearity_table())
    )
    assert np.median(flat.image) == pytest.approx(1)
    off = pulls(flat, truth.response)
    assert np.median(off) == pytest.approx(0, abs=0.4)
    assert np.std(off) == pytest.approx(1, abs=0.1)
    without = combined(CpFlatTask(), frames(folder, 301), bias=bias, dark=dark)
    assert np.abs(without.image - truth.response).mean() > 1.02 * np.abs(flat.image - truth.response).mean()


def test_strips_give_what_the_whole_gives_in_less_memory(folder, bias):
    config = CpBiasTask.ConfigClass()
    config.memory = 0.05
    again = combined(CpBiasTask(config), frames(folder, 101))
    assert np.array_equal(again.image, bias.image)
    assert np.array_equal(again.variance, bias.variance)


@pytest.mark.parametrize("task_class", [CpBiasTask, CpDarkTask, CpFlatTask])
def test_the_memory_for_the_strips_of_all_frames_is_as_configured(task_class):
    raws = [Stored(Exposure(np.full((300, 400), 1000, np.float32))) for _ in range(20)]
    peaks = []
    for memory in (1, 100):
        config = task_class.ConfigClass()
        config.memory = memory
        tracemalloc.start()
        task_class(config).run(raws, {}, [1.0] * 20)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < 10 * 2**20 < peaks[1]


def test_pixels_without_a_value_are_bad_and_change_nothing(folder, bias):
    raws = list(frames(folder, 101))
    for raw in raws:
        raw.exposure.image[3, 4] = 65_000
    exposure = combined(CpBiasTask(), raws)
    assert np.argwhere(exposure.mask["BAD"]).tolist() == [[3, 4]]
    assert exposure.image[3, 4] == 0
    assert exposure.variance[3, 4] == 0


def test_a_flat_without_response_somewhere_is_bad_there(folder, bias, dark):
    raws = list(frames(folder, 301))
    for raw in raws:
        raw.exposure.image[:, 7] = 1000
    flat = combined(CpFlatTask(), raws, bias=bias, dark=dark)
    assert np.flatnonzero(flat.mask["BAD"].all(axis=0)).tolist() == [7]
    assert (flat.image[:, 7] == 1).all()


def test_the_least_response_of_a_flat_is_as_configured(folder, bias, dark, truth):
    config = CpFlatConfig()
    config.minimumResponse = 0.9
    flat = combined(CpFlatTask(config), frames(folder, 301), bias=bias, dark=dark)
    dim = truth.response / np.median(truth.response) < 0.9
    assert 0.005 < dim.mean() < 0.5
    assert (flat.mask["BAD"] == dim).mean() > 0.98  # the flat has noise
    assert not combined(CpFlatTask(), frames(folder, 301), bias=bias, dark=dark).mask["BAD"].any()


def test_too_few_frames_of_the_type_make_nothing():
    class Context:
        """The inputs of a quantum, and what it puts."""

        def get(self, refs):
            return {"raws": refs, "camera": {}}

        def put(self, result, refs):
            self.result = result

    kinds = ["bias", "bias", "flat", "flat", "flat"]
    raws = [Stored(Exposure(np.full((8, 9), 100 * len(kind)))) for kind in kinds]
    for raw, kind in zip(raws, kinds, strict=True):
        record = SimpleNamespace(observation_type=kind, dark_time=None, exposure_time=0.0)
        raw.dataId = DataId(exposure=7)
        raw.dataId.records = {"exposure": record}
    due = SimpleNamespace(outputExposure=SimpleNamespace(dataId={"detector": 0}))
    with pytest.raises(NoWorkFound, match="2 frames of type 'bias', and minimumFrames=3"):
        CpBiasTask().runQuantum(Context(), raws, due)
    config, context = CpBiasTask.ConfigClass(), Context()
    config.minimumFrames = 2
    CpBiasTask(config).runQuantum(context, raws, due)
    assert (context.result.outputExposure.image == 400).all()  # of the two alone


def test_frames_of_two_sizes_are_refused():
    raws = [Stored(Exposure(np.zeros((n, 20)))) for n in (20, 20, 30)]
    with pytest.raises(PipetaskError, match=r"\(20, 20\) \(exposure 7\), \(30, 20\) \("):
        CpBiasTask().run(raws, {}, [0.0] * 3)
    with pytest.raises(
        PipetaskError, match=r"\(20, 20\) \(exposure 7\), \(25, 20\) \("
    ):  # the last one was cut off
        CpBiasTask().run(raws, {"trim": [0, 0, 20, 25]}, [0.0] * 3)


def test_a_bias_of_another_size_is_refused():
    raws = [Stored(Exposure(np.ones((20, 20))))] * 3
    with pytest.raises(PipetaskError, match="The bias has 8 rows of 20 columns, the trimmed image 20 rows"):
        CpDarkTask().run(raws, {}, [1.0] * 3, bias=Exposure(np.zeros((8, 20))))


def test_darks_without_time_and_flats_without_light_are_refused():
    raws = [Stored(Exposure(np.zeros((20, 20))))]
    with pytest.raises(PipetaskError, match="no exposure time"):
        CpDarkTask().run(raws, {}, [0.0])
    for pixels in (np.zeros((20, 20)), np.full((20, 20), np.nan)):
        with pytest.raises(PipetaskError, match="flat of exposure 7 holds no light: its median is 0"):
            CpFlatTask().run([Stored(Exposure(pixels))], {}, [1.0])
