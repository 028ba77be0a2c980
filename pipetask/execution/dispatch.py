"""Handing quanta out: singly or in chains, with what a worker has to know, until each has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from pipetask.execution.chains import Chains
from pipetask.execution.executors.base import LOST
from pipetask.execution.intermediates import Intermediates
from pipetask.execution.report import Report
from pipetask.execution.walker import DONE, WAITING, Walker
from pipetask.execution.work import HandOver, QuantumWork

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


@dataclass(slots=True)
class _RunningChain:
    """A chain that a worker runs."""

    left: set[int]
    """Its quanta that have not ended."""
    held: list[Report] = field(default_factory=list)
    """What has ended since something is in the worker's memory alone that one of those is still to read."""

    def in_memory(self) -> set[UUID]:
        return {id for report in self.held for id, records in report.temporary.items() if not records}


class Dispatch:
    """Takes quanta from the walker to executors.

    A quantum whose outputs are in the memory of a worker alone has not ended for others before those in
    its chain that read them have: if the worker is lost, it is run again together with them.

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
        self._chain: dict[int, _RunningChain] = {}  # of each quantum in one
        self._again: dict[int, list[Report]] = {}  # what is to be run again before a quantum, and how it went
        self._spared: list[int] = []  # what comes next in chains whose workers were lost, but not its fault
        self.running: dict[int, QuantumWork] = {}

    @property
    def n_at_work(self) -> int:
        """How many quanta were handed out, without those that will be run again before others."""
        return len(self.running) - sum(map(len, self._again.values()))

    @property
    def has_spared(self) -> bool:
        """Whether chains are to go on whose workers were lost."""
        return bool(self._spared)

    def take(self, limit: int) -> list[QuantumWork]:
        """Hand out so many quanta, or chains of them; first those whose workers were lost by others."""
        spared, self._spared = self._spared, []
        return [self.begin(quantum) for quantum in (*spared, *self._walker.take(limit))]

    def begin(self, quantum: int, *, is_alone: bool = False) -> QuantumWork:
        """Hand out a quantum that was taken, with those that follow it, after those that it needs again."""
        if self._chains is None:
            work = self.running[quantum] = self._work(quantum, is_alone=is_alone)
            return work
        again = [report.quantum for report in self._again.pop(quantum, ())]
        followers = self._followers(quantum, again)
        self._walker.take_along(followers)
        whole = [*again, quantum, *followers]
        first, behind = whole[0], whole[1:]
        inside = Counter(each for q in behind for each in self._intermediates.made_inputs(q))
        rest = [self._work(q, needs=self._chains.needs(q), inside=inside) for q in behind]
        work = self._work(first, is_alone=is_alone, followers=rest, inside=inside, is_first=True)
        self.running.update((each.quantum, each) for each in (work, *rest))
        if behind:
            chain = _RunningChain({first, *behind})
            self._chain.update(dict.fromkeys(chain.left, chain))
        return work

    def begin_again(self, quantum: int, *, is_alone: bool) -> list[QuantumWork]:
        """Hand out a quantum that is tried again; later, if a worker that goes on has made what it needs."""
        if self._chains is not None and quantum not in self._again:
            state = self._walker.state
            if any(state[maker] != DONE for maker in self._chains.needs(quantum)):
                self._leave([quantum])
                return []
        return [self.begin(quantum, is_alone=is_alone)]

    def _followers(self, quantum: int, again: Iterable[int]) -> list[int]:
        """Find what of a chain comes after a quantum, and waits for it or for what comes with it alone."""
        assert self._chains is not None
        found, state = {quantum, *again}, self._walker.state
        for each in self._chains.followers(quantum):
            needs = self._chains.needs(each)
            others = needs - found
            if state[each] == WAITING and others != needs and all(state[q] == DONE for q in others):
                found.add(each)
        return sorted(found - {quantum, *again})

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

    def note_success(self, report: Report) -> list[Report]:
        """Note that a quantum has ended well, and return the reports that no lost worker can undo."""
        chain = self._chain.get(report.quantum)
        if chain is None:
            return [report]
        chain.left.discard(report.quantum)
        chain.held.append(report)
        return self._settled(chain)

    def note_failure(self, report: Report, *, is_again: bool, is_ending: bool) -> list[Report]:
        """Note that a quantum has failed: what its worker won't run any more of its chain waits as all do.

        Parameters
        ----------
        report : `Report`
            How it failed.
        is_again : `bool`
            Whether it will be tried again.
        is_ending : `bool`
            Whether nothing more is begun.

        Returns
        -------
        settled : `list` [ `Report` ]
            Reports of others in its chain that no lost worker can undo.
        """
        chain = self._chain.pop(report.quantum, None)
        if chain is None:
            return []
        chain.left.discard(report.quantum)
        in_vain = self._that_need(report.quantum, sorted(chain.left))
        if report.failure is None or report.failure.kind not in LOST:
            self._intermediates.note_saved(report, in_vain)
            self._leave(in_vain)
            return self._settled(chain)
        spared = sorted(chain.left.difference(in_vain))
        if not chain.held or is_ending or not (is_again or spared):
            self._leave(sorted(chain.left))
            return self._released(chain)
        if is_again:
            self._again[report.quantum] = chain.held
        else:
            self._again[spared[0]] = chain.held
            self._spared.append(spared.pop(0))
        for held in chain.held:
            del self._chain[held.quantum]
        self._leave(sorted([*in_vain, *spared]))
        return []

    def _settled(self, chain: _RunningChain) -> list[Report]:
        """Return the held reports, if nothing is in memory alone any more that quanta are still to read."""
        in_memory = chain.in_memory()
        if in_memory and any(self._intermediates.reads_any(q, in_memory) for q in chain.left):
            return []
        return self._released(chain)

    def _released(self, chain: _RunningChain) -> list[Report]:
        reports, chain.held = chain.held, []
        for report in reports:
            del self._chain[report.quantum]
        return reports

    def _that_need(self, failed: int, quanta: Iterable[int]) -> list[int]:
        found = {failed}
        for quantum in quanta:  # in ascending order: none needs a later one
            if not found.isdisjoint(self.running[quantum].needs):
                found.add(quantum)
        return sorted(found - {failed})

    def give_up(self) -> list[Report]:
        """Let nothing be run again: return how it went before."""
        self._leave(self._spared)
        self._spared = []
        reports = [report for held in self._again.values() for report in held]
        self._again.clear()
        return reports

    def give_back(self, quanta: Iterable[int]) -> None:
        """Let quanta that no worker has begun, and those that follow them, wait again."""
        for quantum in quanta:
            chain = self._chain.pop(quantum, _RunningChain(set()))
            self._leave(sorted(chain.left - {quantum}))
            self._walker.give_back([quantum])
            del self.running[quantum]

    def _leave(self, quanta: list[int]) -> None:
        for quantum in quanta:
            if quantum in self._chain:
                self._chain.pop(quantum).left.discard(quantum)
            del self.running[quantum]
        self._walker.leave(quanta)
