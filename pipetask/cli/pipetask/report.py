"""``pipetask report``: say how a run went."""

import json
import sys
from pathlib import Path

import click

from pipetask.cli.main import Command
from pipetask.cli.options import repository_option
from pipetask.cli.show import format_option, show


@click.command("report", cls=Command, short_help="Say how a run went.")
@repository_option()
@click.argument("run", metavar="RUN|GRAPH")
@click.option("--html", metavar="FILE", help="Write a page: what ran when and where, errors, logs, results.")
@format_option()
def command(repo: str | None, run: str, html: str | None, format_: str) -> None:
    """Count the quanta of a run by task and outcome, with the errors.

    A chain means its newest run. Given a saved graph, those of its quanta that nothing is known of count too,
    as not attempted. The exit code is 1 if anything is left to do.
    """
    from pipetask.butler import Butler
    from pipetask.execution.report import Status
    from pipetask.graph.quantum_graph import QuantumGraph
    from pipetask.reports.rerun import graph_command
    from pipetask.reports.run import newest_run, report_of
    from pipetask.reports.run_page import run_page
    from pipetask.reports.run_rows import latest_rows
    from pipetask.reports.text import report_text

    with Butler.from_config(repo) as butler:
        graph = QuantumGraph.load(Path(run)) if Path(run).is_file() else None
        name = graph.header.output_run if graph else newest_run(butler, run)
        rows = latest_rows(butler, name, graph)
        report = report_of(butler, name, rows)
        if html:
            Path(html).write_text(run_page(butler, report, rows), encoding="utf-8")
    if format_ == "table":
        is_new = graph and report.total() == report.total(Status.NOT_ATTEMPTED)
        click.echo(report_text(report, next_steps=[graph_command(report, run)] if is_new else []))
    elif format_ == "json":
        click.echo(json.dumps(report.document(), indent=1))
    else:
        tasks = report.rows()
        show(list(tasks[0]), [list(row.values()) for row in tasks], format_)
    sys.exit(report.exit_code)
