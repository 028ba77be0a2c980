"""How a run went: counts by task and status, errors grouped, and the exit code that follows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipetask.butler.executions import Executions
from pipetask.execution.report import DONE, Failure, Status

OK = 0
SOME_FAILED = 1
INTERRUPTED = 130

NAMED = 20
"""Failures of one group that are named one by one."""

_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failures of one task, or reasons for no work, that differ in nothing but numbers and addresses.

    Parameters
    ----------
    label : `str`
        The task.
    count : `int`
        How many quanta failed in this way.
    data_id : `str`
        Data ID of the first of them.
    failure : `Failure`
        How that one failed.
    data_ids : `tuple` [ `str` ]
        Data IDs of all of them; empty if there are more than `NAMED`.
    """

    label: str
    count: int
    data_id: str
    failure: Failure
    data_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What became of a run.

    Parameters
    ----------
    run : `str`
        Its name.
    tasks : `~collections.abc.Mapping` [ `str`, `~collections.abc.Mapping` [ `Status`, `int` ] ]
        Number of quanta by task, in the order of the pipeline, and status; those that are 0 are left out.
    errors : `tuple` [ `ErrorGroup` ]
        The most frequent first.
    wall_s : `float`
        How long it took [s].
    interrupted : `bool`
        Whether it was asked to stop before its end.
    reused : `~collections.abc.Mapping` [ `str`, `int` ]
        By task the number of quanta that did not run, since earlier results hold.
    output : `str`
        Chain that gathers the runs; empty if there is none.
    no_work : `tuple` [ `ErrorGroup` ]
        Why quanta found nothing to do, in groups as errors are.
    repository : `str`
        Its folder, if commands given here must name it.
    executions : `Executions`
        What all its executions were asked for.
    """

    run: str
    tasks: Mapping[str, Mapping[Status, int]]
    errors: tuple[ErrorGroup, ...]
    wall_s: float
    interrupted: bool = False
    reused: Mapping[str, int] = field(default_factory=dict)
    output: str = ""
    no_work: tuple[ErrorGroup, ...] = ()
    repository: str = ""
    executions: Executions = field(default_factory=Executions)

    def total(self, *statuses: Status) -> int:
        """Count the quanta with one of these statuses; all quanta if none is given."""
        wanted = statuses or tuple(Status)
        return sum(counts.get(status, 0) for counts in self.tasks.values() for status in wanted)

    @property
    def exit_code(self) -> int:
        """0 if all is done, 1 if something failed or was not attempted, 130 if it was stopped by the user."""
        if self.interrupted:
            return INTERRUPTED
        return SOME_FAILED if self.total() > self.total(*DONE) else OK


class Tally:
    """Counts while a run goes on.

    Parameters
    ----------
    totals : `~collections.abc.Mapping` [ `str`, `int` ]
        Number of quanta to run by task.

    Attributes
    ----------
    counts : `dict` [ `str`, `~collections.Counter` [ `Status` ] ]
        Number of quanta by task and status so far.
    """

    def __init__(self, totals: Mapping[str, int]) -> None:
        self.totals = dict(totals)
        self.counts: dict[str, Counter[Status]] = {label: Counter() for label in totals}

    def add(self, label: str, status: Status, count: int = 1) -> None:
        """Count quanta."""
        self.counts[label][status] += count

    @property
    def done(self) -> int:
        """Number of quanta that nothing more will happen to."""
        return sum(counter.total() for counter in self.counts.values())

    @property
    def total(self) -> int:
        """Number of quanta in all."""
        return sum(self.totals.values())


class Errors:
    """Groups failures by task, kind and message without its numbers and addresses, while they come in."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], Failure] = {}
        self._data_ids: dict[tuple[str, str, str], list[str]] = {}
        self._count: Counter[tuple[str, str, str]] = Counter()

    def add(self, label: str, data_id: str, failure: Failure) -> None:
        """Count a failure; the first of its group is kept as the example."""
        key = label, failure.kind, _VARYING.sub("#", failure.message)
        self._first.setdefault(key, failure)
        self._count[key] += 1
        if self._count[key] <= NAMED:
            self._data_ids.setdefault(key, []).append(data_id)

    def groups(self) -> tuple[ErrorGroup, ...]:
        """Return the groups, the most frequent first."""
        return tuple(
            ErrorGroup(
                key[0],
                n,
                self._data_ids[key][0],
                self._first[key],
                tuple(self._data_ids[key]) if n <= NAMED else (),
            )
            for key, n in self._count.most_common()
        )
