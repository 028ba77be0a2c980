"""Prerequisites: by data ID, by validity, by sky, by the task's own function; and what is said if one is missing."""

import pytest

from pipetask.butler import Timespan
from pipetask.errors import (
    AmbiguousCalibrationError,
    MissingPrerequisiteError,
    PipelineGraphError,
    ScalarError,
)
from pipetask.graph.builder import QuantumGraphBuilder

SENSOR = ("exposure", "detector")
RAW = {"raw": ("in", "raw", ("exposure", "detector")), "post": ("out", "post", ("exposure", "detector"))}
BIAS = ("pre", "bias", ("detector",), {"isCalibration": True})
DETECTORS = {"instrument": ["Cam", "Cam"], "detector": [0, 1]}


@pytest.fixture
def repository(repository_on_each):
    return repository_on_each


def build(repository, collections=("raws",), where="", **tasks):
    return QuantumGraphBuilder(
        repository.pipeline(**tasks), repository.butler, input_collections=collections, output_run="out", where=where
    ).build()  # fmt: skip


def runs(graph, connection):
    return {q.dataId.values_tuple: [ref.run for ref in q.inputs[connection]] for q in graph.quanta("isr")}


@pytest.fixture
def calibrated(observed):
    """Biases for exposure 1 (time 100 to 110) in one run, for exposure 2 (200 to 210) in another one."""
    early = observed.datasets("bias", ("detector",), "early", isCalibration=True, **DETECTORS)
    late = observed.datasets("bias", ("detector",), "late", isCalibration=True, **DETECTORS)
    observed.certify("calib", early, 0, 150)
    observed.certify("calib", late, 150, 300)
    return observed


def test_a_calibration_is_the_one_valid_at_the_time_of_the_quantum(calibrated, task):
    graph = build(calibrated, ("raws", "calib"), isr=task(("exposure", "detector"), **RAW, bias=BIAS))
    assert runs(graph, "bias") == {
        ("Cam", 0, 1): ["early"], ("Cam", 1, 1): ["early"], ("Cam", 0, 2): ["late"], ("Cam", 1, 2): ["late"],
    }  # fmt: skip


def test_an_earlier_collection_with_a_valid_calibration_is_preferred(calibrated, task):
    own = calibrated.datasets(
        "bias", ("detector",), "own", isCalibration=True, instrument=["Cam"], detector=[1]
    )
    calibrated.certify("mine", own, 195, 205)
    graph = build(calibrated, ("raws", "mine", "calib"), isr=task(("exposure", "detector"), **RAW, bias=BIAS))
    assert [runs(graph, "bias")["Cam", 1, exposure] for exposure in (1, 2)] == [["early"], ["own"]]


def test_a_missing_calibration_is_named_with_quantum_collections_and_the_ranges_there_are(calibrated, task):
    calibrated.registry.collections.decertify("calib", "bias", Timespan.from_ns(150, 300))
    with pytest.raises(MissingPrerequisiteError) as error:
        build(calibrated, ("raws", "calib"), isr=task(("exposure", "detector"), **RAW, bias=BIAS))
    text = str(error.value)
    assert "'isr'" in text
    assert "'bias'" in text
    assert "{instrument: 'Cam', detector: 0, exposure: 2} (and 1 more)" in text
    assert "raws, calib" in text
    assert "valid in" in text


def test_a_missing_calibration_without_any_of_its_kind_says_where_to_look(observed, task):
    with pytest.raises(MissingPrerequisiteError, match=r"hold no 'bias' at all\. Nobody registered"):
        build(observed, isr=task(("exposure", "detector"), **RAW, bias=BIAS))


def test_a_missing_prerequisite_says_for_what_the_existing_ones_are(observed, task):
    observed.datasets("mask", ("detector",), "masks", instrument=["Cam"], detector=[0])
    mask = ("pre", "mask", ("detector",))
    with pytest.raises(MissingPrerequisiteError, match="are for instrument 'Cam'; detector 0"):
        build(observed, ("raws", "masks"), isr=task(("exposure", "detector"), **RAW, mask=mask))


def test_a_prerequisite_of_other_data_is_not_called_absent(observed, task):
    observed.datasets("mask", SENSOR, "masks", instrument=["Cam"], exposure=[2], detector=[0])
    isr = task(SENSOR, **RAW, mask=("pre", "mask", SENSOR))
    with pytest.raises(MissingPrerequisiteError, match=r"are for instrument 'Cam'; detector 0; exposure 2"):
        build(observed, ("raws", "masks"), where="instrument = 'Cam' AND exposure = 1", isr=isr)


def test_a_hook_sees_prerequisites_with_values_that_no_quantum_has(sky, task):
    from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

    index = HtmPixelization(7).index(UnitVector3d(LonLat.fromDegrees(0.35, 0.5)))
    sky.datasets("refcat", ("htm7",), "refcats", htm7=[index])
    seen = set()

    def look(self, inputs, outputs, label, data_id):
        seen.update(ref.dataId["htm7"] for ref in inputs["refcat"][1])
        return {}, {}

    raws = {"raws": ("in", "raw", SENSOR, {"multiple": True}), "out": ("out", "o", ("visit", "detector"))}
    refcat = ("pre", "refcat", ("htm7",), {"multiple": True, "minimum": 0})
    build(sky, ("raws", "refcats"), isr=task(("visit", "detector"), adjust=look, **raws, refcat=refcat))
    assert seen == {index}


def test_a_prerequisite_that_may_be_missing_stops_nothing(observed, task):
    observed.datasets("mask", ("detector",), "masks", instrument=["Cam"], detector=[0])
    mask = ("pre", "mask", ("detector",), {"minimum": 0})
    graph = build(observed, ("raws", "masks"), isr=task(("exposure", "detector"), **RAW, mask=mask))
    assert [len(q.inputs["mask"]) for q in graph.quanta("isr")] == [1, 1, 0, 0]


def test_a_quantum_that_lacks_inputs_is_not_blamed_for_its_prerequisites(observed, task):
    """Only detector 0 has a background, so nobody asks for the mask of detector 1, which doesn't exist."""
    observed.datasets("mask", ("detector",), "masks", instrument=["Cam"], detector=[0])
    observed.datasets("background", ("detector",), "masks", instrument=["Cam"], detector=[0])
    more = {"background": ("in", "background", ("detector",)), "mask": ("pre", "mask", ("detector",))}
    graph = build(observed, ("raws", "masks"), isr=task(("exposure", "detector"), **RAW, **more))
    assert graph.n_quanta == 2


def test_two_calibrations_valid_within_one_quantum_are_an_error(calibrated, task):
    calibrated.records(
        "exposure", instrument=["Cam"], exposure=[3], obs_id=["3"], group=["x"], physical_filter=["g1"],
        day_obs=[20260101], timespan_begin=[140], timespan_end=[160],
    )  # fmt: skip
    calibrated.datasets(
        "raw", ("exposure", "detector"), "raws", instrument=["Cam"], exposure=[3], detector=[0]
    )
    with pytest.raises(AmbiguousCalibrationError, match="detector: 0"):
        build(calibrated, ("raws", "calib"), isr=task(("exposure", "detector"), **RAW, bias=BIAS))


def test_dimensions_that_the_quantum_lacks_give_several_datasets(observed, task):
    observed.datasets("mask", ("detector",), "masks", **DETECTORS)
    mask = ("pre", "mask", ("detector",), {"multiple": True})
    per_visit = {
        "raws": ("in", "raw", ("exposure", "detector"), {"multiple": True}),
        "out": ("out", "o", ("exposure",)),
    }
    graph = build(observed, ("raws", "masks"), isr=task(("exposure",), **per_visit, mask=mask))
    assert [[ref.dataId["detector"] for ref in q.inputs["mask"]] for q in graph.quanta("isr")] == [
        [0, 1],
        [0, 1],
    ]


def test_several_datasets_for_a_connection_that_takes_one_are_an_error(observed, task):
    observed.datasets("mask", ("detector",), "masks", **DETECTORS)
    per_visit = {
        "raws": ("in", "raw", ("exposure", "detector"), {"multiple": True}),
        "out": ("out", "o", ("exposure",)),
    }
    with pytest.raises(ScalarError, match="mask"):
        build(
            observed,
            ("raws", "masks"),
            isr=task(("exposure",), **per_visit, mask=("pre", "mask", ("detector",))),
        )


def test_implied_dimensions_of_the_quantum_select_prerequisites(observed, task):
    observed.datasets(
        "flat", ("physical_filter",), "flats", instrument=["Cam", "Cam"], physical_filter=["g1", "r1"]
    )  # fmt: skip
    graph = build(
        observed, ("raws", "flats"), isr=task(("exposure", "detector"), **RAW, flat=("pre", "flat", ("physical_filter",)))
    )  # fmt: skip
    chosen = {
        q.dataId["exposure"]: q.inputs["flat"][0].dataId["physical_filter"] for q in graph.quanta("isr")
    }
    assert chosen == {1: "g1", 2: "r1"}


def test_prerequisites_on_the_sky_are_those_that_overlap(sky, task):
    sky.datasets("template", ("tract", "patch"), "templates", skymap=["map"] * 2, tract=[0, 0], patch=[0, 1])
    template = ("pre", "template", ("tract", "patch"), {"multiple": True})
    connections = {
        "raws": ("in", "raw", ("exposure", "detector"), {"multiple": True}),
        "out": ("out", "o", ("visit", "detector")),
    }
    graph = build(
        sky, ("raws", "templates"), isr=task(("visit", "detector"), **connections, template=template)
    )
    patches = {
        q.dataId.values_tuple: [r.dataId["patch"] for r in q.inputs["template"]] for q in graph.quanta("isr")
    }
    assert patches == {("Cam", 0, 1): [0], ("Cam", 1, 1): [0], ("Cam", 0, 2): [0], ("Cam", 1, 2): [1]}


def test_reference_catalogs_are_those_of_the_pixels_under_the_region(sky, task):
    from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

    centres = {(0, 1): 0.35, (1, 2): 2.45}  # degrees, of two of the detectors
    pixel = {
        k: HtmPixelization(7).index(UnitVector3d(LonLat.fromDegrees(lon, 0.5))) for k, lon in centres.items()
    }
    far = HtmPixelization(7).index(UnitVector3d(LonLat.fromDegrees(180, 60)))
    sky.datasets("refcat", ("htm7",), "refcats", htm7=[*pixel.values(), far])
    refcat = ("pre", "refcat", ("htm7",), {"multiple": True, "minimum": 0})
    connections = {
        "raws": ("in", "raw", ("exposure", "detector"), {"multiple": True}),
        "out": ("out", "o", ("visit", "detector")),
    }
    graph = build(sky, ("raws", "refcats"), isr=task(("visit", "detector"), **connections, refcat=refcat))
    found = {
        (q.dataId["detector"], q.dataId["visit"]): [r.dataId["htm7"] for r in q.inputs["refcat"]]
        for q in graph.quanta("isr")
    }
    for key, index in pixel.items():
        assert index in found[key]
    assert all(far not in pixels for pixels in found.values())


def test_a_lookup_function_is_asked_for_each_quantum(observed, task):
    observed.datasets("mask", ("detector",), "masks", **DETECTORS)
    asked = []

    def swapped(dataset_type, registry, data_id, collections):
        asked.append((dataset_type.name, data_id["exposure"], tuple(collections)))
        return [
            registry.find_dataset(
                "mask", {"instrument": "Cam", "detector": 1 - data_id["detector"]}, collections=collections
            )
        ]

    mask = ("pre", "mask", ("detector",), {"lookupFunction": swapped})
    graph = build(observed, ("raws", "masks"), isr=task(("exposure", "detector"), **RAW, mask=mask))
    assert all(
        q.inputs["mask"][0].dataId["detector"] == 1 - q.dataId["detector"] for q in graph.quanta("isr")
    )
    assert asked[0] == ("mask", 1, ("raws", "masks"))
    assert len(asked) == 4


def test_one_type_found_in_two_ways_is_one_table(observed, task):
    ids = observed.datasets("mask", ("detector",), "masks", **DETECTORS)

    def look(kind, registry, data_id, where):
        return [registry.find_dataset("mask", {"instrument": "Cam", "detector": 0}, collections=where)]

    found = task(
        ("exposure", "detector"), **RAW, mask=("pre", "mask", ("detector",), {"lookupFunction": look})
    )
    plain = task(
        ("exposure", "detector"), raw=RAW["raw"], mask=("pre", "mask", ("detector",)), out=("out", "other", ("exposure", "detector"))
    )  # fmt: skip
    graph = build(observed, ("raws", "masks"), isr=found, plain=plain)
    assert len(graph.datasets["mask"]) == 2
    (zero, one) = (ids[0].tobytes(), ids[1].tobytes())
    assert {q.inputs["mask"][0].id.bytes for q in graph.quanta("isr")} == {zero}
    assert [q.inputs["mask"][0].id.bytes for q in graph.quanta("plain")] == [zero, zero, one, one]


def bounded(kind, *names):
    return {f"get{kind}BoundsConnections": lambda self: names}


def test_connections_can_widen_the_time_for_which_calibrations_are_looked_up(calibrated, task):
    """A task per detector has no time of its own: without bounds both biases are valid for it."""
    raws = {"raws": ("in", "raw", SENSOR, {"multiple": True}), "out": ("out", "o", ("detector",))}
    of_one = {"collections": ("raws", "calib"), "where": "instrument = 'Cam' AND exposure = 1"}
    hooks = bounded("Temporal", "raws")
    graph = build(calibrated, **of_one, isr=task(("detector",), hooks=hooks, **raws, bias=BIAS))
    assert runs(graph, "bias") == {("Cam", 0): ["early"], ("Cam", 1): ["early"]}
    with pytest.raises(AmbiguousCalibrationError):
        build(calibrated, **of_one, isr=task(("detector",), **raws, bias=BIAS))
    with pytest.raises(AmbiguousCalibrationError):  # from the first to the last exposure
        build(calibrated, ("raws", "calib"), isr=task(("detector",), hooks=hooks, **raws, bias=BIAS))


def test_a_calibration_missing_within_the_widened_time_is_told_with_that_time(calibrated, task):
    calibrated.registry.collections.decertify("calib", "bias", Timespan.from_ns(0, 150))
    raws = {"raws": ("in", "raw", SENSOR, {"multiple": True}), "out": ("out", "o", ("detector",))}
    one = task(("detector",), hooks=bounded("Temporal", "raws"), **raws, bias=BIAS)
    with pytest.raises(MissingPrerequisiteError) as error:
        build(calibrated, ("raws", "calib"), where="instrument = 'Cam' AND exposure = 1", isr=one)
    assert f"Its time is {Timespan.from_ns(100, 110)}" in str(error.value)


def test_connections_can_widen_the_region_under_which_sky_pixels_are_looked_up(sky, task):
    """A task per detector has no region: without bounds it gets the pixels of the whole sky."""
    from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

    def pixel(longitude, latitude=0.5):
        return HtmPixelization(7).index(UnitVector3d(LonLat.fromDegrees(longitude, latitude)))

    near = {(0, 1): pixel(0.35), (1, 1): pixel(1.05), (0, 2): pixel(1.35), (1, 2): pixel(2.45)}
    far = pixel(180, 60)
    sky.datasets("refcat", ("htm7",), "refcats", htm7=sorted({*near.values(), far}))
    every = {"instrument": ["Cam"] * 4, "visit": [1, 1, 2, 2], "detector": [0, 1, 0, 1]}
    sky.datasets("calexp", ("visit", "detector"), "calexps", **every)
    refcat = ("pre", "refcat", ("htm7",), {"multiple": True})
    images = {"calexps": ("in", "calexp", ("visit", "detector"), {"multiple": True})}
    images |= {"out": ("out", "o", ("detector",)), "refcat": refcat}

    def found(hooks):
        graph = build(sky, ("calexps", "refcats"), isr=task(("detector",), hooks=hooks, **images))
        return {
            q.dataId["detector"]: {ref.dataId["htm7"] for ref in q.inputs["refcat"]}
            for q in graph.quanta("isr")
        }

    assert found(()) == {0: {*near.values(), far}, 1: {*near.values(), far}}
    within = found(bounded("Spatial", "calexps"))
    assert {near[0, 1], near[0, 2]} <= within[0]
    assert {near[1, 1], near[1, 2]} <= within[1]
    assert near[1, 2] not in within[0]
    assert far not in within[0] | within[1]


def test_the_quantum_s_own_region_counts_besides_those_of_connections(sky, task):
    from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

    own, other = (
        HtmPixelization(7).index(UnitVector3d(LonLat.fromDegrees(longitude, 0.5)))
        for longitude in (0.35, 3.5)
    )
    sky.datasets("refcat", ("htm7",), "refcats", htm7=[own, other])
    refcat = ("pre", "refcat", ("htm7",), {"multiple": True, "minimum": 0})
    connections = {
        "raws": ("in", "raw", SENSOR, {"multiple": True}),
        "out": ("out", "o", ("visit", "detector")),
        "patches": ("out", "p", ("visit", "detector", "tract"), {"multiple": True}),
    }
    one = task(("visit", "detector"), hooks=bounded("Spatial", "patches"), **connections, refcat=refcat)
    graph = build(
        sky, ("raws", "refcats"), isr=one, where="instrument = 'Cam' AND visit = 1 AND detector = 0"
    )
    (quantum,) = graph.quanta("isr")
    assert {ref.dataId["htm7"] for ref in quantum.inputs["refcat"]} == {own}


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("Spatial", "bias", "names 'bias', which is no Input or Output of this configuration"),
        ("Temporal", "ra", "names 'ra', which is no Input or Output .*did you mean 'raw'"),
        ("Spatial", "raw", r"names 'raw', whose data IDs \{.*\} have no region"),
        ("Temporal", "out", r"names 'out', whose data IDs \{.*\} have no time"),
    ],
)
def test_bounds_must_be_inputs_or_outputs_with_a_region_or_time(calibrated, task, kind, name, message):
    one = task(
        ("detector",),
        hooks=bounded(kind, name),
        raw=("in", "raw", SENSOR, {"multiple": True}),
        out=("out", "o", ("detector",)),
        bias=BIAS,
    )
    with pytest.raises(
        PipelineGraphError, match=f"Task 'isr': get{kind}Bounds.* of SomeConnections {message}"
    ):
        calibrated.pipeline(isr=one)
