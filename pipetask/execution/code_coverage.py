"""Which lines of the tasks' code a run executes, here and in its workers, measured by `coverage`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipetask.errors import ExecutionOptionsError

if TYPE_CHECKING:
    from coverage import Coverage

DATA = ".coverage"
PAGES = "htmlcov"
# Tasks are imported before their workers begin to measure; the command has seen that.
_SILENT = ["already-imported", "module-not-imported", "module-not-measured", "no-data-collected"]


@dataclass(frozen=True, slots=True)
class CoverageParts:
    """What each process measures, and where it leaves what it has seen.

    Parameters
    ----------
    folder : `str`
        Where the parts go.
    packages : `tuple` [`str`]
        Packages and modules, by dotted name.
    """

    folder: str
    packages: tuple[str, ...]

    def begin(self) -> Coverage:
        """Begin to measure in this process; `end` ends it."""
        from coverage import Coverage

        part = Coverage(f"{self.folder}/{DATA}", True, source_pkgs=self.packages, config_file=False)
        part.set_option("run:disable_warnings", _SILENT)
        part.start()
        return part

    @staticmethod
    def end(part: Coverage) -> None:
        """Leave what was seen."""
        part.stop()
        part.save()


def packages_of(class_names: Iterable[str]) -> tuple[str, ...]:
    """Name the packages that the modules of classes are in; the modules themselves where they are in none."""
    modules = {name.rpartition(".")[0] for name in class_names}
    return tuple(sorted({module.rpartition(".")[0] or module for module in modules}))


@contextmanager
def covered(packages: tuple[str, ...], *, pages: bool = True) -> Iterator[CoverageParts]:
    """Measure what happens inside; then write `DATA` and, in the folder `PAGES`, pages, both here.

    Raises
    ------
    ExecutionOptionsError
        If the package for it is not installed.
    """
    try:
        from coverage import Coverage
        from coverage.exceptions import NoDataError
    except ImportError:
        raise ExecutionOptionsError(
            "--coverage needs a package that is not installed: pip install 'pipetask[coverage]'"
        ) from None
    with TemporaryDirectory(prefix=f"{DATA}-", dir=Path.cwd()) as folder:
        parts = CoverageParts(folder, packages)
        part = parts.begin()
        try:
            yield parts
        finally:
            parts.end(part)
        Path(DATA).unlink(missing_ok=True)
        whole = Coverage(DATA, source_pkgs=packages, config_file=False)
        try:
            whole.combine([folder])
            whole.save()
            if pages:
                whole.html_report(directory=PAGES)
        except NoDataError:
            raise ExecutionOptionsError(
                f"Nothing of {', '.join(packages)} was executed. Name packages or modules by --cov-packages, "
                "as Python imports them."
            ) from None
