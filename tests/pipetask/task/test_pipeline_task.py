"""PipelineTask: constructors, the check against connections, making tasks, init-outputs."""

import pytest

import pipetask as pt
from pipetask import connectionTypes as ct
from pipetask.errors import TaskDefinitionError, TaskOutputError
from pipetask.task.pipeline_task import check_task, init_outputs, make_task


@pytest.fixture
def connections(task_api):
    return task_api.connections(config=task_api.config())


def test_config_is_taken_by_position_and_by_keyword(task_api):
    config = task_api.config(apRad=9)
    assert task_api.task(config).config.apRad == 9
    assert task_api.task(config=config).config.apRad == 9


def test_init_inputs_name_and_log_are_accepted(task_api):
    task = task_api.task(task_api.config(), initInputs={"inputSchema": ["id"]}, name="phot")
    assert task.inputSchema == ["id"]
    assert task.getName() == "phot"


def test_a_constructor_that_names_init_input_is_told_the_right_name():
    with pytest.raises(TaskDefinitionError, match=r"(?s)Broken.*'initInput'.*'initInputs'"):

        class Broken(pt.PipelineTask):
            def __init__(self, config, initInput, *args, **kwargs):
                pass


def test_make_task_gives_each_quantum_its_own_task_and_init_inputs(task_api):
    schema = ["id"]
    config = task_api.config()
    config.freeze()
    first, second = (
        make_task(task_api.task, config, label="phot", init_inputs={"inputSchema": schema}) for _ in range(2)
    )
    first.inputSchema.append("changed")
    assert first is not second
    assert second.inputSchema == schema == ["id"]
    assert first.getName() == "phot"


def test_a_task_that_fits_its_connections_passes(task_api, connections):
    check_task(task_api.task, connections)


def test_run_must_take_every_configured_input(task_api):
    class Fewer(task_api.task):
        def run(self, exposures, inputCatalogs, areaMasks, camera):
            pass

    check_task(Fewer, task_api.connections(config=task_api.config()))
    with_background = task_api.connections(config=task_api.config(doLocalBackground=True))
    with pytest.raises(TaskDefinitionError, match=r"Fewer: its run takes no argument.*'backgrounds'"):
        check_task(Fewer, with_background)


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_run_may_be_no_method_of_the_object(task_api, connections, kind):
    def static(exposures, inputCatalogs, areaMasks, camera):
        """Do nothing."""

    def of_class(cls, exposures, inputCatalogs, areaMasks, camera):
        """Do nothing."""

    class Detached(task_api.task):
        pass

    Detached.run = kind(static if kind is staticmethod else of_class)
    check_task(Detached, connections)


def test_run_must_not_need_what_no_connection_gives(task_api, connections):
    class More(task_api.task):
        def run(self, exposures, inputCatalogs, areaMasks, camera, backgrounds):
            pass

    with pytest.raises(
        TaskDefinitionError, match=r"More: its run needs 'backgrounds'.*for this configuration"
    ):
        check_task(More, connections)


def test_run_may_take_arbitrary_keywords(task_api, connections):
    class Anything(task_api.task):
        def run(self, **inputs):
            pass

    check_task(Anything, connections)


def test_run_is_not_checked_where_run_quantum_is_overridden(task_api, connections):
    class Own(task_api.task):
        def run(self, lengths):
            pass

        def runQuantum(self, butlerQC, inputRefs, outputRefs):
            pass

    check_task(Own, connections)


def test_a_task_without_run_is_refused(task_api, connections):
    class Idle(pt.PipelineTask):
        ConfigClass = task_api.config

    with pytest.raises(TaskDefinitionError, match="Idle has neither run nor runQuantum"):
        check_task(Idle, connections)


def test_a_constructor_must_accept_what_execution_passes(task_api, connections):
    class Closed(task_api.task):
        def __init__(self, config):
            super().__init__(config)

    with pytest.raises(
        TaskDefinitionError, match=r"Closed: its __init__ does not accept 'initInputs'.*\*\*kwargs"
    ):
        check_task(Closed, connections)


def test_init_outputs_are_attributes_of_the_task(task_api, connections):
    task = task_api.task(task_api.config())
    assert init_outputs(task, connections) == {"outputSchema": ["id", "flux"]}


def test_a_missing_init_output_names_connection_and_dataset_type(task_api, connections):
    task = task_api.task(task_api.config(), name="phot")
    del task.outputSchema
    with pytest.raises(TaskOutputError, match=r"'phot'.*'outputSchema'.*'customAperture_schema'"):
        init_outputs(task, connections)


def test_connections_without_inputs_make_a_task_that_generates():
    class Nothing(pt.PipelineTaskConnections, dimensions=("instrument",)):
        out = ct.Output("x", "Mask", dimensions=("instrument",))

    class NothingConfig(pt.PipelineTaskConfig, pipelineConnections=Nothing):
        pass

    class Source(pt.PipelineTask):
        ConfigClass = NothingConfig

        def run(self):
            return pt.Struct(out=1)

    check_task(Source, Nothing(config=NothingConfig()))
