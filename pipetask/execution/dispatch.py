"""Handing quanta out: singly or in chains, with what a worker has to know, until each has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pipetask.execution.chains import Chains
from pipetask.execution.executors.base import LOST, LOST_WORKER, lost
from pipetask.execution.intermediates import Intermediates
from pipetask.execution.report import Report
from pipetask.execution.walker import WAITING, Walker
from pipetask.execution.work import HandOver, QuantumWork

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


class Dispatch:
    """Takes quanta from the walker to executors.

    Parameters
    ----------
    graph : `QuantumGraph`
        What is run.
    walker : `Walker`
        Says which quanta are ready.
    intermediates : `Intermediates`
        Says where their inputs are.
    chains : `Chains`, optional
        Which quanta are handed out together.
    has_retries : `bool`, optional
        Whether quanta that fail are tried again.

    Attributes
    ----------
    running : `dict` [ `int`, `QuantumWork` ]
        What was handed out and has not ended, by number.
    """

    def __init__(
        self,
        graph: QuantumGraph,
        walker: Walker,
        intermediates: Intermediates,
        chains: Chains | None = None,
        *,
        has_retries: bool = False,
    ) -> None:
        self._graph = graph
        self._walker = walker
        self._intermediates = intermediates
        self._chains = chains
        self._has_retries = has_retries
        self._left: dict[int, set[int]] = {}  # what of its chain has not ended: one set for all of a chain
        self.running: dict[int, QuantumWork] = {}

    def take(self, limit: int) -> tuple[list[QuantumWork], list[Report]]:
        """Hand out so many quanta, or chains of them, with reports of those whose inputs were lost."""
        works, failed = [], []
        for quantum in self._walker.take(limit):
            if name := self._intermediates.only_in_memory(quantum):
                work = self.running[quantum] = QuantumWork(quantum, self._graph.label_of(quantum), {})
                message = (
                    f"Its input {name!r} is temporary, and was in the memory of a worker that was lost. "
                    "With --extend-run it is made again."
                )
                failed.append(lost(work, LOST_WORKER, message, pid=0, ran_s=0.0))
            else:
                works.append(self.begin(quantum))
        return works, failed

    def begin(self, quantum: int, *, is_alone: bool = False) -> QuantumWork:
        """Hand out a quantum that was taken, with those that follow it."""
        if self._chains is None:
            work = self.running[quantum] = self._work(quantum, is_alone=is_alone)
            return work
        followers = self._chains.followers(quantum)
        if any(self._walker.state[each] != WAITING for each in followers):
            followers = []
        self._walker.take_along(followers)
        inside = Counter(each for q in followers for each in self._intermediates.made_inputs(q))
        behind = [self._work(q, needs=self._chains.needs(q), inside=inside) for q in followers]
        work = self._work(quantum, is_alone=is_alone, followers=behind, inside=inside, is_first=True)
        self.running.update((each.quantum, each) for each in (work, *behind))
        if followers:
            left = {quantum, *followers}
            self._left.update(dict.fromkeys(left, left))
        return work

    def _work(
        self,
        quantum: int,
        *,
        is_alone: bool = False,
        followers: Sequence[QuantumWork] = (),
        needs: frozenset[int] = frozenset(),
        inside: Counter[tuple[str, int]] | None = None,
        is_first: bool = False,
    ) -> QuantumWork:
        return QuantumWork(
            quantum,
            self._graph.label_of(quantum),
            self._intermediates.inputs_of(quantum),
            is_alone,
            tuple(followers),
            needs,
            None if inside is None else self._hand_over(quantum, inside, is_first=is_first),
        )

    def _hand_over(self, quantum: int, inside: Counter[tuple[str, int]], *, is_first: bool) -> HandOver:
        passed, temporary, unwritten = {}, set(), set()
        for id, name, row in self._intermediates.outputs_of(quantum):
            if readers := inside[name, row]:
                passed[id] = readers
            if self._intermediates.is_temporary(name, row):
                temporary.add(id)
                if self._intermediates.n_readers(name, row) == readers:
                    unwritten.add(id)
        return HandOver(passed, frozenset(temporary), frozenset(unwritten), self._has_retries, is_first)

    def note_end(self, report: Report) -> None:
        """Note that a quantum has ended: what its worker won't run any more of its chain waits as all do."""
        left = self._left.pop(report.quantum, set())
        left.discard(report.quantum)
        if report.ok:
            self._intermediates.note_in_memory(report)
            return
        over = sorted(left)
        if report.failure is None or report.failure.kind not in LOST:
            over = self._that_need(report.quantum, over)
        self._intermediates.note_saved(report, over)
        self._leave(over)

    def _that_need(self, failed: int, quanta: Iterable[int]) -> list[int]:
        found = {failed}
        for quantum in quanta:  # in ascending order: none needs a later one
            if not found.isdisjoint(self.running[quantum].needs):
                found.add(quantum)
        return sorted(found - {failed})

    def can_be_tried_again(self, quantum: int) -> bool:
        """Tell whether the inputs of a quantum are not only in the memory of a worker."""
        return not self._intermediates.only_in_memory(quantum)

    def give_back(self, quanta: Iterable[int]) -> None:
        """Let quanta that no worker has begun, and those that follow them, wait again."""
        for quantum in quanta:
            self._leave(sorted(self._left.pop(quantum, set()) - {quantum}))
            self._walker.give_back([quantum])
            del self.running[quantum]

    def _leave(self, quanta: list[int]) -> None:
        for quantum in quanta:
            self._left.pop(quantum).discard(quantum)
            del self.running[quantum]
        self._walker.leave(quanta)
