"""What a task sees of a quantum: lists, single refs, deferred refs, absent connections."""

import pickle
from dataclasses import replace

import pytest

import pipetask as pt
from pipetask.errors import ScalarError
from pipetask.task.quantum import quantize_inputs, quantize_outputs


def detector_numbers(refs):
    return [ref.dataId["detector"] for ref in refs]


def test_iteration_gives_names_and_refs(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    assert [name for name, _ in seen] == ["exposures", "inputCatalogs", "areaMasks", "camera"]
    assert seen.keys() == ("exposures", "inputCatalogs", "areaMasks", "camera")


def test_multiple_connections_are_lists_ordered_by_data_id_so_that_they_pair(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    assert detector_numbers(seen.exposures) == [0, 1, 2]
    assert detector_numbers(seen.inputCatalogs) == [0, 1, 2]
    assert detector_numbers(quantize_outputs(focal_plane.connections, focal_plane.quantum).masks) == [0, 1]


def test_a_multiple_connection_of_one_dataset_is_a_list_of_one(focal_plane, detector_refs):
    quantum = replace(focal_plane.quantum, inputs={**focal_plane.quantum.inputs, "areaMasks": []})
    quantum.inputs["inputCatalogs"] = detector_refs("src", "SourceCatalog", 5)
    seen = quantize_inputs(focal_plane.connections, quantum)
    assert detector_numbers(seen.inputCatalogs) == [5]
    assert seen.areaMasks == []


def test_single_connections_are_one_ref(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    assert seen.camera.dataId["instrument"] == "Cam"
    assert quantize_outputs(focal_plane.connections, focal_plane.quantum).outputCatalog.dataId["visit"] == 7


def test_several_datasets_for_a_single_connection_are_an_error(focal_plane, refs):
    cameras = refs("camera", "StructuredDataDict", ("instrument",), {"instrument": "A"}, {"instrument": "B"})
    quantum = replace(focal_plane.quantum, inputs={**focal_plane.quantum.inputs, "camera": cameras})
    with pytest.raises(
        ScalarError, match=r"'phot': connection 'camera' takes one 'camera'.*2 match.*multiple=True"
    ):
        quantize_inputs(focal_plane.connections, quantum)


def test_a_single_connection_without_dataset_is_absent(focal_plane):
    quantum = replace(focal_plane.quantum, inputs={**focal_plane.quantum.inputs, "camera": []})
    seen = quantize_inputs(focal_plane.connections, quantum)
    assert "camera" not in seen
    with pytest.raises(AttributeError, match="'camera' of task 'phot' has no dataset in this quantum"):
        seen.camera  # noqa: B018


def test_a_removed_connection_is_absent_and_says_so(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    assert "backgrounds" not in dict(seen)
    with pytest.raises(AttributeError, match="'backgrounds' of FocalPlaneConnections was removed"):
        seen.backgrounds  # noqa: B018


def test_a_misspelt_connection_suggests_the_nearest(focal_plane):
    seen = quantize_outputs(focal_plane.connections, focal_plane.quantum)
    with pytest.raises(AttributeError, match="No connection 'OutputCatalog'; did you mean 'outputCatalog'"):
        seen.OutputCatalog  # noqa: B018


def test_refs_can_be_set_and_deleted_but_none_invented(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    seen.exposures = seen.exposures[:1]
    assert detector_numbers(seen.exposures) == [0]
    del seen.camera
    assert "camera" not in seen
    with pytest.raises(AttributeError, match="No connection 'exposure'"):
        seen.exposure = []
    with pytest.raises(AttributeError):
        del seen.camera


def test_the_quantum_is_not_changed_through_what_the_task_sees(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    seen.exposures.clear()
    assert len(focal_plane.quantum.inputs["exposures"]) == 3


def test_setting_while_iterating_is_allowed(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    for name, refs in seen:
        if isinstance(refs, list):
            setattr(seen, name, refs[:1])
    assert len(seen.inputCatalogs) == 1


def test_deferred_refs_offer_what_refs_do(focal_plane):
    ref = quantize_inputs(focal_plane.connections, focal_plane.quantum).exposures[0]
    stored = next(r for r in focal_plane.quantum.inputs["exposures"] if r.dataId["detector"] == 0)
    assert (ref.dataId, ref.id, ref.run, ref.datasetType.name) == (stored.dataId, stored.id, "run", "calexp")
    assert ref.datasetRef == stored


def test_refs_have_the_storage_class_and_component_of_their_connection(detector_refs, task_api):
    class Viewing(pt.PipelineTaskConnections, dimensions=("visit", "detector")):
        table = pt.connectionTypes.Input("src", "ArrowAstropy", dimensions=("visit", "detector"))
        wcs = pt.connectionTypes.Input("calexp.wcs", "Wcs", dimensions=("visit", "detector"))

    (src,) = detector_refs("src", "SourceCatalog", 0)
    (calexp,) = detector_refs("calexp", "ExposureF", 0)
    quantum = pt.Quantum("a", "A", src.dataId, {"table": [src], "wcs": [calexp]}, {})
    seen = quantize_inputs(Viewing(), quantum)
    assert (seen.table.datasetType.storageClass, seen.table.id) == ("ArrowAstropy", src.id)
    assert (seen.wcs.datasetType.name, seen.wcs.datasetType.storageClass) == ("calexp.wcs", "Wcs")
    assert seen.wcs.id == calexp.id


def test_component_refs_in_a_quantum_are_taken_as_they_are(detector_refs):
    class Viewing(pt.PipelineTaskConnections, dimensions=("visit", "detector")):
        wcs = pt.connectionTypes.Input("calexp.wcs", "Wcs", dimensions=("visit", "detector"))

    (calexp,) = detector_refs("calexp", "ExposureF", 0)
    component = calexp.makeComponentRef("wcs", "Wcs")
    quantum = pt.Quantum("a", "A", calexp.dataId, {"wcs": [component]}, {})
    assert quantize_inputs(Viewing(), quantum).wcs == component


def test_quantized_connections_and_quanta_survive_pickling(focal_plane):
    seen = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    copy = pickle.loads(pickle.dumps(seen))
    assert list(copy) == list(seen)
    assert pickle.loads(pickle.dumps(focal_plane.quantum)) == focal_plane.quantum
