"""Progress bars on a terminal: of building a quantum graph, then of each task of a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipetask.execution.summary import Tally
    from pipetask.graph.progress import Progress as Building


class Bars(NamedTuple):
    """The callbacks that `prepare_graph` and `run_graph` want; `None` if nothing is to be shown."""

    building: "Building | None" = None
    running: Callable[["Tally"], None] | None = None


@contextmanager
def progress_bars(*, enabled: bool) -> Iterator[Bars]:
    """Give the callbacks that move the bars."""
    if not enabled:
        yield Bars()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}
        of_building = progress.add_task("", total=None, visible=False)

        def building(what: str, done: int, total: int) -> None:
            progress.update(of_building, description=what, completed=done, total=total, visible=True)

        def running(tally: "Tally") -> None:
            progress.update(of_building, visible=False)
            for label, total in tally.totals.items():
                if label not in bars:
                    bars[label] = progress.add_task(label, total=total)
                progress.update(bars[label], completed=tally.counts[label].total())

        yield Bars(building, running)
