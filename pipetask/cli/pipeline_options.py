"""Options that say which pipeline to run on which data: shared by `pipetask build`, `qgraph` and `run`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from pipetask.cli.options import Decorator, comma_separated

if TYPE_CHECKING:
    from pipetask.pipeline.pipeline import Pipeline


def _stacked(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Any:  # a function or a command, as click passes them on
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def pipeline_options(*, required: bool) -> Decorator:
    """Add ``-p`` and the options that change a pipeline's configuration."""
    return _stacked(
        click.option(
            "-p",
            "--pipeline",
            required=required,
            metavar="FILE[#LABELS]",
            help="Pipeline file; '#a,b' keeps only these tasks or subsets.",
        ),
        click.option(
            "-c",
            "--config",
            "config_overrides",
            multiple=True,
            metavar="LABEL:FIELD=VALUE",
            help="Set a configuration field of a task; may be repeated.",
        ),
        click.option(
            "-C",
            "--config-file",
            "config_files",
            multiple=True,
            metavar="LABEL:FILE",
            help="Apply a Python file of configuration overrides to a task; may be repeated.",
        ),
        click.option(
            "--select-tasks",
            default="",
            metavar="EXPRESSION",
            help="Keep only these tasks: labels, subsets, what leads to or follows a task or dataset type, "
            "as in '<=calibrate | >calexp', joined by |, &, ~ and parentheses.",
        ),
    )


def data_options() -> Decorator:
    """Add the options that say where inputs come from, where outputs go and what is left out."""
    return _stacked(
        comma_separated(
            "-i", "--input", "inputs", metavar="COLLECTION", help="Where to search inputs, in this order."
        ),
        click.option(
            "-o",
            "--output",
            default="",
            metavar="CHAIN",
            help="Chain to whose front each execution adds a run. [default: u/USER/PIPELINE]",
        ),
        click.option("--output-run", default="", metavar="RUN", help="Name of the run to write to."),
        click.option(
            "--extend-run",
            is_flag=True,
            help="Continue the newest run of the output chain, keeping what is done.",
        ),
        click.option(
            "-d",
            "--data-query",
            "where",
            default="",
            metavar="EXPRESSION",
            help='Process only data that satisfies this, as in "visit IN (1..10) AND detector=3".',
        ),
        click.option(
            "--data-id-table",
            "data_id_tables",
            multiple=True,
            metavar="FILE",
            help="Process only data IDs in this table (CSV, ECSV, Parquet, …), whose columns are dimensions; "
            "may be repeated.",
        ),
        click.option(
            "--dataset-query-constraint",
            default="all",
            show_default=True,
            metavar="all|off|NAMES",
            help="Inputs that must exist for a data ID to be considered: all, none (off), or those of these "
            "names, separated by commas.",
        ),
        click.option(
            "--scope",
            default="query",
            show_default=True,
            type=click.Choice(["query", "complete"]),
            help="What else -d leaves of the inputs of the quanta that it picks: what satisfies all of it "
            "(query; with a warning where it takes inputs away by a condition about something else), or all "
            "that it does not speak against, with the quanta that make these (complete).",
        ),
        comma_separated(
            "--skip-existing-in",
            metavar="COLLECTION",
            help="Leave out quanta whose outputs exist in these collections.",
        ),
        click.option(
            "--skip-existing",
            is_flag=True,
            help="Leave out quanta whose outputs exist in the output run; --extend-run does so by itself.",
        ),
        comma_separated(
            "--retained-dataset-types",
            metavar="PATTERN",
            help="With --skip-existing-in: what the quanta left out have kept, as in '*_metadata,coadd'. One "
            "that made something else that is needed is run again. [default: all]",
        ),
        click.option(
            "--clobber-outputs",
            is_flag=True,
            help="With --extend-run: replace outputs of quanta that didn't finish.",
        ),
        click.option(
            "--replace-run",
            is_flag=True,
            help="Take the newest run out of the output chain, and put the new one in its place.",
        ),
        click.option(
            "--prune-replaced",
            type=click.Choice(["unstore", "purge"]),
            help="With --replace-run: delete the files of the replaced run (unstore), or all of it (purge).",
        ),
        click.option(
            "--rebase",
            is_flag=True,
            help="Put the collections of -i behind the runs of the output chain, whatever stood there.",
        ),
    )


def load_pipeline(
    uri: str | None, overrides: Sequence[str], files: Sequence[str], select_tasks: str = ""
) -> "Pipeline":
    """Read the pipeline that ``-p``, ``-c``, ``-C`` and ``--select-tasks`` describe."""
    from pipetask.pipeline.pipeline import Pipeline

    pipeline = Pipeline.from_file(uri or "")
    for text in files:
        label, path = _pair(text, ":", "-C", "LABEL:FILE")
        pipeline = pipeline.with_config_file(label, path)
    for text in overrides:
        label, assignment = _pair(text, ":", "-c", "LABEL:FIELD=VALUE")
        field, value = _pair(assignment, "=", "-c", "LABEL:FIELD=VALUE")
        pipeline = pipeline.with_config_override(label, field, value, where=f"-c {text}")
    return pipeline.select_tasks(select_tasks) if select_tasks else pipeline


def _pair(text: str, separator: str, option: str, form: str) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not (first and found):
        raise click.UsageError(f"{option} takes {form}, not '{text}'.")
    return first.strip(), second.strip()


def only_one_of(pipeline: str | None, qgraph: str | None, selection: dict[str, Any]) -> None:
    """Refuse neither or both of ``-p`` and ``-g``, and with ``-g`` all that a saved graph has decided."""
    if bool(pipeline) == bool(qgraph):
        raise click.UsageError("Say what to do: either a pipeline (-p) or a saved quantum graph (-g).")
    given = [name for name, value in selection.items() if value and value != _DEFAULTS.get(name)]
    if qgraph and given:
        names = ", ".join(f"--{_SPELLING.get(name, name).replace('_', '-')}" for name in given)
        raise click.UsageError(f"{names}: not with -g, since a saved graph knows its data and collections.")


_DEFAULTS = {"dataset_query_constraint": "all", "scope": "query"}

_SPELLING = {
    "inputs": "input",
    "where": "data_query",
    "config_overrides": "config",
    "config_files": "config_file",
    "data_id_tables": "data_id_table",
}
