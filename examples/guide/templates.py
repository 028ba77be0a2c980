"""Dataset type names that change together, by a template."""

from guide import optional_input
from pipetask import connectionTypes


class ApertureTaskConnections(
    optional_input.ApertureTaskConnections,
    dimensions=("visit", "detector", "band"),
    defaultTemplates={"outputName": "customAperture"},
):
    outputSchema = connectionTypes.InitOutput(
        doc="Columns of the output catalog.", name="{outputName}_schema", storageClass="SourceCatalog"
    )
    outputCatalog = connectionTypes.Output(
        doc="The input catalog with aperture fluxes.",
        name="{outputName}",
        storageClass="SourceCatalog",
        dimensions=("visit", "detector", "band"),
    )


class ApertureTaskConfig(optional_input.ApertureTaskConfig, pipelineConnections=ApertureTaskConnections):
    """The same fields; `connections` has one more, `outputName`."""


class ApertureTask(optional_input.ApertureTask):
    """The same work; only names changed."""

    ConfigClass = ApertureTaskConfig
