"""QuantumContext: loading and storing of connection sets, lists and single refs; running a quantum."""

import pytest

import pipetask as pt
from pipetask.errors import InvalidQuantumError, TaskOutputError
from pipetask.task.context import ExecutionResources
from pipetask.task.quantum import quantize_inputs, quantize_outputs


@pytest.fixture
def inside(focal_plane, memory_butler):
    """A quantum whose inputs hold ``<dataset type><detector>``, ready to run."""
    for refs in focal_plane.quantum.inputs.values():
        for ref in refs:
            memory_butler.stored[ref.id] = f"{ref.datasetType.name}{ref.dataId.get('detector', '')}"
    focal_plane.butler = memory_butler
    focal_plane.qc = pt.QuantumContext(memory_butler, focal_plane.quantum, focal_plane.connections)
    focal_plane.inputRefs = quantize_inputs(focal_plane.connections, focal_plane.quantum)
    focal_plane.outputRefs = quantize_outputs(focal_plane.connections, focal_plane.quantum)
    return focal_plane


def test_get_loads_a_whole_connection_set(inside):
    inputs = inside.qc.get(inside.inputRefs)
    assert inputs["inputCatalogs"] == ["src0", "src1", "src2"]
    assert inputs["camera"] == "camera"
    assert [handle.get() for handle in inputs["exposures"]] == ["calexp0", "calexp1", "calexp2"]
    assert "backgrounds" not in inputs


def test_get_loads_a_list_one_ref_or_nothing(inside):
    assert inside.qc.get(inside.inputRefs.inputCatalogs[1:]) == ["src1", "src2"]
    assert inside.qc.get(inside.inputRefs.camera) == "camera"
    assert inside.qc.get(None) is None


def test_get_of_deferred_refs_gives_handles_and_loads_nothing(inside):
    handles = inside.qc.get(inside.inputRefs.exposures)
    assert [handle.dataId["detector"] for handle in handles] == [0, 1, 2]
    assert inside.qc.get(inside.inputRefs.exposures[0]).get() == "calexp0"
    assert inside.butler.asked == []


def test_get_refuses_what_is_no_input_of_the_quantum(inside, detector_refs):
    (foreign,) = detector_refs("src", "SourceCatalog", 0)
    with pytest.raises(InvalidQuantumError, match=r"'phot' .*: src .* is no input of quantum .*visit: 7"):
        inside.qc.get(foreign)


def test_get_refuses_what_is_no_ref(inside):
    with pytest.raises(TypeError, match="'calexp'"):
        inside.qc.get("calexp")


def stored(inside, refs):
    return [inside.butler.stored[ref.id] for ref in refs]


def test_put_stores_a_struct_by_connection(inside):
    inside.qc.put(pt.Struct(outputCatalog="cat", masks=["m0", "m1"], extra=1), inside.outputRefs)
    assert stored(inside, inside.outputRefs.masks) == ["m0", "m1"]
    assert stored(inside, [inside.outputRefs.outputCatalog]) == ["cat"]


def test_put_stores_a_list_or_one_object(inside):
    inside.qc.put(["m0", "m1"], inside.outputRefs.masks)
    inside.qc.put("cat", inside.outputRefs.outputCatalog)
    assert stored(inside, [*inside.outputRefs.masks, inside.outputRefs.outputCatalog]) == ["m0", "m1", "cat"]


def test_a_struct_put_to_one_ref_names_the_field(inside):
    result = pt.Struct(masks=[], outputCatalog="cat")
    with pytest.raises(
        TaskOutputError, match=r"butlerQC\.put\(result\.outputCatalog, outputRefs\.outputCatalog\)"
    ):
        inside.qc.put(result, inside.outputRefs.outputCatalog)


def test_a_missing_output_names_the_connection(inside):
    with pytest.raises(
        TaskOutputError, match=r"'phot' \(.*\) returned a Struct without the output 'masks'; it has outputC"
    ):
        inside.qc.put(pt.Struct(outputCatalog="cat"), inside.outputRefs)


@pytest.mark.parametrize(("result", "kind"), [(None, "None"), (["cat"], "'list'")])
def test_what_is_no_struct_is_refused(inside, result, kind):
    with pytest.raises(TaskOutputError, match=f"{kind}; due is a Struct with outputCatalog, masks"):
        inside.qc.put(result, inside.outputRefs)


def test_a_list_must_have_one_object_per_dataset(inside):
    with pytest.raises(TaskOutputError, match="output 'masks' takes 2 objects, one per dataset, not 3"):
        inside.qc.put(pt.Struct(outputCatalog="cat", masks=["a", "b", "c"]), inside.outputRefs)
    with pytest.raises(TaskOutputError, match="a list of refs takes a list, not an object of type 'str'"):
        inside.qc.put("ab", inside.outputRefs.masks)


def test_put_refuses_what_is_no_output_of_the_quantum(inside):
    with pytest.raises(InvalidQuantumError, match="is no output"):
        inside.qc.put("cat", inside.inputRefs.camera)
    with pytest.raises(TypeError, match="'x'"):
        inside.qc.put("cat", "x")


def test_run_quantum_loads_runs_stores_and_times(inside, task_api):
    task = task_api.task(task_api.config())
    inside.quantum.outputs["masks"][:] = sorted(inside.quantum.outputs["masks"])
    task.runQuantum(inside.qc, inside.inputRefs, inside.outputRefs)
    assert stored(inside, [inside.outputRefs.outputCatalog]) == [["camera", "src0", "src1", "src2"]]
    assert stored(inside, inside.outputRefs.masks) == ["ApAreaMask0", "ApAreaMask2"]
    assert task.metadata["runEndUtc"] >= task.metadata["runStartUtc"]


def test_an_overridden_run_quantum_works_connection_by_connection(inside, task_api):
    class Own(task_api.task):
        def runQuantum(self, butlerQC, inputRefs, outputRefs):
            inputs = {name: butlerQC.get(refs) for name, refs in inputRefs}
            result = self.run(**inputs)
            butlerQC.put(result.outputCatalog, outputRefs.outputCatalog)

    Own(task_api.config()).runQuantum(inside.qc, inside.inputRefs, inside.outputRefs)
    assert stored(inside, [inside.outputRefs.outputCatalog]) == [["camera", "src0", "src1", "src2"]]


def test_resources_are_those_given(inside):
    assert inside.qc.resources.num_cores == 1
    given = ExecutionResources(num_cores=4, max_mem=2**30)
    qc = pt.QuantumContext(inside.butler, inside.quantum, inside.connections, given)
    assert qc.resources == given


def test_the_guide_s_name_is_the_same_class():
    assert pt.ButlerQuantumContext is pt.QuantumContext
