"""A progress bar per run on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipetask.execution.summary import Tally


@contextmanager
def progress_bar(*, enabled: bool) -> Iterator[Callable[["Tally"], None] | None]:
    """Give the callback that `run_graph` wants; `None` if nothing is to be shown."""
    if not enabled:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def update(tally: "Tally") -> None:
            for label, total in tally.totals.items():
                if label not in bars:
                    bars[label] = progress.add_task(label, total=total)
                progress.update(bars[label], completed=tally.counts[label].total())

        yield update
