"""Options and arguments that several commands share, and how a command line names its repository."""

from collections.abc import Callable
from typing import Any

import click

from pipetask.cli.main import Command

MOST_PROCESSES = 1024
"""More are a slip of the finger: they would take all memory before they did anything."""

Decorator = Callable[[Any], Any]  # click's decorators take functions and commands alike


def stacked(*decorators: Decorator) -> Decorator:
    """Make one decorator of several, which are applied from the last to the first."""

    def apply(function: Callable[..., Any]) -> Any:  # a function or a command, as click passes them on
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


class RepositoryCommand(Command):
    """A command whose first positional argument may be the repository.

    It is one only if it is a URI or a path that holds ``butler.yaml``; otherwise it belongs to the
    command itself and the repository is discovered.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put an empty repository in front where the command line names none."""
        positional = self._positional(ctx, args)
        from pipetask.butler import is_repository

        if not (positional and ("://" in positional[0] or is_repository(positional[0]))):
            if positional:
                _check_discovery(positional[0])
            args = ["", *args]
        return super().parse_args(ctx, args)

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


def limit_option(default: int = 0) -> Decorator:
    """Add ``--limit``; 0 means all."""
    return click.option(
        "--limit",
        default=default,
        type=click.IntRange(0),
        show_default=True,
        metavar="N",
        help="Show at most N; 0 shows all.",
    )


def offset_option() -> Decorator:
    """Add ``--offset``, for pages of what ``--limit`` bounds; see `page`."""
    return click.option(
        "--offset",
        default=0,
        type=click.IntRange(0),
        metavar="N",
        help="Skip the first N; only with --limit.",
    )


def page(found: Any, limit: int, offset: int) -> list[Any]:
    """Return the results of a query that ``--limit`` and ``--offset`` ask for."""
    if offset and not limit:
        raise click.UsageError("--offset needs --limit: without it the order of the rows is any.")
    return list(found.limit(limit + offset if limit else None))[offset:]


def order_by_option() -> Decorator:
    """Add ``--order-by``."""
    return comma_separated(
        "--order-by", metavar="COLUMN", help="Columns to sort by; '-COLUMN' sorts downwards."
    )


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
