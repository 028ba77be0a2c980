"""What runs inside a worker process: a loop over one pipe, that ends when the coordinator ends in any way."""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import signal
import threading
from multiprocessing.connection import Connection, wait
from types import FrameType

from pipetask.execution.executors.base import Runner, run_chain
from pipetask.execution.user_log import UserLog


def work_until_told(
    connection: Connection,
    life: Connection,
    runner_pickle: bytes,
    user_log: UserLog,
    environment: dict[str, str],
) -> None:
    """Run quanta from a pipe and answer with their reports, until the end of the pipe or an empty message."""
    end_with(life)
    os.environ.clear()
    os.environ.update(environment)
    user_log.show()
    # Ctrl-C, and a batch system's SIGTERM, reach all processes; only the coordinator decides what they mean.
    # A handler that does nothing, since programs that a task starts would inherit that signals are ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_it_to_the_coordinator)
    runner: Runner = pickle.loads(runner_pickle)  # noqa: S301 - written by our own coordinator
    runner.open()
    connection.send_bytes(b"")
    me = os.getpid()
    try:
        while message := connection.recv_bytes():
            for report in run_chain(runner, pickle.loads(message)):  # noqa: S301 - as above
                if os.getpid() != me:
                    # The task forked and the child came back here: it must not answer in its parent's place.
                    os._exit(0)
                connection.send_bytes(report.to_bytes())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    runner.close()


def end_with(life: Connection) -> None:
    """Have this process killed as soon as the other end of a pipe is closed: nothing is written after that.

    The coordinator alone holds that end and never writes to it, since the kernel, which watches the pipe
    where it can, sends its signal for whatever happens there. Elsewhere a thread waits, which a task that
    holds the interpreter lock delays.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(life, fcntl.F_GETFL)
        fcntl.fcntl(life, fcntl.F_SETFL, flags | os.O_ASYNC)
        if select.select([life], [], [], 0)[0]:
            os.kill(os.getpid(), signal.SIGKILL)  # it ended before the kernel was told
    else:
        threading.Thread(target=_wait_and_die, args=(life,), daemon=True).start()


def _leave_it_to_the_coordinator(number: int, frame: FrameType | None) -> None:
    """Do nothing about a signal."""


def _wait_and_die(life: Connection) -> None:
    wait([life])
    os.kill(os.getpid(), signal.SIGKILL)
