"""``pipetask report``: say how a run went."""

import sys

import click

from pipetask.cli.main import Command
from pipetask.cli.options import repository_option
from pipetask.cli.show import format_option, show


@click.command("report", cls=Command, short_help="Say how a run went.")
@repository_option()
@click.argument("collection")
@format_option()
def command(repo: str | None, collection: str, format_: str) -> None:
    """Count the quanta of a run by task and outcome, with the errors; a chain means its newest run."""
    from pipetask.butler import Butler
    from pipetask.reports.run import run_report
    from pipetask.reports.text import report_text

    with Butler.from_config(repo) as butler:
        report = run_report(butler, collection)
    if format_ == "table":
        click.echo(report_text(report))
    else:
        rows = report.rows()
        show(list(rows[0]), [list(row.values()) for row in rows], format_)
    sys.exit(report.exit_code)
