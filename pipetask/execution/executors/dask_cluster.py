"""A dask cluster: one that exists, one on this machine, or one of jobs of a batch system."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any

import dask
import distributed

from pipetask.errors import ExecutionOptionsError, described, text_of
from pipetask.execution.executors.dask_worker import hindrance, software

_log = logging.getLogger(__name__)

JOBQUEUE = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "htcondor": "HTCondorCluster"}
"""Classes of dask-jobqueue, by the name of the batch system."""
PATIENCE_S = 30.0
"""How often it is said that no worker has come yet."""


@contextmanager
def connected(
    processes: int,
    *,
    scheduler: str = "",
    cluster: str = "local",
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[distributed.Client]:
    """Connect to a cluster that has a worker; one that was started for this ends with the block.

    Parameters
    ----------
    processes : `int`
        Workers to start; those of a cluster that exists are taken as they are.
    scheduler : `str`, optional
        Address of the scheduler of a cluster that exists.
    cluster : `str`, optional
        ``"local"`` or a key of `JOBQUEUE`, to be started.
    settings : `~collections.abc.Mapping`, optional
        Keyword arguments of the class of dask or dask-jobqueue that makes the cluster.

    Raises
    ------
    ExecutionOptionsError
        If there is no such cluster.
    """
    logging.getLogger("distributed").setLevel(logging.WARNING)  # it would tell of each of its parts
    # One loss of a worker is reported at once: dask would try the batch again on three more.
    dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with ExitStack() as left:
        if scheduler:
            client = left.enter_context(_existing(scheduler))
        else:
            made = _local(processes, settings) if cluster == "local" else _jobs(cluster, processes, settings)
            left.callback(made.close)
            client = left.enter_context(distributed.Client(made, set_as_default=False))
        _wait_for_a_worker(client)
        yield client


def check_workers(client: distributed.Client, modules: Iterable[str]) -> None:
    """Have the workers that there are load the modules of tasks.

    Raises
    ------
    ExecutionOptionsError
        If none can.
    """
    found = client.run(hindrance, sorted(modules), software(), on_error="return")
    reasons = {
        worker: described(reason) if isinstance(reason, BaseException) else reason
        for worker, reason in found.items()
    }
    if reasons and all(reasons.values()):
        worker = min(reasons)
        raise ExecutionOptionsError(
            f"No worker of the dask cluster {client.scheduler.address} can run these tasks; of {worker}: "
            f"{reasons[worker]}"
        )


def memory_of_workers(client: distributed.Client) -> int:
    """Return the memory that each worker may use, the least if they differ [byte]; 0 if there is no limit."""
    limits = [worker["memory_limit"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
    return min(filter(None, limits), default=0)


def _existing(scheduler: str) -> distributed.Client:
    try:
        return distributed.Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ExecutionOptionsError(
            f"No dask scheduler answers at {scheduler!r} (--scheduler): {_whole(error)}"
        ) from error


def _local(processes: int, settings: Mapping[str, Any]) -> distributed.LocalCluster:
    given = {"n_workers": processes, "threads_per_worker": 1, "dashboard_address": ":0"} | dict(settings)
    try:
        made = distributed.LocalCluster(**given)
    except Exception as error:  # its classes check little of what they are given
        reason = _whole(error.__cause__ or error)
        raise ExecutionOptionsError(
            f"LocalCluster can't be started with the settings {dict(settings)}: {reason}"
        ) from error
    if not made.workers:
        made.close()
        raise ExecutionOptionsError(f"LocalCluster has no worker with the settings {dict(settings)}.")
    return made


def _jobs(kind: str, jobs: int, settings: Mapping[str, Any]) -> distributed.SpecCluster:
    """Submit jobs, and know that the batch system took them."""
    try:
        import dask_jobqueue
    except ImportError:
        raise ExecutionOptionsError(
            f"--dask-cluster {kind} needs dask-jobqueue, which is not installed: pip install 'pipetask[dask]'"
        ) from None
    made = object.__new__(getattr(dask_jobqueue, JOBQUEUE[kind]))
    try:
        type(made).__init__(made, **{"scheduler_options": {"dashboard_address": ":0"}} | dict(settings))
    except Exception as error:  # it checks little of what it is given
        made.status = distributed.Status.closed  # else its end warns of a cluster that never was
        raise ExecutionOptionsError(
            f"{JOBQUEUE[kind]} refuses its settings {dict(settings)} (--dask-settings): {_whole(error)}"
        ) from error

    async def submitted() -> None:
        await made

    # Not scale(): jobs that it can't submit are in the log of tornado, and nowhere else.
    for _ in range(jobs):
        made.worker_spec.update(made.new_worker_spec())
    try:
        made.sync(submitted)
    except (OSError, ValueError, RuntimeError) as error:
        for job in made.workers.values():
            job.status = distributed.Status.failed  # which close() insists on
        made.close()
        raise ExecutionOptionsError(
            f"The jobs of --dask-cluster {kind} can't be submitted: {_whole(error)}"
        ) from error
    return made


def _wait_for_a_worker(client: distributed.Client) -> None:
    """Wait as long as a queue of a batch system takes, and say so now and then."""
    while True:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            _log.warning("The dask cluster has no worker yet; waiting for the first. Ctrl-C gives up.")
        else:
            return


def _whole(error: BaseException) -> str:
    """Return all that an error of dask says, in one line."""
    return " ".join(text_of(error).split()) or type(error).__name__
