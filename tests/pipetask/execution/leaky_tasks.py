"""A task that changes all it can lay hands on, and tells what it found."""

import pipetask as pt
from pipetask import connectionTypes as ct

DETECTOR = ("instrument", "detector")


class LeakyConnections(pt.PipelineTaskConnections, dimensions=DETECTOR):
    schema = ct.InitInput("double_schema", "StructuredDataDict")
    number = ct.Input("number", "StructuredDataDict", dimensions=DETECTOR)
    everything = ct.Input("doubled", "StructuredDataDict", dimensions=("instrument",))
    seen = ct.Output("seen", "StructuredDataDict", dimensions=DETECTOR)


class LeakyConfig(pt.PipelineTaskConfig, pipelineConnections=LeakyConnections):
    pass


class LeakyTask(pt.PipelineTask):
    ConfigClass = LeakyConfig

    def __init__(self, config=None, *, initInputs=None, **kwargs):
        super().__init__(config, initInputs=initInputs, **kwargs)
        self.visits = getattr(self, "visits", 0) + 1
        self.schema = initInputs["schema"]

    def run(self, number, everything):
        seen = {
            "visits": self.visits,
            "schema": sorted(self.schema),
            "input": sorted(number),
            "shared": sorted(everything),
            "config": self.change_config(),
        }
        self.visits += 1
        for found in (self.schema, number, everything):
            found["changed"] = 1
        return pt.Struct(seen=seen)

    def change_config(self):
        try:
            self.config.connections.seen = "unseen"
        except Exception as error:
            return type(error).__name__
        return "changed"
