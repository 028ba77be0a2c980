"""Asking before something is lost."""

from collections.abc import Callable
from typing import Any

import click

from pipetask.cli.errors import EXIT_USAGE


def confirm_option() -> Callable[[Any], Any]:  # click's decorators take functions and commands alike
    """Add ``--confirm/--no-confirm``."""
    return click.option(
        "--confirm/--no-confirm",
        default=True,
        show_default=True,
        help="Show what will happen, and ask first.",
    )


def ask(question: str) -> None:
    """Ask on the terminal; leave with a sentence: exit code 1 after a no, 2 if nobody is there to answer."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo("\nError: Nobody answered: add --no-confirm to go on without being asked.", err=True)
        raise click.exceptions.Exit(EXIT_USAGE) from None
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)
