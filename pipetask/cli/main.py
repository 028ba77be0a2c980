"""Entry points `pipetask` and `butler`: groups that find their commands by file name and load them on use."""

import atexit
import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from pipetask.cli.errors import fail
from pipetask.cli.log_options import begin_logging, log_options, refuse_after_command
from pipetask.cli.options_file import options_file_option


class CommandFolder(click.Group):
    """A click group whose commands are the modules of a package, plus those of plugins.

    Parameters
    ----------
    package : `str`
        Import path of the package; each module in it defines ``command``, named after the module.
    plugins : `str`
        Entry-point group in which other distributions register commands of theirs.
    **attributes
        As for `click.Group`.
    """

    def __init__(self, *, package: str, plugins: str, **attributes: Any) -> None:  # click's own keywords
        super().__init__(params=log_options(), **attributes)
        self.package = package
        self.plugins = plugins

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the built-in commands and of the plugins', sorted."""
        return sorted({*self._built_in(), *self._plugged_in()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command by name; `None` if there is no such command."""
        if module_name := self._built_in().get(cmd_name):
            module = import_module(f"{self.package}.{module_name}")
            return module.command
        plugin = self._plugged_in().get(cmd_name)
        return plugin.load() if plugin else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that a command line names, suggesting the nearest one if there is none."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            suggestion = f"; did you mean '{near[0]}'?" if near else "."
            ctx.fail(f"No command '{args[0]}'{suggestion} To list them: {ctx.command_path} --help")
        return super().resolve_command(ctx, args)

    def _built_in(self) -> dict[str, str]:
        """Return the modules of the package by command; one named like a keyword ends in an underscore."""
        folder = Path(__file__).parent / self.package.rpartition(".")[2]
        modules = [path.stem for path in folder.glob("[!_]*.py")]
        return {module.rstrip("_").replace("_", "-"): module for module in modules}

    def _plugged_in(self) -> dict[str, Any]:
        from importlib.metadata import entry_points

        return {entry.name: entry for entry in entry_points(group=self.plugins)}


VERBOSE = "pipetask.verbose"
"""Where the context of a command has whether ``--verbose`` was given."""


class Command(click.Command):
    """A command with ``-v``, whose errors end in one line and an exit code."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # click's own arguments
        super().__init__(*args, **attributes)
        self.params.append(options_file_option())
        self.params.append(
            click.Option(
                ["-v", "--verbose"], is_flag=True, help="Show log messages, and tracebacks of errors."
            )
        )

    def make_context(self, *args: Any, **attributes: Any) -> click.Context:  # click's own arguments
        """Parse as usual; options that stand before the command are told from unknown ones."""
        try:
            return super().make_context(*args, **attributes)
        except click.NoSuchOption as error:
            refuse_after_command(error)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every error ends here."""
        verbose = ctx.params.pop("verbose")
        ctx.meta[VERBOSE] = verbose
        begin_logging(ctx, verbose=verbose)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # the reader, `head` for one, has seen enough
            sys.stderr.close()
            ctx.exit(0)
        except (Exception, KeyboardInterrupt) as error:  # the boundary: everything ends here
            fail(error, verbose=verbose)


def _collect_rarely() -> None:
    """Look for cyclic garbage seldom: commands of the butler make many objects, and hardly any garbage.

    A short one spends a tenth of its time on looking, and as much at the end, when all it has goes anyway.
    Tasks may leave images behind, so it is not for them.
    """
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

pipetask = click.version_option(package_name="pipetask")(
    CommandFolder(
        name="pipetask",
        package="pipetask.cli.pipetask",
        plugins="pipetask.commands",
        context_settings=_SETTINGS,
        help="Build and run pipelines: work out which quanta exist, execute them, report how it went.",
    )
)

butler = click.version_option(package_name="pipetask")(
    CommandFolder(
        name="butler",
        package="pipetask.cli.butler",
        plugins="butler.commands",
        callback=_collect_rarely,
        context_settings=_SETTINGS,
        help=(
            "Create repositories, fill them and ask what is in them. Inside a repository, or with "
            "$BUTLER_REPO set, the REPO argument may be left out."
        ),
    )
)
