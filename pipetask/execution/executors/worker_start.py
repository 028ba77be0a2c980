"""Starting worker processes: from a fork server that has loaded the tasks, again if that was killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from collections.abc import Iterable
from contextlib import ExitStack
from multiprocessing import forkserver

from pipetask.errors import WorkerStartError, described
from pipetask.execution.executors import preload
from pipetask.execution.executors.base import Runner
from pipetask.execution.executors.worker import work_until_told
from pipetask.execution.executors.worker_process import WorkerProcess
from pipetask.execution.user_log import UserLog

ATTEMPTS = 20
PAUSE_S = 0.1
"""How often, and after what pause, a worker is started again if the fork server has just been killed."""
DESCRIPTORS = 8
"""So many files more may be open here while a worker is being started."""
MOST_STILLBORN = 10
"""So many workers in a row may end before they could run any, which is no quantum's fault."""


def start_fork_server(modules: Iterable[str], *, threads: int = 1) -> None:
    """Start the process that workers come from, if it isn't running; it loads modules while others go on."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([preload.__name__])
    with preload.environment(modules, threads=threads):
        forkserver.ensure_running()


class WorkerStarter:
    """Starts the workers of one executor.

    Parameters
    ----------
    runner : `Runner`
        Each worker gets a copy.
    modules : `~collections.abc.Iterable` [`str`]
        Modules that the fork server loads, once for all workers.
    threads : `int`
        How many threads libraries may use in each worker; 0 if that is left to them.
    """

    def __init__(self, runner: Runner, modules: Iterable[str], *, threads: int) -> None:
        self._runner_pickle = pickle.dumps(runner)
        self._modules = set(modules)
        self._threads = threads
        self._context = multiprocessing.get_context("forkserver")
        self._user_log = UserLog.of_this_process()
        self._stillborn = 0

    def start(self) -> WorkerProcess:
        """Start a worker.

        Raises
        ------
        WorkerStartError
            If the system doesn't let us.
        """
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return self._start()
            except (OSError, EOFError) as error:
                # The fork server was killed, as any process is when memory is short, and not buried yet.
                if not attempts_left:
                    raise WorkerStartError(
                        f"No worker process can be started ({described(error)}). Is the system short of "
                        "memory, processes or open files (ulimit -n)? Go on with fewer (-j) and "
                        "--extend-run: what was done is kept."
                    ) from error
                time.sleep(PAUSE_S)
        raise AssertionError("the last attempt returns or raises")

    def _start(self) -> WorkerProcess:
        with ExitStack() as given, ExitStack() as kept:
            here, there = self._context.Pipe()
            kept.enter_context(here)
            given.enter_context(there)
            watched, life = self._context.Pipe(duplex=False)
            kept.enter_context(life)
            given.enter_context(watched)
            environment = preload.worker_environment(threads=self._threads)
            arguments = there, watched, self._runner_pickle, self._user_log, environment
            process = self._context.Process(target=work_until_told, args=arguments, name="pipetask-worker")
            start_fork_server(self._modules, threads=self._threads)
            _check_descriptors()
            process.start()
            kept.pop_all()
            return WorkerProcess(process, here, life)

    def note_ready(self) -> None:
        """Note that a worker can run quanta."""
        self._stillborn = 0

    def note_stillborn(self, how: str) -> None:
        """Note that a worker ended before it could run anything.

        Raises
        ------
        WorkerStartError
            If it is the last of many.
        """
        self._stillborn += 1
        if self._stillborn >= MOST_STILLBORN:
            raise WorkerStartError(
                f"{self._stillborn} workers in a row ended before they could run any: the last one {how}."
                " What they wrote is above. Is memory short? In a script of yours, run_graph must be "
                "called below `if __name__ == '__main__':`. Then go on with --extend-run."
            )


def _check_descriptors() -> None:
    """Raise `OSError` if not enough files may be open: the fork server would end with a traceback."""
    with ExitStack() as opened:
        for _ in range(DESCRIPTORS // 2):
            for descriptor in os.pipe():
                opened.callback(os.close, descriptor)
