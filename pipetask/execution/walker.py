"""Deciding which quanta are ready: integers and a CSR adjacency, no idea of tasks, workers or files."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

WAITING, RUNNING, DONE, FAILED, BLOCKED = range(5)
"""The states of a quantum; one that is ready is still waiting, and is in the heap."""

NOBODY = -1
"""The value of `Walker.blocked_by` for a quantum that no failure has blocked."""


class Walker:
    """Walks a directed acyclic graph once, each edge looked at once.

    Parameters
    ----------
    indptr, indices : `numpy.ndarray`, shapes (n + 1,) and (n_edges,), integer
        Successors of each quantum: those of ``i`` are ``indices[indptr[i]:indptr[i + 1]]``. Not modified. The
        same pair may be listed once only.
    done : `~collections.abc.Iterable` [`int`], optional
        Quanta that need not be walked, because an earlier attempt finished them.
    """

    def __init__(
        self, indptr: npt.NDArray[np.integer], indices: npt.NDArray[np.integer], *, done: Iterable[int] = ()
    ) -> None:
        self._indptr = indptr
        self._indices = indices
        n = len(indptr) - 1
        self.state = np.full(n, WAITING, dtype=np.int8)
        self.blocked_by = np.full(n, NOBODY, dtype=np.int32)
        finished = np.fromiter(done, dtype=np.int64)
        self.state[finished] = DONE
        open_edge = np.repeat(self.state != DONE, np.diff(indptr))
        self._missing = np.bincount(indices[open_edge], minlength=n).astype(np.int32)
        self._ready = np.flatnonzero((self._missing == 0) & (self.state == WAITING)).tolist()
        heapify(self._ready)
        self._running = 0

    @property
    def active(self) -> bool:
        """Whether anything is ready or running: if not, the walk is over."""
        return bool(self._ready) or self._running > 0

    @property
    def n_ready(self) -> int:
        """Number of quanta that `take` would give."""
        return len(self._ready)

    def take(self, limit: int | None = None) -> list[int]:
        """Hand out ready quanta, lowest number first; at most ``limit`` of them. They count as running."""
        count = len(self._ready) if limit is None else max(0, min(limit, len(self._ready)))
        taken = [heappop(self._ready) for _ in range(count)]
        for quantum in taken:  # often one: faster than by their list
            self.state[quantum] = RUNNING
        self._running += count
        return taken

    def take_along(self, quanta: Iterable[int]) -> None:
        """Hand out quanta that aren't ready, since who runs them runs before what they wait for."""
        for quantum in quanta:
            self.state[quantum] = RUNNING
            self._running += 1

    def leave(self, quanta: Iterable[int]) -> None:
        """Make quanta that were taken along wait as all others do."""
        for quantum in quanta:
            self.state[quantum] = WAITING
            self._running -= 1
            if self._missing[quantum] == 0:
                heappush(self._ready, quantum)

    def give_back(self, quanta: Iterable[int]) -> None:
        """Make quanta that were taken but never begun wait again."""
        for quantum in quanta:
            self.state[quantum] = WAITING
            self._running -= 1
            heappush(self._ready, quantum)

    def finish(self, quantum: int, *, ok: bool) -> list[int]:
        """Note how a running quantum ended.

        Returns
        -------
        blocked : `list` [`int`]
            Descendants that can't run any more because of this failure; empty if ``ok``. Those that an
            earlier failure blocked are not listed again.
        """
        self._running -= 1
        if not ok:
            self.state[quantum] = FAILED
            return self._block_descendants(quantum)
        self.state[quantum] = DONE
        for successor in self.successors(quantum):
            self._missing[successor] -= 1
            if self._missing[successor] == 0 and self.state[successor] == WAITING:
                heappush(self._ready, successor)
        return []

    def successors(self, quantum: int) -> list[int]:
        """Quanta that wait for this one."""
        found: list[int] = self._indices[self._indptr[quantum] : self._indptr[quantum + 1]].tolist()
        return found

    def not_attempted(self) -> list[int]:
        """Quanta that were never taken and that no failure blocks: what stopping early leaves."""
        left: list[int] = np.flatnonzero(self.state == WAITING).tolist()
        return left

    def _block_descendants(self, failed: int) -> list[int]:
        blocked: list[int] = []
        front = [failed]
        while front:
            for successor in self.successors(front.pop()):
                if self.state[successor] == WAITING:
                    self.state[successor] = BLOCKED
                    self.blocked_by[successor] = failed
                    blocked.append(successor)
                    front.append(successor)
        return blocked
