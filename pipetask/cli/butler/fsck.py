"""``butler fsck``: compare rows, files and journals, and mend what can be mended."""

import sys

import click

from pipetask.cli.errors import EXIT_SOME_FAILED
from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import format_option, show
from pipetask.counted import counted

LOST_FILES = """\
Files that are missing, or not what was written: bring them back from a copy. Or make them again: remove
their datasets, and the TASK_metadata that say that the quantum is done, and go on with the run.
  butler prune-datasets RUN --purge RUN --datasets TYPE,TASK_metadata --where …
  pipetask run … --extend-run"""


@click.command("fsck", cls=RepositoryCommand, short_help="Check that rows, files and journals agree.")
@repository_argument()
@click.option(
    "--repair",
    is_flag=True,
    help="Store what runs that were cut short did, delete temporary files, move files that no row names to "
    ".lost+found, remove links of chains to nothing. No dataset is ever removed.",
)
@click.option("--deep", is_flag=True, help="Read every file and compare its checksum.")
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Files younger than this are no left-overs yet: somebody may be about to register them.",
)
@format_option()
def command(repo: str | None, repair: bool, deep: bool, grace: float, format_: str) -> None:
    """Check that rows, files and journals agree; this may be done at any time, also while a run goes on.

    The exit code is 1 if faults remain.
    """
    from pipetask.butler import Butler
    from pipetask.execution.fsck import UNMENDABLE, fsck, remaining

    with Butler.from_config(repo, writeable=repair) as butler:
        faults = list(fsck(butler, repair=repair, deep=deep, grace_s=grace))
    left = remaining(faults)
    if faults or format_ != "table":
        rows = [(fault.kind.value, fault.where, fault.detail, fault.repaired) for fault in faults]
        show(["fault", "where", "detail", "repaired"], rows, format_)
    mended = f", {len(faults) - left} mended" if repair else ""
    click.echo(f"{counted(len(faults), 'fault')} found{mended}." if faults else "No faults found.", err=True)
    kinds = {fault.kind for fault in faults if not fault.repaired}
    if kinds - UNMENDABLE and not repair:
        click.echo(f"To mend what can be mended: butler fsck {butler.root} --repair", err=True)
    if kinds & UNMENDABLE:
        click.echo(LOST_FILES, err=True)
    sys.exit(EXIT_SOME_FAILED if left else 0)
