"""Options that measure which lines are executed: shared by `pipetask qgraph` and `run`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pipetask.cli.options import Decorator, comma_separated, stacked

if TYPE_CHECKING:
    from pipetask.execution.code_coverage import CoverageParts


def coverage_options() -> Decorator:
    """Add ``--coverage`` and the options that go with it."""
    return stacked(
        click.option(
            "--coverage",
            is_flag=True,
            help="Measure which lines of the tasks' packages are executed; write .coverage and htmlcov here.",
        ),
        comma_separated(
            "--cov-packages",
            "cov_packages",
            metavar="NAME",
            help="With --coverage: measure these packages or modules instead.",
        ),
        click.option(
            "--cov-report/--no-cov-report",
            default=True,
            show_default=True,
            help="With --coverage: whether to write htmlcov, the pages that show the lines.",
        ),
    )


class CoverageOptions(NamedTuple):
    """What the options of `coverage_options` say."""

    coverage: bool
    cov_packages: tuple[str, ...]
    cov_report: bool

    @staticmethod
    def among(options: dict[str, Any]) -> "CoverageOptions":
        """Take them out of the options of a command."""
        chosen = CoverageOptions(*(options.pop(name) for name in CoverageOptions._fields))
        given = {"--cov-packages": chosen.cov_packages, "--no-cov-report": not chosen.cov_report}
        names = [name for name, value in given.items() if value]
        if names and not chosen.coverage:
            raise click.UsageError(f"{', '.join(names)}: only with --coverage.")
        return chosen

    @contextmanager
    def measured(self, class_names: Iterable[str]) -> "Iterator[CoverageParts | None]":
        """Measure, if that is asked for, what happens inside; give what workers need to take part."""
        if not self.coverage:
            yield None
            return
        from pipetask.execution.code_coverage import DATA, PAGES, covered, packages_of

        packages = self.cov_packages or packages_of(class_names)
        with covered(packages, pages=self.cov_report) as parts:
            yield parts
        written = f"{PAGES}/index.html" if self.cov_report else DATA
        click.echo(f"Lines that were executed: {written}", err=True)
