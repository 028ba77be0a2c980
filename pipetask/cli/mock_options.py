"""Options that replace all tasks of a pipeline by mocks: shared by `pipetask qgraph` and `run`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pipetask.cli.options import Decorator, comma_separated, stacked

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.graph.prepare import DataSelection
    from pipetask.pipeline.pipeline import Pipeline
    from pipetask.pipeline.pipeline_graph import PipelineGraph


def mock_options() -> Decorator:
    """Add ``--mock`` and the options that go with it."""
    return stacked(
        click.option(
            "--mock",
            is_flag=True,
            help="Replace each task by a mock, which checks its inputs and writes placeholders: datasets "
            "whose types begin with '_mock_'.",
        ),
        click.option(
            "--mock-failure",
            "mock_failures",
            multiple=True,
            metavar="LABEL:EXCEPTION:WHERE",
            help="With --mock: let a task fail with an exception (ValueError if empty) where the data ID "
            'satisfies a condition, as in "isr::detector = 3"; may be repeated.',
        ),
        comma_separated(
            "--unmocked-dataset-types",
            metavar="TYPE",
            help="With --mock: read the real datasets of these types, though the inputs hold mocks of them.",
        ),
    )


class MockOptions(NamedTuple):
    """What the options of `mock_options` say."""

    mock: bool
    mock_failures: tuple[str, ...]
    unmocked_dataset_types: tuple[str, ...]

    @staticmethod
    def among(options: dict[str, Any]) -> "MockOptions":
        """Take them out of the options of a command."""
        return MockOptions(*(options.pop(name) for name in MockOptions._fields))


def with_mocks(
    butler: "Butler", pipeline: "Pipeline", selection: "DataSelection", options: MockOptions
) -> "tuple[Pipeline, DataSelection]":
    """Return the pipeline, or its mock where that is asked for, and the selection for it.

    An overall input is read from mocks if the input collections hold some. Dataset types that the selection
    names stand for their mocks, too: adding ``--mock`` to a command changes nothing else.
    """
    mock, mock_failures, unmocked = options
    if not mock:
        given = {"--mock-failure": mock_failures, "--unmocked-dataset-types": unmocked}
        if names := [name for name, value in given.items() if value]:
            raise click.UsageError(f"{', '.join(names)}: only with --mock.")
        return pipeline, selection
    from pipetask.graph.prepare import choose_collections
    from pipetask.mocks.pipeline import Failure, mock_pipeline

    registered = {each.name: each for each in butler.registry.query_dataset_types()}
    graph = pipeline.to_graph(
        butler.dimensions,
        registered,
        storage_classes=butler.datastore.storage_classes,
        composites=pipeline.composites_in(butler),
    )
    if graph.composites:
        raise click.UsageError(
            f"--mock: the pipeline reads or makes {', '.join(graph.composites)}, which are assembled from "
            "parts, and mocks hold no data to assemble. Leave out --mock, or the tasks that use composites."
        )
    failures = [Failure.parse(text) for text in mock_failures]
    mocked = mock_pipeline(pipeline, graph=graph, failures=failures)
    inputs = choose_collections(butler, mocked, selection).inputs
    there = _mocks_in(butler, inputs, graph, unmocked)
    if there:
        mocked = mock_pipeline(pipeline, graph=graph, mocked_inputs=there, failures=failures)
    return mocked, _of_mocks(selection, there)


def _of_mocks(selection: "DataSelection", mocked_inputs: Sequence[str]) -> "DataSelection":
    """Return a selection that speaks of the mocks of dataset types where the mock pipeline does."""
    from dataclasses import replace

    from pipetask.mocks.names import PREFIX, mock_name

    names = [name.strip() for name in selection.dataset_query_constraint.split(",")]
    constraint = ",".join(mock_name(name) if name in mocked_inputs else name for name in names)
    retained = [
        pattern if pattern.startswith(("*", PREFIX)) else PREFIX + pattern
        for pattern in selection.retained_dataset_types
    ]
    return replace(selection, dataset_query_constraint=constraint, retained_dataset_types=retained)


def _mocks_in(
    butler: "Butler", collections: Sequence[str], graph: "PipelineGraph", unmocked: tuple[str, ...]
) -> list[str]:
    """List the overall inputs of which the collections hold mocks, but for those that are to stay real."""
    from pipetask.butler import suggest
    from pipetask.mocks.names import mock_name

    read = graph.overall_inputs()
    for name in unmocked:
        if name not in read:
            raise click.UsageError(
                f"--unmocked-dataset-types: {name!r} is no overall input of the pipeline"
                f"{suggest(name, read) or '.'}"
            )
    held = {each.name for each in butler.collections.dataset_types(collections)}
    return [name for name in read if name not in unmocked and mock_name(name) in held]
