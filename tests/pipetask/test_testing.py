"""Aids for task authors: what check_connections refuses, and one quantum in memory."""

import numpy as np
import pytest
from astropy.table import Table
from lsst.pex.config import Field

import pipetask as pt
from pipetask import connectionTypes as ct
from pipetask.errors import (
    InvalidQuantumError,
    MissingPrerequisiteError,
    NoWorkFound,
    ParameterError,
    PipelineGraphError,
    TaskDefinitionError,
    TaskOutputError,
)
from pipetask.testing import InMemoryDatasetHandle, at, check_connections, run_quantum

DETECTOR = ("visit", "detector")
VISIT = {"instrument": "Cam", "visit": 7}


class SumConnections(pt.PipelineTaskConnections, dimensions=("visit",)):
    columns = ct.InitInput("columns", "StructuredDataDict")
    schema = ct.InitOutput("sum_schema", "StructuredDataDict")
    parts = ct.Input("part", "StructuredDataDict", dimensions=DETECTOR, multiple=True)
    later = ct.Input("later", "StructuredDataDict", dimensions=DETECTOR, multiple=True, deferLoad=True)
    offset = ct.PrerequisiteInput("offset", "StructuredDataDict", dimensions=("instrument",))
    total = ct.Output("total", "StructuredDataDict", dimensions=("visit",))
    copies = ct.Output("copy", "StructuredDataDict", dimensions=DETECTOR, multiple=True)

    def __init__(self, *, config=None):
        super().__init__(config=config)
        if not config.doCopy:
            self.outputs.remove("copies")
        if config.dimension:
            self.dimensions.add(config.dimension)


class SumConfig(pt.PipelineTaskConfig, pipelineConnections=SumConnections):
    doCopy = Field(doc="Whether to copy the parts", dtype=bool, default=False)
    wrong = Field(doc="Whether the result has a wrong type", dtype=bool, default=False)
    dimension = Field(doc="One more dimension", dtype=str, default="")


class SumTask(pt.PipelineTask):
    ConfigClass = SumConfig
    _DefaultName = "sum"

    def __init__(self, config=None, *, initInputs=None, **kwargs):
        super().__init__(config, initInputs=initInputs, **kwargs)
        self.schema = {"columns": list(initInputs["columns"])}

    def run(self, parts, later, offset):
        total = sum(p["n"] for p in parts) + sum(h.get()["n"] * h.dataId["detector"] for h in later)
        made = 5 if self.config.wrong else {"n": total + offset["n"]}
        return pt.Struct(total=made, copies=parts)


class LacksArgumentTask(SumTask):
    def run(self, parts, later):
        return None


def run_sum(config=None, **changes):
    inputs = {
        "parts": [at({"n": 2}, detector=1), at({"n": 1}, detector=0)],
        "later": [at({"n": 10}, detector=3)],
        "offset": {"n": 100},
    }
    given = {"data_id": VISIT, "inputs": inputs, "init_inputs": {"columns": {"a": 1}}} | changes
    return run_quantum(SumTask, config, **given)


def inputs(**changes):
    kept = {"parts": [at({"n": 2}, detector=1)], "later": [at({"n": 0}, detector=1)], "offset": {"n": 0}}
    return {name: value for name, value in (kept | changes).items() if value is not None}


def test_a_quantum_runs_in_memory():
    result = run_sum()
    assert result.outputs.total == {"n": 2 + 1 + 3 * 10 + 100}
    assert result.init_outputs == {"schema": {"columns": ["a"]}}
    assert result.task.getName() == "sum"
    assert not hasattr(result.outputs, "copies")


def test_multiple_outputs_are_lists_in_the_order_of_data_ids():
    config = SumConfig()
    config.doCopy = True
    result = run_sum(config, outputs={"copies": [{"detector": 1}, {"detector": 0}]})
    assert result.outputs.copies == [{"n": 1}, {"n": 2}]
    config.doCopy = False  # still the caller's own: not frozen


def test_an_output_needs_its_data_ids():
    config = SumConfig()
    config.doCopy = True
    message = r"^Task 'sum', output 'copies' \(dataset type 'copy'\): .*detector"
    with pytest.raises(InvalidQuantumError, match=message):
        run_sum(config)


def test_too_few_inputs_are_what_they_are_for_a_graph():
    with pytest.raises(NoWorkFound, match="'parts' needs at least 1 'part', found 0"):
        run_sum(inputs=inputs(parts=[]))
    with pytest.raises(MissingPrerequisiteError, match="'offset'"):
        run_sum(inputs=inputs(offset=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": {"part": []}}, "no input connection 'part'.*did you mean 'parts'"),
        (
            {"outputs": {"copies": []}},
            r"no output connection 'copies' in this configuration \(it has total\)",
        ),
        (
            {"inputs": inputs(parts={"n": 1})},
            r"^Task 'sum', input 'parts' \(dataset type 'part'\): the connection is multiple: give a list",
        ),
        ({"inputs": inputs(parts=[{"n": 1}])}, r"^Task 'sum', input 'parts' .*lacks detector"),
        (
            {"inputs": inputs(parts=[at({"n": 1}, visit=8, detector=1)])},
            "^Task 'sum', input 'parts' .*: visit 8 of the dataset is not that of the quantum, 7",
        ),
        ({"init_inputs": {"colums": {}}}, "no init-input connection 'colums'.*did you mean 'columns'"),
        ({"init_inputs": {}}, r"init-input 'columns' .*: it is missing; give init_inputs=\{'columns': ...\}"),
        ({"init_inputs": {"columns": 3}}, r"init-input 'columns' .* wants dict, not int"),
    ],
)
def test_what_fits_no_connection_is_refused(changes, message):
    with pytest.raises(InvalidQuantumError, match=message):
        run_sum(**changes)


def test_objects_have_the_type_of_their_storage_class():
    message = r"^Task 'sum', input 'offset' \(dataset type 'offset'\): .* wants dict, not int"
    with pytest.raises(InvalidQuantumError, match=message):
        run_sum(inputs=inputs(offset=3))
    config = SumConfig()
    config.wrong = True
    with pytest.raises(TaskOutputError, match="output 'total' is stored as 'total': Storage class"):
        run_sum(config)


class MeasureConnections(pt.PipelineTaskConnections, dimensions=("visit",)):
    """Components and parameters of what is deferred, in memory as in a repository."""

    exposures = ct.Input("calexp", "ExposureF", dimensions=DETECTOR, multiple=True, deferLoad=True)
    boxes = ct.Input("calexp.bbox", "Box", dimensions=DETECTOR, multiple=True)
    catalog = ct.Input("src", "SourceCatalog", dimensions=("visit",), deferLoad=True)
    out = ct.Output("out", "StructuredDataDict", dimensions=("visit",))

    def adjustQuantum(self, refs):
        refs.exposures = [ref for ref in refs.exposures if ref.dataId["detector"] != 2]
        return refs


class MeasureConfig(pt.PipelineTaskConfig, pipelineConnections=MeasureConnections):
    pass


class MeasureTask(pt.PipelineTask):
    ConfigClass = MeasureConfig

    def run(self, exposures, boxes, catalog):
        corner = {"bbox": pt.Box(1, 2, 3, 2)}
        out = {
            "detectors": [handle.dataId["detector"] for handle in exposures],
            "box": list(exposures[0].get(component="bbox").shape),
            "boxes": [list(box.shape) for box in boxes],
            "sums": [float(handle.get(component="image", parameters=corner).sum()) for handle in exposures],
            "corner": exposures[0].get(parameters=corner).image.tolist(),
            "columns": catalog.get(component="columns"),
            "selected": catalog.get(parameters={"columns": ["flux"]}).colnames,
            "rows": len(catalog.get()),
        }
        return pt.Struct(out=out)


def test_components_and_parameters_are_those_of_a_repository():
    image = np.arange(20, dtype=np.float32).reshape(4, 5)
    exposures = [at(pt.Exposure(image + n), detector=n) for n in (2, 1, 0)]
    made = run_quantum(
        MeasureTask,
        data_id=VISIT,
        inputs={
            "exposures": exposures,
            "boxes": [at(pt.Box(0, 0, 5, 4), detector=n) for n in (0, 1)],
            "catalog": Table({"id": [1, 2], "flux": [3.0, 4.0]}),
        },
    ).outputs.out
    assert made["detectors"] == [0, 1]
    assert made["box"] == [4, 5]
    assert made["boxes"] == [[4, 5], [4, 5]]
    assert made["corner"] == [[11, 12, 13], [16, 17, 18]]
    assert made["sums"] == [87, 87 + 6]
    assert (made["columns"], made["selected"], made["rows"]) == (["id", "flux"], ["flux"], 2)


def test_a_parameter_that_the_storage_class_lacks_is_refused():
    class ColumnsTask(SumTask):
        def run(self, parts, later, offset):
            return later[0].get(parameters={"columns": ["a"]})

    with pytest.raises(ParameterError, match="'StructuredDataDict' has no parameter 'columns'"):
        run_quantum(ColumnsTask, data_id=VISIT, inputs=inputs(), init_inputs={"columns": {}})


def test_a_task_may_find_no_work():
    class IdleTask(SumTask):
        def run(self, parts, later, offset):
            raise NoWorkFound("too cloudy")

    with pytest.raises(NoWorkFound, match="too cloudy"):
        run_quantum(IdleTask, data_id=VISIT, inputs=inputs(), init_inputs={"columns": {}})


def test_a_handle_of_an_object_in_memory():
    table = Table({"id": [1, 2], "flux": [3.0, 4.0]})
    handle = InMemoryDatasetHandle(table, parameters={"columns": ["id"]}, instrument="Cam", detector=3)
    assert handle.dataId["detector"] == 3
    assert handle.get().colnames == ["id"]
    assert handle.get(parameters={"columns": ["flux"]}).colnames == ["flux"]
    plain = InMemoryDatasetHandle(table)
    assert plain.get(component="columns") == ["id", "flux"]
    assert plain.get() is table
    assert plain.get(storageClass="ArrowTable").column_names == ["id", "flux"]
    copied = InMemoryDatasetHandle(table, copy=True).get()
    copied["flux"][:] = 0
    assert list(table["flux"]) == [3.0, 4.0]
    exposure = InMemoryDatasetHandle(pt.Exposure(np.ones((4, 5))), storageClass="ExposureF")
    assert exposure.get(component="bbox").shape == (4, 5)
    with pytest.raises(TypeError, match="No storage class is declared for 'set'"):
        InMemoryDatasetHandle({1}).get(component="first")


def test_handles_look_for_storage_classes_once(monkeypatch):
    handle = InMemoryDatasetHandle(Table({"id": [1, 2]}))
    handle.get(component="columns")

    def again(**_):
        raise AssertionError("plugins are looked for again")

    monkeypatch.setattr("importlib.metadata.entry_points", again)
    assert handle.get(component="columns") == ["id"]
    assert len(InMemoryDatasetHandle(Table({"id": [1]})).get(parameters={"columns": ["id"]})) == 1


def test_an_output_that_is_missing_is_an_error():
    class ForgetfulTask(SumTask):
        def run(self, parts, later, offset):
            return pt.Struct()

    with pytest.raises(TaskOutputError, match="'total'"):
        run_quantum(ForgetfulTask, data_id=VISIT, inputs=inputs(), init_inputs={"columns": {}})


def test_a_task_that_fits_its_connections_passes():
    assert list(check_connections(SumTask).outputs) == ["total"]


def test_a_run_that_lacks_an_argument_is_found():
    with pytest.raises(TaskDefinitionError, match="takes no argument for the input connection 'offset'"):
        check_connections(LacksArgumentTask)


def test_an_unknown_dimension_is_found():
    config = SumConfig()
    config.dimension = "visitt"
    with pytest.raises(PipelineGraphError, match="visitt"):
        check_connections(SumTask, config)


def test_handles_in_memory_read_components():
    class ComponentConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
        image = ct.Input("calexp", "ExposureF", dimensions=DETECTOR, deferLoad=True)
        found = ct.Output("found", "StructuredDataDict", dimensions=DETECTOR)

    class ComponentConfig(pt.PipelineTaskConfig, pipelineConnections=ComponentConnections):
        pass

    class ComponentTask(pt.PipelineTask):
        ConfigClass = ComponentConfig

        def run(self, image):
            return pt.Struct(found={"width": image.get(component="bbox").width})

    exposure = pt.Exposure(np.zeros((3, 4), np.float32))
    quantum = VISIT | {"detector": 0}
    result = run_quantum(ComponentTask, data_id=quantum, inputs={"image": exposure})
    assert result.outputs.found == {"width": 4}
