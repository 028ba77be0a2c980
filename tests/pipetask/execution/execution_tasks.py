"""Three tasks in a row on small dictionaries: double each number, add one, and sum over an instrument."""

import os
import time
from pathlib import Path

from lsst.pex.config import Field, ListField

from pipetask import (
    AnnotatedPartialOutputsError,
    NoWorkFound,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    RepeatableQuantumError,
    Struct,
    connectionTypes,
)


def dict_connection(kind, name, dimensions=("instrument", "detector"), **kwargs):
    return kind(doc=name, name=name, storageClass="StructuredDataDict", dimensions=dimensions, **kwargs)


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("even its text is broken")


class DoubleConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    number = dict_connection(connectionTypes.Input, "number")
    doubled = dict_connection(connectionTypes.Output, "doubled")
    schema = connectionTypes.InitOutput(doc="s", name="double_schema", storageClass="StructuredDataDict")


class DoubleConfig(PipelineTaskConfig, pipelineConnections=DoubleConnections):
    fail_on = ListField(dtype=int, default=[], doc="Detectors that raise.")
    no_work_on = ListField(dtype=int, default=[], doc="Detectors without work.")
    warn_on = ListField(dtype=int, default=[], doc="Detectors that are warned of.")
    wordless_on = ListField(dtype=int, default=[], doc="Detectors whose error has no text.")
    wordy_on = ListField(dtype=int, default=[], doc="Detectors whose error has many lines.")
    speechless_on = ListField(dtype=int, default=[], doc="Detectors whose error cannot even say so.")
    bad_log_on = ListField(dtype=int, default=[], doc="Detectors with a message whose arguments don't fit.")
    exit_on = ListField(dtype=int, default=[], doc="Detectors that end their process.")
    fail_after_put_on = ListField(dtype=int, default=[], doc="Detectors that raise after the output is put.")
    partial_on = ListField(dtype=int, default=[], doc="Detectors that make only a part of their outputs.")
    sleep_s = Field(dtype=float, default=0.0, doc="How long to sleep.")
    fail_while_exists = Field(dtype=str, default="", doc="Environment variable that names a file.")
    attempts_in = Field(dtype=str, default="", doc="Folder where each attempt on detector 1 leaves a file.")
    succeed_at = Field(
        dtype=int, default=1, doc="Attempt on detector 1 that succeeds, if the folder is given."
    )
    attempts_exit = Field(dtype=bool, default=False, doc="Whether those before it end their process.")
    repeatable_on = ListField(dtype=int, default=[], doc="Detectors whose failure would come again.")
    hold_mib = Field(dtype=int, default=0, doc="Memory to hold while sleeping.")
    note_resources = Field(dtype=bool, default=False, doc="Whether to note what the task may use.")
    construct = Field(dtype=bool, default=True, doc="Whether the task can be constructed.")
    unit = Field(dtype=str, default="adu", doc="Goes into the schema.")


class DoubleTask(PipelineTask):
    ConfigClass = DoubleConfig
    _DefaultName = "double"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.schema = {"unit": self.config.unit}
        if not self.config.construct:
            raise RuntimeError("no such instrument")

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        detector = inputRefs.number.dataId["detector"]
        self.log.info("detector %d", detector)
        held = bytearray(b"x") * (self.config.hold_mib * 2**20)
        time.sleep(self.config.sleep_s)
        del held
        if self.config.attempts_in and detector == 1:
            folder = Path(self.config.attempts_in)
            (folder / str(time.monotonic_ns())).touch()
            if len(list(folder.iterdir())) < self.config.succeed_at:
                if self.config.attempts_exit:
                    os._exit(7)
                raise OSError("the file system is away")
        if detector in self.config.repeatable_on:
            raise RepeatableQuantumError("no stars")
        if self.config.note_resources:
            self.metadata["cores"] = butlerQC.resources.num_cores
            self.metadata["memory"] = butlerQC.resources.max_mem or 0
            self.metadata["threads"] = os.environ.get("OMP_NUM_THREADS", "")
        flag = self.config.fail_while_exists
        if detector in self.config.fail_on or (flag and Path(os.environ[flag]).exists()):
            raise ValueError(f"detector {detector} is broken")
        if detector in self.config.speechless_on:
            raise SpeechlessError
        if detector in self.config.warn_on:
            self.log.warning("detector %d is saturated", detector)
        if detector in self.config.wordless_on:
            raise GeneratorExit
        if detector in self.config.wordy_on:
            raise ValueError("no fit\n" + "residual\n" * 200)
        if detector in self.config.bad_log_on:
            self.log.info("detector %d", "three")
        if detector in self.config.no_work_on:
            raise NoWorkFound(f"nothing on detector {detector}")
        if detector in self.config.exit_on:
            os._exit(7)
        number = butlerQC.get(inputRefs.number)["n"]
        self.metadata["number"] = number
        butlerQC.put(Struct(doubled={"n": 2 * number}), outputRefs)
        if detector in self.config.fail_after_put_on:
            raise RuntimeError("too late")
        if detector in self.config.partial_on:
            raise AnnotatedPartialOutputsError.annotate(RuntimeError("half"), self)


class StayingTask(DoubleTask):
    canMultiprocess = False


class SplitConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    number = dict_connection(connectionTypes.Input, "number")
    passing = dict_connection(connectionTypes.Output, "passing")
    lasting = dict_connection(connectionTypes.Output, "lasting")


class SplitConfig(PipelineTaskConfig, pipelineConnections=SplitConnections):
    pass


class SplitTask(PipelineTask):
    """Makes a number, and beside it something that is never the same twice."""

    ConfigClass = SplitConfig
    _DefaultName = "split"

    def run(self, number):
        result = Struct(passing=dict(number), lasting={"made_ns": time.time_ns()})
        number["n"] = -1
        return result


class AddOneConnections(PipelineTaskConnections, dimensions=("instrument", "detector")):
    doubled = dict_connection(connectionTypes.Input, "doubled")
    plus_one = dict_connection(connectionTypes.Output, "plus_one")
    schema = connectionTypes.InitInput(doc="s", name="double_schema", storageClass="StructuredDataDict")


class AddOneConfig(PipelineTaskConfig, pipelineConnections=AddOneConnections):
    fail_while_exists = Field(dtype=str, default="", doc="Environment variable that names a file.")


class AddOneTask(PipelineTask):
    ConfigClass = AddOneConfig
    _DefaultName = "add_one"

    def __init__(self, *, initInputs, **kwargs):
        super().__init__(initInputs=initInputs, **kwargs)
        self.given = initInputs["schema"]

    def run(self, doubled):
        flag = self.config.fail_while_exists
        if flag and Path(os.environ[flag]).exists():
            raise ValueError("cannot add")
        result = {"n": doubled["n"] + 1, "unit": self.given["unit"]}
        self.given["unit"] = "spoilt for the next quantum"
        return Struct(plus_one=result)


class TotalConnections(PipelineTaskConnections, dimensions=("instrument",)):
    numbers = dict_connection(connectionTypes.Input, "plus_one", multiple=True)
    total = dict_connection(connectionTypes.Output, "total", dimensions=("instrument",))


class TotalConfig(PipelineTaskConfig, pipelineConnections=TotalConnections):
    pass


class TotalTask(PipelineTask):
    ConfigClass = TotalConfig
    _DefaultName = "total"

    def run(self, numbers):
        return Struct(total={"n": sum(number["n"] for number in numbers), "count": len(numbers)})
