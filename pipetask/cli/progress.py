"""How far a run is: bars with rate and time left on a terminal; elsewhere a line now and then."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from pipetask.cli.rate import Rate
from pipetask.counted import counted

if TYPE_CHECKING:
    from pipetask.execution.report import Status
    from pipetask.execution.summary import Tally
    from pipetask.graph.progress import Progress as Building

EVERY_S = 60.0
"""How often a line is written where there is no terminal."""


class Shown(NamedTuple):
    """The callbacks that `prepare_graph` and `run_graph` want; `None` if nothing is to be shown."""

    building: "Building | None" = None
    running: Callable[["Tally"], None] | None = None


@contextmanager
def shown_progress(*, on_terminal: bool, enabled: bool = True) -> Iterator[Shown]:
    """Give the callbacks that show progress on standard error."""
    if not enabled:
        yield Shown()
    elif on_terminal:
        with _bars() as shown:
            yield shown
    else:
        yield Shown(running=Lines())


class Lines:
    """Writes a line about the whole run at most every so many seconds, for logs of batch jobs.

    Parameters
    ----------
    every_s : `float`, optional
        How often [s]; never at the beginning, so that short runs are told by their summary alone.
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._begin = self._last = time.monotonic()
        self._rate = Rate()

    def __call__(self, tally: "Tally") -> None:
        """Note how far the run is."""
        now = time.monotonic()
        self._rate.note(now, sum(map(ran, tally.counts.values())))
        if now - self._last >= self._every_s:
            self._last = now
            click.echo(line(tally, now - self._begin, self._rate.per_s(now)), err=True)


def line(tally: "Tally", elapsed_s: float, per_s: float) -> str:
    """Say in one line how far a run is after some time, and how fast it goes if that is known."""
    from pipetask.reports.text import duration

    bad = f" ({found})" if (found := _bad(sum(tally.counts.values(), Counter()))) else ""
    speed = "".join(f", {what}" for what in speed_and_rest(per_s, tally.total - tally.done) if what)
    whole = counted(tally.total, "quantum")
    return f"{tally.done:,} of {whole}{bad} after {duration(elapsed_s)}{speed}"


def ran(counts: "Counter[Status]") -> int:
    """Count the quanta that were run: what is blocked ends by itself, at any speed."""
    from pipetask.execution.report import RAN

    return sum(n for status, n in counts.items() if status in RAN)


def speed_and_rest(per_s: float, left: int) -> tuple[str, str]:
    """Say how fast quanta end, and how long the rest takes; nothing where that is not known."""
    from pipetask.reports.text import duration

    if not per_s:
        return "", ""
    speed = f"{per_s:.3g}/s" if per_s >= 0.1 else f"{per_s * 60:.3g}/min"
    return speed, f"{duration(left / per_s)} left" if left else ""


def _bad(counts: "Mapping[Status, int]") -> str:
    """Say how many quanta went wrong."""
    from pipetask.execution.report import Status

    found = ((counts.get(status, 0), status) for status in (Status.FAILED, Status.LOST))
    return ", ".join(f"{n:,} {status}" for n, status in found if n)


@contextmanager
def _bars() -> Iterator[Shown]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", justify="right"),
        TextColumn("{task.fields[left]}", justify="right"),
        TextColumn("[red]{task.fields[failed]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, TaskID] = {}
        rates: dict[str, Rate] = {}
        of_building = progress.add_task("", total=None, visible=False, rate="", left="", failed="")

        def building(what: str, done: int, total: int) -> None:
            progress.update(of_building, description=what, completed=done, total=total, visible=True)

        def running(tally: "Tally") -> None:
            now = time.monotonic()
            progress.update(of_building, visible=False)
            for label, total in tally.totals.items():
                if label not in bars:
                    bars[label] = progress.add_task(label, total=total, rate="", left="", failed="")
                    rates[label] = Rate()
                counts = tally.counts[label]
                done = counts.total()
                rates[label].note(now, ran(counts))
                rate, left = speed_and_rest(rates[label].per_s(now), total - done)
                progress.update(bars[label], completed=done, rate=rate, left=left, failed=_bad(counts))

        yield Shown(building, running)
