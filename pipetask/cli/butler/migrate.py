"""``butler migrate``: move the registry between versions of its tables."""

import click

from pipetask.cli.options import RepositoryCommand, repository_argument
from pipetask.cli.show import format_option, show


@click.command("migrate", cls=RepositoryCommand, short_help="Bring the registry's tables up to date.")
@repository_argument()
@click.argument("action", type=click.Choice(["show", "upgrade", "downgrade"]))
@click.option(
    "--revision",
    metavar="NUMBER",
    help="Version to go to. [default: the newest one; for downgrade the one before]",
)
@click.option("--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
@format_option()
def command(repo: str | None, action: str, revision: str | None, dry_run: bool, format_: str) -> None:
    """Show the versions of the registry's tables, or bring them to another one.

    An SQLite file is copied before its tables change; of a PostgreSQL database make a dump yourself.
    """
    from pipetask.butler import migrations

    if action == "show":
        if revision or dry_run:
            raise click.UsageError("show takes neither --revision nor --dry-run.")
        said = {True: "yes", False: "no"} if format_ == "table" else {}
        rows = [(r.number, said.get(r.is_applied, r.is_applied), r.doc) for r in migrations.revisions(repo)]
        show(["revision", "applied", "what"], rows, format_)
        return
    if format_ != "table":
        raise click.UsageError("--format is for show.")
    run = migrations.upgrade if action == "upgrade" else migrations.downgrade
    done = run(repo, revision, dry_run=dry_run)
    if done.before == done.after:
        click.echo(f"The tables are of version {done.after} already.")
    elif dry_run:
        click.echo(done.sql, nl=False)
    else:
        if done.copy:
            click.echo(f"Copied the database to {done.copy}.")
        click.echo(f"Brought the tables from version {done.before} to {done.after}.")
