"""Options of `pipetask` and `butler` that stand before the command: what is logged, where, and how."""

import sys
from typing import Any

import click

LEVELS = {"CRITICAL": 50, "ERROR": 40, "WARNING": 30, "INFO": 20, "VERBOSE": 15, "DEBUG": 10, "TRACE": 5}
_META = "pipetask.log_options"
ROOT = ""


class LevelOf(click.ParamType[tuple[str, int]]):
    """``LEVEL`` or ``LOGGER=LEVEL``: a logger's name, empty for all, and the number of the level."""

    name = "level"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read it."""
        logger, _, level = value.rpartition("=")
        if level.strip().upper() not in LEVELS:
            self.fail(f"'{value}' has no level of {', '.join(LEVELS)}, as isr=DEBUG has.", param, ctx)
        return logger.strip().strip("."), LEVELS[level.strip().upper()]


class Label(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``."""

    name = "label"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Read it."""
        name, found, text = value.partition("=")
        if not (name and found):
            self.fail(f"'{value}' is no NAME=VALUE.", param, ctx)
        return name, text


def log_options() -> list[click.Parameter]:
    """Return the options, which leave what they were given to `begin_logging`."""
    kept: dict[str, Any] = {"expose_value": False, "callback": _keep, "is_eager": True}
    return [
        click.Option(
            ["--log-level"],
            type=LevelOf(),
            multiple=True,
            metavar="[LOGGER=]LEVEL",
            help=f"Show messages of this level and above ({', '.join(LEVELS)}), of all or of one logger and "
            "those below it; a task's logger has its label as name. May be repeated. [default: WARNING]",
            **kept,
        ),
        click.Option(
            ["--long-log"], is_flag=True, help="Show time, quantum and place with each message.", **kept
        ),
        click.Option(
            ["--log-file"],
            multiple=True,
            metavar="FILE",
            help="Append messages to this file, those of workers too; as JSON, one object a line, if its "
            "name ends in .json. May be repeated.",
            **kept,
        ),
        click.Option(
            ["--log-tty/--no-log-tty"],
            default=True,
            show_default=True,
            help="Whether to show messages on standard error.",
            **kept,
        ),
        click.Option(
            ["--log-label"],
            type=Label(),
            multiple=True,
            metavar="NAME=VALUE",
            help="Add this to messages in JSON and with --long-log. May be repeated.",
            **kept,
        ),
    ]


def refuse_after_command(error: click.NoSuchOption) -> None:
    """Say where an option belongs that a command doesn't have, if it is one of these.

    Raises
    ------
    click.UsageError
        If it is.
    """
    ctx, name = error.ctx, error.option_name
    if ctx is not None and any(name in (*param.opts, *param.secondary_opts) for param in log_options()):
        words = f"{ctx.find_root().info_name} {name} … {ctx.info_name} …"
        raise click.UsageError(f"{name} stands before the command: {words}", ctx) from None


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    ctx.meta.setdefault(_META, {})[param.name] = value


def begin_logging(ctx: click.Context, *, verbose: bool) -> None:
    """Set `logging` up as the options say; ``verbose`` lowers what is shown to INFO, if no level is given.

    Raises
    ------
    click.UsageError
        If a file can't be written.
    """
    import logging

    from pipetask.execution.user_log import logger_of
    from pipetask.log_lines import SHORT, JsonLines, LongLines

    given: dict[str, Any] = ctx.meta.get(_META, {})
    levels, labels = dict(given.get("log_level", ())), dict(given.get("log_label", ()))
    lines = LongLines(labels) if given.get("long_log") else logging.Formatter(SHORT)
    handlers: list[logging.Handler] = [logging.NullHandler()]  # without any, `logging` chooses stderr
    if given.get("log_tty", True):
        handlers.append(logging.StreamHandler(sys.stderr))
    for file in given.get("log_file", ()):
        try:
            handlers.append(logging.FileHandler(file, encoding="utf-8"))
        except OSError as error:
            raise click.UsageError(f"--log-file {file}: {error.strerror}.") from error
        handlers[-1].setFormatter(JsonLines(labels) if file.endswith(".json") else lines)
    for handler in handlers:
        if handler.formatter is None:
            handler.setFormatter(lines)
    everything = levels.pop(ROOT, logging.INFO if verbose else logging.WARNING)
    logging.basicConfig(level=everything, handlers=handlers)
    # Of a broken line to a store it prints a traceback for each attempt; the error that matters is raised.
    levels.setdefault("asyncio", logging.CRITICAL)
    for name, level in levels.items():
        logger_of(name).setLevel(level)
