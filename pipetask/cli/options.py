"""Options and arguments that several commands share, and how a command line names its repository."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipetask.cli.main import Command

MOST_PROCESSES = 1024
"""More are a slip of the finger: they would take all memory before they did anything."""

T = TypeVar("T")

Decorator = Callable[[Any], Any]  # click's decorators take functions and commands alike


def stacked(*decorators: Decorator) -> Decorator:
    """Make one decorator of several, which are applied from the last to the first."""

    def apply(function: Callable[..., Any]) -> Any:  # a function or a command, as click passes them on
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


class FileToWrite(click.ParamType[str]):
    """A file that is written at the end: where none can be made is told before anything is done."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is a folder, or in none that exists and may be written to."""
        path = Path(value)
        if path.is_dir():
            self.fail(f"'{value}' is a folder. Name a file.", param, ctx)
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            self.fail(f"'{value}' is in no folder that exists and may be written to.", param, ctx)
        return str(value)


class RepositoryCommand(Command):
    """A command whose first positional argument may be the repository.

    It is one only if it is a URI or a path that holds ``butler.yaml``; otherwise it belongs to the
    command itself and the repository is discovered.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put an empty repository in front where the command line names none."""
        positional = self._positional(ctx, args)
        from pipetask.butler import is_repository

        if positional and ("://" in positional[0] or is_repository(positional[0])):
            return super().parse_args(ctx, args)
        try:
            rest = super().parse_args(ctx, ["", *args])
        except click.UsageError as error:
            # Too few arguments, or a wrong one, may be due to a repository that is none.
            is_of_option = isinstance(getattr(error, "param", None), click.Option)
            if positional and not is_of_option and not isinstance(error, click.NoSuchOption):
                _check_discovery(positional[0])
            raise
        if positional:
            _check_discovery(positional[0])
        return rest

    def _positional(self, ctx: click.Context, args: list[str]) -> list[str]:
        options_only = click.Command(
            self.name, params=[p for p in self.params if isinstance(p, click.Option)]
        )
        if {"-h", "--help"} & set(args):
            return []
        options_only.allow_extra_args = True
        options_only.ignore_unknown_options = True
        _, rest, _ = options_only.make_parser(ctx).parse_args(args=list(args))
        return rest


def _check_discovery(path: str) -> None:
    """Name a path that may have been meant as the repository, if there is no other one."""
    from pipetask.butler import find_repository
    from pipetask.cli.errors import fail
    from pipetask.errors import RepositoryNotFoundError

    try:
        find_repository()
    except RepositoryNotFoundError as error:
        fail(RepositoryNotFoundError(f"{error} {path!r} is no repository either."), verbose=False)


def repository_argument() -> Decorator:
    """Add the optional first argument ``REPO``; use with `RepositoryCommand`."""
    return click.argument("repo", required=False, callback=lambda _ctx, _param, value: value or None)


def repository_option() -> Decorator:
    """Add ``-b/--butler-config``, the repository of a `pipetask` command."""
    return click.option(
        "-b",
        "--butler-config",
        "repo",
        metavar="REPO",
        help="Repository folder or URI. [default: $BUTLER_REPO, else the nearest butler.yaml upward]",
    )


def _split(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    parts = tuple(part.strip() for value in values for part in value.split(",") if part.strip())
    if values and not parts:
        raise click.BadParameter(f"{','.join(values)!r} names nothing; leave the option out for its default.")
    return parts


def comma_separated(*names: str, **attributes: Any) -> Decorator:  # click's own keywords
    """Add an option that may be repeated and takes comma-separated values."""
    return click.option(*names, multiple=True, callback=_split, **attributes)


def collections_option(
    help_text: str = "Collections to search, in this order, separated by commas.",
) -> Decorator:
    """Add ``--collections``."""
    return comma_separated("--collections", metavar="COLLECTION", help=help_text)


def where_option() -> Decorator:
    """Add ``--where``, a condition of the query language."""
    return click.option(
        "--where", default="", metavar="EXPRESSION", help="Condition, as in \"visit=142 AND band='J'\"."
    )


def limit_option(default: int = 0, what: str = "Show") -> Decorator:
    """Add ``--limit``; 0 means all. That there are more is always said, see `bounded`."""
    return click.option(
        "--limit",
        default=default,
        type=int,
        callback=lambda _ctx, _param, value: abs(value),  # the reference's way to ask to be told of more
        show_default=True,
        metavar="N",
        help=f"{what} at most N, and say if there are more; 0 for all.",
    )


def bounded(found: Sequence[T], limit: int, what: str, done: str = "shown") -> Sequence[T]:
    """Return what ``--limit`` lets through of up to one more than that; if there are more, say so.

    Parameters
    ----------
    found : sequence
        Results of a query for ``limit + 1`` of them.
    limit : `int`
        How many at most; 0 for all.
    what : `str`
        What they are, in the plural.
    done : `str`, optional
        What is done with them.
    """
    if not limit or len(found) <= limit:
        return found
    click.echo(f"There are more {what} than the {limit:,} {done}; use --limit 0 for all.", err=True)
    return found[:limit]


def offset_option() -> Decorator:
    """Add ``--offset``, for pages of what ``--limit`` bounds; see `page`."""
    return click.option(
        "--offset",
        default=0,
        type=click.IntRange(0),
        metavar="N",
        help="Skip the first N; only with --limit.",
    )


def page(found: Any, limit: int, offset: int, what: str) -> Sequence[Any]:
    """Return the results of a query that ``--limit`` and ``--offset`` ask for; see `bounded`."""
    if offset and not limit:
        raise click.UsageError("--offset needs --limit: without it the order of the rows is any.")
    return bounded(list(found.limit(limit + offset + 1 if limit else None))[offset:], limit, what)


def order_by_option() -> Decorator:
    """Add ``--order-by``."""
    return comma_separated(
        "--order-by", metavar="COLUMN", help="Columns to sort by; '-COLUMN' sorts downwards."
    )


LINKS_AND_COPIES = ("auto", "copy", "hardlink", "link", "symlink", "relsymlink")
"""Ways in which a file gets somewhere and stays where it was."""

WAYS_IN = (*LINKS_AND_COPIES, "move", "direct")
"""Ways in which a file gets into a repository."""

WAYS_IN_OF_CAMERA_FILES = ("direct", "copy", "symlink", "hardlink", "move")
"""Ways in which a file of a camera gets into a repository: large, and in many at once, it may stay."""


def transfer_option(
    *modes: str, help_text: str = "How files get in; 'auto' makes a hard link where possible, else a copy."
) -> Decorator:
    """Add ``-t/--transfer``, one of some modes; the first of them is the default."""
    return click.option(
        *("-t", "--transfer"),
        type=click.Choice(modes),
        default=modes[0],
        show_default=True,
        help=help_text,
    )


def processes_option() -> Decorator:
    """Add ``-j/--processes``."""
    return click.option(
        "-j",
        "--processes",
        default=1,
        show_default=True,
        type=click.IntRange(1, MOST_PROCESSES),
        help="Processes to use.",
    )
