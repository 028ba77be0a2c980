"""``butler define-visits``: group exposures into visits and place them on the sky."""

import click

from pipetask.cli.options import RepositoryCommand, processes_option, repository_argument, where_option
from pipetask.counted import counted


@click.command("define-visits", cls=RepositoryCommand, short_help="Group exposures into visits.")
@repository_argument()
@click.argument("instrument")
@where_option()
@processes_option()
def command(repo: str | None, instrument: str, where: str, processes: int) -> None:
    """Define a visit for each science exposure of an INSTRUMENT, with its regions on the sky."""
    from pipetask.butler import Butler
    from pipetask.observation.define_visits import define_visits

    with Butler.from_config(repo, writeable=True) as butler:
        report = define_visits(butler, instrument, where=where, processes=processes)
    for image in report.unplaced:
        click.echo(f"No usable WCS, so no region: {image}", err=True)
    click.echo(
        f"Defined {counted(report.defined, 'visit')}"
        + (f", updated {report.updated}." if report.updated else ".")
    )
