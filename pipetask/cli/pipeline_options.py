"""Options that say which pipeline to run on which data: shared by `pipetask build`, `qgraph` and `run`."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pipetask.cli.main import Command
from pipetask.cli.options import Decorator, comma_separated, stacked

if TYPE_CHECKING:
    from pipetask.butler import Butler
    from pipetask.pipeline.pipeline import Pipeline


class Change(NamedTuple):
    """One change to a pipeline, as the command line asks for it: ``-c`` and ``aperture:apRad=8``."""

    kind: str  # name of the option's parameter: one of CHANGES
    text: str


CHANGES = {
    "add_task": "-t",
    "delete_task": "--delete",
    "set_instrument": "--instrument",
    "config": "-c",
    "config_file": "-C",
}
"""Parameters of the options that change a pipeline, and how the options are spelled."""


class PipelineCommand(Command):
    """A command that gets the changes to its pipeline in the order of the command line, as ``changes``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, and note the order of the options that change the pipeline."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        rest = super().parse_args(ctx, args)
        given = defaultdict(list, {name: list(ctx.params.pop(name) or ()) for name in CHANGES})
        ordered = [Change(p.name, given[p.name].pop(0)) for p in order if p.name and given.get(p.name)]
        # What is left comes from an options file, which knows no order between options.
        ordered += [Change(name, text) for name, texts in given.items() for text in texts]
        ctx.params["changes"] = ordered
        return rest


def pipeline_options() -> Decorator:
    """Add ``-p`` and the options that change a pipeline; use with `PipelineCommand`."""
    return stacked(
        click.option(
            "-p",
            "--pipeline",
            metavar="FILE[#LABELS]",
            help="Pipeline file, or a run, whose tasks are meant as they were configured there; '#a,b' keeps "
            "only these tasks or subsets, '#a..b' all from a to b.",
        ),
        click.option(
            "-t",
            "--task",
            "add_task",
            multiple=True,
            metavar="CLASS[:LABEL]",
            help="Add a task by the dotted name of its class; its label is the class's default name.",
        ),
        click.option(
            "--delete", "delete_task", multiple=True, metavar="LABEL", help="Take out a task again."
        ),
        click.option(
            "--instrument",
            "set_instrument",
            multiple=True,
            metavar="INSTRUMENT",
            help="Instrument whose data are processed, and whose configurations the tasks begin with: the "
            "dotted name of a class, a camera's YAML file, or a name that the repository knows.",
        ),
        click.option(
            "-c",
            "--config",
            multiple=True,
            metavar="LABEL:FIELD=VALUE",
            help="Set a configuration field of a task.",
        ),
        click.option(
            "-C",
            "--config-file",
            multiple=True,
            metavar="LABEL:FILE",
            help="Apply a Python file of configuration overrides to a task. -t, --delete, --instrument, -c "
            "and -C may be repeated; they are applied in the order given.",
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
    return stacked(
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
        comma_separated(
            "--reuse",
            metavar="COLLECTION",
            help="Take the outputs of quanta in these collections that had the same code, configuration and "
            "inputs, instead of running them again.",
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
    uri: str | None, changes: Sequence[Change], select_tasks: str = "", *, butler: "Butler | None" = None
) -> "Pipeline":
    """Read the pipeline that ``-p``, the options that change it and ``--select-tasks`` describe.

    With a repository, its instrument gives the defaults of the configurations.

    Raises
    ------
    InstrumentError
        If ``--instrument`` names what is not there; without a repository, that is any plain name.
    """
    pipeline = _named(uri, butler) if uri else None
    for change in changes:
        pipeline = _changed(pipeline, change)
    if pipeline is None:
        raise click.UsageError("Say what to do: a pipeline (-p) or a task (-t).")
    if butler is not None:
        pipeline = pipeline.in_repository(butler)
    else:
        _check_instrument(pipeline, changes)
    return pipeline.select_tasks(select_tasks) if select_tasks else pipeline


def _named(uri: str, butler: "Butler | None") -> "Pipeline":
    """Read a pipeline file or, where there is none, take the tasks of a run as they were configured there."""
    from pipetask.pipeline.document import expanded
    from pipetask.pipeline.of_run import is_run, pipeline_of_run
    from pipetask.pipeline.pipeline import Pipeline
    from pipetask.pipeline.selection import split_uri

    name, labels = split_uri(uri)
    if butler is not None and not Path(expanded(name)).is_file() and is_run(butler, name):
        return pipeline_of_run(butler, name).part(labels)
    return Pipeline.from_file(uri)


def _check_instrument(pipeline: "Pipeline", changes: Sequence[Change]) -> None:
    """Without a repository, refuse an ``--instrument`` that only one knows; of one in the file, warn."""
    from pipetask.errors import InstrumentError
    from pipetask.pipeline.instrument_defaults import is_known_without_repository

    name = pipeline.document.instrument
    if not name or is_known_without_repository(name):
        return
    if Change("set_instrument", name) in changes:
        raise InstrumentError(
            f"--instrument {name}: a plain name is that of an instrument in a repository, and none is given.",
            hint="Name one (-b REPO), or the instrument by the dotted name of its class or its YAML file",
        )
    click.echo(
        f"Configurations of instrument {name!r} are left out: only a repository knows them (-b REPO).",
        err=True,
    )


def _changed(pipeline: "Pipeline | None", change: Change) -> "Pipeline":
    from pipetask.pipeline.pipeline import Pipeline

    kind, text = change
    if kind == "add_task":
        class_name, _, label = text.partition(":")
        if pipeline is None:
            return Pipeline.from_task(class_name, label=label)
        return pipeline.with_task(class_name, label=label)
    if pipeline is None:
        raise click.UsageError(f"{CHANGES[kind]} {text}: there is no pipeline yet to change; give -p or -t.")
    if kind == "delete_task":
        return pipeline.without_task(text)
    if kind == "set_instrument":
        return pipeline.with_instrument(text)
    if kind == "config_file":
        label, path = _pair(text, ":", "-C", "LABEL:FILE")
        return pipeline.with_config_file(label, path)
    label, assignment = _pair(text, ":", "-c", "LABEL:FIELD=VALUE")
    field, value = _pair(assignment, "=", "-c", "LABEL:FIELD=VALUE")
    return pipeline.with_config_override(label, field, value, where=f"-c {text}")


def _pair(text: str, separator: str, option: str, form: str) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not (first and found):
        raise click.UsageError(f"{option} takes {form}, not '{text}'.")
    return first.strip(), second.strip()


def only_one_of(
    pipeline: str | None, qgraph: str | None, changes: Sequence[Change], selection: dict[str, Any]
) -> None:
    """Refuse neither or both of a pipeline and ``-g``, and with ``-g`` all that a saved graph has decided."""
    has_pipeline = bool(pipeline) or any(change.kind == "add_task" for change in changes)
    if has_pipeline == bool(qgraph):
        raise click.UsageError(
            "Say what to do: either a pipeline (-p, or -t for a task) or a saved quantum graph (-g)."
        )
    decided = [name for name, value in selection.items() if value and value != _DEFAULTS.get(name)]
    given = [f"--{_SPELLING.get(name, name).replace('_', '-')}" for name in decided]
    given += dict.fromkeys(CHANGES[change.kind] for change in changes)
    if qgraph and given:
        names = ", ".join(given)
        raise click.UsageError(f"{names}: not with -g, since a saved graph knows its data and collections.")


_DEFAULTS = {"dataset_query_constraint": "all", "scope": "query"}

_SPELLING = {
    "inputs": "input",
    "where": "data_query",
    "data_id_tables": "data_id_table",
    "mock_failures": "mock_failure",
}


def data_id_of(text: str) -> dict[str, str]:
    """Read a data ID as in ``visit=12, detector=3``."""
    found = {}
    for part in filter(None, re.split(r"[,\s]+", re.sub(r"\s*=\s*", "=", text))):
        name, is_given, value = part.partition("=")
        if not (name and is_given and value):
            raise click.UsageError(f"A data ID is written 'visit=12, detector=3', not '{text}'.")
        found[name] = value.strip("'\"")
    return found
