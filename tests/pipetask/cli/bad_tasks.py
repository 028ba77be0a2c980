"""Task classes with one fault each."""

import pipetask as pt
from pipetask import connectionTypes as ct

DETECTOR = ("instrument", "detector")


class Connections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    notes = ct.Input("notes", "StructuredDataDict", dimensions=("detector",))
    made = ct.Output("made", "StructuredDataDict", dimensions=DETECTOR)


class Config(pt.PipelineTaskConfig, pipelineConnections=Connections):
    pass


class Good(pt.PipelineTask):
    ConfigClass = Config

    def run(self, notes):
        return pt.Struct(made=notes)


class NoPipelineTask(pt.Task):
    ConfigClass = Config


class NoConfigClass(pt.PipelineTask):
    pass


class LacksArgument(Good):
    def run(self, note):
        return pt.Struct(made=note)


class LacksArgumentButRunsItself(LacksArgument):
    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        butlerQC.put({}, outputRefs.made)


class TakesNoInitInputs(Good):
    def __init__(self, config, name, log):
        super().__init__(config, name=name, log=log)


class FailsInInit(Good):
    def __init__(self, **kwargs):
        raise KeyError("no such thing")


class FailsAtLength(Good):
    def __init__(self, **kwargs):
        raise RuntimeError("boom\nand more")


class ReturnsNothing(Good):
    def run(self, notes):
        pass


class ReturnsDict(Good):
    def run(self, notes):
        return {"made": notes}


class LacksOutput(Good):
    def run(self, notes):
        return pt.Struct(maed=notes)


class WrongObject(Good):
    def run(self, notes):
        return pt.Struct(made=7)


class ReadsSchema(Connections, dimensions=DETECTOR):
    schema = ct.InitInput("notes_schema", "StructuredDataDict")


class ReadsSchemaConfig(pt.PipelineTaskConfig, pipelineConnections=ReadsSchema):
    pass


class NeedsSchema(Good):
    ConfigClass = ReadsSchemaConfig


class WritesSchema(Connections, dimensions=DETECTOR):
    schema = ct.InitOutput("notes_schema", "StructuredDataDict")


class WritesSchemaConfig(pt.PipelineTaskConfig, pipelineConnections=WritesSchema):
    pass


class ForgetsSchema(Good):
    ConfigClass = WritesSchemaConfig
