"""Task: names, configuration, log, metadata, subtasks."""

import copy
import logging
import pickle
from pathlib import Path

import pytest
from lsst.pex.config import Config, ConfigurableField, Field, FieldValidationError

import pipetask as pt
from pipetask.errors import ConfigOverrideError, TaskDefinitionError


class MeasureConfig(pt.Config):
    radius = Field(doc="Radius [pixel]", dtype=float, default=3.0)


class MeasureTask(pt.Task):
    ConfigClass = MeasureConfig

    def run(self, values):
        self.metadata["n"] = len(values)
        return pt.Struct(total=sum(values) * self.config.radius)


class OuterConfig(pt.Config):
    measure = ConfigurableField(doc="How to measure", target=MeasureTask)
    plain = Field(doc="No subtask", dtype=int, default=0)


class OuterTask(pt.Task):
    ConfigClass = OuterConfig
    _DefaultName = "outer"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.makeSubtask("measure")


def test_a_task_makes_its_default_configuration():
    assert MeasureTask().config.radius == 3.0


def test_names_come_from_argument_default_name_or_class():
    assert MeasureTask(name="m").getName() == "m"
    assert OuterTask().getName() == "outer"
    assert MeasureTask().getName() == "MeasureTask"


def test_the_log_has_the_name_of_the_task():
    assert MeasureTask(name="m").log.name == "m"
    own = logging.getLogger("elsewhere")
    assert MeasureTask(log=own).log.logger is own


def test_the_logger_has_levels_between_those_of_the_standard_library(caplog):
    log = MeasureTask(name="m").log
    with caplog.at_level(1):
        log.trace("a %d", 1)
        log.verbose("b %d", 2)
        log.getChild("x").verbose("c")
        log.fatal("d", extra={"more": 5})
        log.info("e")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("m", "TRACE", "a 1"),
        ("m", "VERBOSE", "b 2"),
        ("m.x", "VERBOSE", "c"),
        ("m", "CRITICAL", "d"),
        ("m", "INFO", "e"),
    ]
    assert {r.filename for r in caplog.records} == {Path(__file__).name}
    assert caplog.records[3].more == 5
    assert pickle.loads(pickle.dumps(copy.copy(log))).name == "m"
    assert log.handlers == []


def test_a_configuration_that_is_not_valid_is_refused():
    class Strict(Config):
        needed = Field(doc="Needed", dtype=int, optional=False)

    class StrictTask(pt.Task):
        ConfigClass = Strict

    with pytest.raises(FieldValidationError, match="needed"):
        StrictTask()


def test_a_task_class_without_config_class_says_so():
    class Bare(pt.Task):
        pass

    with pytest.raises(TaskDefinitionError, match="Bare: a task class sets ConfigClass"):
        Bare()


def test_a_subtask_is_configured_named_and_logged_below_its_parent():
    config = OuterConfig()
    config.measure.radius = 2.0
    task = OuterTask(config=config, name="phot")
    assert isinstance(task.measure, MeasureTask)
    assert task.measure.run([1, 2]).total == 6.0
    assert task.measure.getFullName() == "phot.measure"
    assert task.measure.log.name == "phot.measure"


def test_a_subtask_can_be_another_class():
    class Double(MeasureTask):
        def run(self, values):
            return pt.Struct(total=2 * sum(values))

    config = OuterConfig()
    config.measure.retarget(Double)
    assert OuterTask(config).measure.run([1, 2]).total == 6


def test_an_unknown_subtask_names_the_configuration():
    with pytest.raises(TaskDefinitionError, match="'meassure' is no field of OuterConfig"):
        OuterTask().makeSubtask("meassure")


def test_a_field_without_selection_is_no_subtask():
    class Optional(pt.Config):
        sub = Field(doc="Nothing chosen", dtype=str, optional=True)

    class OptionalTask(pt.Task):
        ConfigClass = Optional

    with pytest.raises(ConfigOverrideError, match=r"no subtask is selected in config\.sub"):
        OptionalTask().makeSubtask("sub")


def test_make_field_selects_the_class():
    class Outer(pt.Config):
        measure = MeasureTask.makeField("How to measure")

    assert Outer().measure.target is MeasureTask


def test_full_metadata_has_the_subtasks_under_their_full_names():
    task = OuterTask(name="phot")
    task.measure.run([1, 2, 3])
    full = task.getFullMetadata()
    assert list(full) == ["phot", "phot:measure"]
    assert full["phot:measure"]["n"] == 3


def test_timer_records_a_block_even_if_it_fails():
    task = MeasureTask()
    with pytest.raises(KeyError), task.timer("fit"):
        raise KeyError
    for key in ("fitStartUtc", "fitEndUtc", "fitStartCpuTime", "fitEndCpuTime", "fitEndMaxResidentSetSize"):
        assert key in task.metadata
    assert task.metadata["fitEndUtc"] >= task.metadata["fitStartUtc"]
    assert task.metadata["fitEndMaxResidentSetSize"] > 1_000_000


def test_timer_logs_at_the_level_given(caplog):
    with caplog.at_level(logging.INFO), MeasureTask(name="m").timer("fit", logging.INFO):
        pass
    assert "fit took" in caplog.text


def test_struct_holds_merges_and_copies_values():
    one = pt.Struct(a=1, b=2)
    two = pt.Struct(c=3)
    two.mergeItems(one, "b")
    assert two.getDict() == {"c": 3, "b": 2}
    assert one.copy() == one
    assert one.copy() is not one
    with pytest.raises(ValueError, match="'b'"):
        two.mergeItems(one, "b")
