"""A pipeline of the tasks that made a run, configured as they were there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipetask.butler.executions import executions_of
from pipetask.errors import MissingCollectionError, PipelineDocumentError
from pipetask.pipeline.document import Temporary
from pipetask.pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from pipetask.butler import Butler, DatasetRef


def is_run(butler: Butler, name: str) -> bool:
    """Tell whether a repository has a run of this name."""
    try:
        return butler.registry.collections.get_info(name).kind == "RUN"
    except MissingCollectionError:
        return False


def pipeline_of_run(butler: Butler, run: str) -> Pipeline:
    """Return the tasks that a run was executed with, and the configurations that it holds.

    Raises
    ------
    PipelineDocumentError
        If its history tells of no execution, or a configuration is gone.
    """
    executed = executions_of(butler, run)
    if not executed.tasks:
        raise PipelineDocumentError(
            f"Run {run!r} can't be used as a pipeline: its history tells of no execution. Name a file"
        )
    tasks = {}
    for label, class_name in executed.tasks.items():
        config = butler.find_dataset(f"{label}_config", collections=run)
        if config is None:
            raise PipelineDocumentError(
                f"Run {run!r} can't be used as a pipeline: its {label}_config is gone. Name a pipeline file"
            )
        tasks[label] = class_name, config
    made = configured_as(butler, tasks).document
    temporary = tuple(Temporary(name, is_optional=True) for name in sorted(executed.temporary))
    return Pipeline(replace(made, temporary=temporary, file=run))


def configured_as(butler: Butler, tasks: Mapping[str, tuple[str, DatasetRef]]) -> Pipeline:
    """Put tasks together, each with a configuration that is stored.

    Parameters
    ----------
    butler : `Butler`
        The repository.
    tasks : mapping
        Name of the class, and the configuration, by label; one at least.
    """
    pipeline: Pipeline | None = None
    for label, (class_name, config) in tasks.items():
        more = pipeline.with_task if pipeline else Pipeline.from_task
        text = butler.get(config).saveToString()
        pipeline = more(class_name, label=label).with_config_python(label, text)
    assert pipeline is not None
    return pipeline
