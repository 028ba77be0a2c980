"""The one boundary where exceptions become a line on standard error and an exit code."""

import errno
import sys
import traceback
from typing import NoReturn

import click

EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

# What can be done about refusals of the operating system.
_REMEDIES = {
    errno.EACCES: "Ask its owner for permission, or name another place.",
    errno.EROFS: "Name a place that can be written.",
    errno.ENOSPC: "Make room, then run the command again.",
    errno.EDQUOT: "Make room, then run the command again.",
    errno.EMFILE: "Allow more open files (ulimit -n 1024), then run the command again.",
}


def fail(error: BaseException, *, verbose: bool) -> NoReturn:
    """Say in one line what went wrong, and leave with the exit code that belongs to it.

    Errors of our packages carry ``exit_code`` and ``hint``; they are told by these attributes, so that
    nothing has to be imported to recognise them. Whatever else arrives here is our bug: it keeps its
    traceback.
    """
    if isinstance(error, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    code = getattr(error, "exit_code", None)
    if not isinstance(code, int) and not isinstance(error, OSError):
        traceback.print_exception(error)
        click.echo("This is a bug in pipetask; please report it with the lines above.", err=True)
        sys.exit(EXIT_BUG)
    if verbose:
        traceback.print_exception(error)
    click.echo(f"Error: {_one_line(error)}", err=True)
    sys.exit(code if isinstance(code, int) else EXIT_USAGE)


def _one_line(error: BaseException) -> str:
    message = str(error) or type(error).__name__
    hint = getattr(error, "hint", "")
    if isinstance(error, OSError) and error.strerror:
        message = (
            f"{error.strerror}." if error.filename is None else f"{str(error.filename)!r}: {error.strerror}."
        )
        hint = hint or _REMEDIES.get(error.errno or 0, "")
    if hint and hint not in message:
        message = f"{message} {hint}" if message.endswith((".", "?", "!")) else f"{message}. {hint}"
    return message


def nothing_found(message: str) -> NoReturn:
    """Say that a question has an empty answer, and leave with the exit code for that."""
    click.echo(message, err=True)
    sys.exit(EXIT_NOTHING)
