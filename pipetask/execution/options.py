"""How a graph is executed: the options of `pipetask run` that don't say what is done, but in what way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipetask.errors import ExecutionOptionsError, described

if TYPE_CHECKING:
    from pipetask.execution.code_coverage import CoverageParts


SHARE = -1
"""The value of `ExecutionOptions.cache_intermediates` that means a quarter of the memory, for all workers."""


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How a graph is executed.

    Parameters
    ----------
    processes : `int`, optional
        Number of worker processes; 1 runs everything in this process, unless something asks for a worker that
        can be stopped.
    timeout_s : `float`, optional
        A quantum that takes longer [s] is stopped and has failed.
    fail_fast : `bool`, optional
        Begin nothing more after the first failure.
    retries : `int`, optional
        How often a failed quantum is tried again, after a pause that doubles each time; not after
        `RepeatableQuantumError`, which says that it would fail again.
    raise_on_partial_outputs : `bool`, optional
        Whether `AnnotatedPartialOutputsError` fails the quantum, and nothing of it is kept.
    register_dataset_types : `bool`, optional
        Register the dataset types that are new.
    init_only : `bool`, optional
        Write init-outputs, configurations and package versions, and run nothing.
    skip_init_writes : `bool`, optional
        Write none of these; what tasks need of them must be there.
    no_versions : `bool`, optional
        Neither write package versions nor compare them with the run's.
    cores_per_quantum : `int`, optional
        Threads that libraries may use in a worker, told to tasks as ``resources.num_cores``.
    memory_per_quantum : `int`, optional
        Told to tasks as ``resources.max_mem`` [byte]; 0 if there is no limit. Nobody enforces it.
    max_memory : `int`, optional
        What all workers together may use [byte]; 0 if there is no limit. Quanta wait for room, by what
        earlier ones of their task took; what goes over it is stopped, and tried again alone.
    cache_intermediates : `int`, optional
        Quanta hand what they make to those that follow in the same worker in memory, at most so much in each
        [byte], and what the pipeline calls temporary is not kept; `SHARE` for a share of the memory there is,
        0 for neither.
    implicit_threading : `bool`, optional
        Leave it to libraries how many threads they use in workers.
    executor : `str`, optional
        ``"local"``: this process and its workers; ``"dask"``: the workers of a dask cluster.
    scheduler : `str`, optional
        Address of the scheduler of a dask cluster that exists.
    dask_cluster : `str`, optional
        Dask cluster to be started for this run: ``"local"``, ``"slurm"``, ``"pbs"`` or ``"htcondor"``.
    dask_settings : `str`, optional
        YAML file with keyword arguments of the class that makes that cluster.
    debugger : `str`, optional
        Module with a ``post_mortem``, which is called when a task raises.
    coverage : `CoverageParts`, optional
        What of the executed code workers measure; of this process, whoever calls.
    """

    processes: int = 1
    timeout_s: float | None = None
    fail_fast: bool = False
    retries: int = 0
    raise_on_partial_outputs: bool = False
    register_dataset_types: bool = False
    init_only: bool = False
    skip_init_writes: bool = False
    no_versions: bool = False
    cores_per_quantum: int = 1
    memory_per_quantum: int = 0
    max_memory: int = 0
    cache_intermediates: int = 0
    implicit_threading: bool = False
    executor: str = "local"
    scheduler: str = ""
    dask_cluster: str = ""
    dask_settings: str = ""
    debugger: str = ""
    coverage: CoverageParts | None = None

    def __post_init__(self) -> None:
        if self.debugger and self.needs_workers:
            raise ExecutionOptionsError(
                "--pdb needs the tasks in this process: leave out -j, --timeout and --max-memory."
            )
        if self.executor == "dask" and (self.timeout_s is not None or self.max_memory or self.debugger):
            raise ExecutionOptionsError("--executor dask has no --timeout, --max-memory or --pdb.")
        if self.executor != "dask" and (self.scheduler or self.dask_cluster or self.dask_settings):
            raise ExecutionOptionsError(
                "--scheduler, --dask-cluster and --dask-settings belong to --executor dask."
            )
        if self.scheduler and (self.dask_cluster or self.dask_settings):
            raise ExecutionOptionsError(
                "--scheduler names a cluster that exists: leave out --dask-cluster and --dask-settings."
            )
        if self.debugger:
            _check_debugger(self.debugger)
        if self.init_only and self.skip_init_writes:
            raise ExecutionOptionsError("--init-only and --skip-init-writes together leave nothing to do.")

    @property
    def needs_workers(self) -> bool:
        """Whether quanta run in other processes of this machine."""
        must_stop = self.timeout_s is not None or self.max_memory > 0
        return self.executor == "local" and (self.processes > 1 or must_stop)

    @property
    def threads(self) -> int:
        """How many threads libraries may use in a worker; 0 if that is left to them."""
        return 0 if self.implicit_threading else self.cores_per_quantum

    @property
    def hold_bytes(self) -> int:
        """How much a worker may hold in memory for quanta that follow."""
        if self.cache_intermediates != SHARE:
            return self.cache_intermediates
        return (self.max_memory or memory_there_is()) // 4 // self.processes


def _check_debugger(module: str) -> None:
    try:
        found = import_module(module)
    except Exception as error:  # somebody else's module may raise anything
        wrong = f"can't be imported ({described(error)})"
    else:
        if callable(getattr(found, "post_mortem", None)):
            return
        wrong = "has no function 'post_mortem'"
    raise ExecutionOptionsError(f"The debugger {module!r} {wrong}. Name another module, or none for pdb.")


def memory_there_is() -> int:
    """Return the memory of this machine, or of the control group that this process is in [byte]."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no control group, or one without limit
        return machine


def read_settings(path: str) -> dict[str, Any]:
    """Read keyword arguments from a YAML file.

    Raises
    ------
    ExecutionOptionsError
        If it holds anything else.
    """
    import yaml

    try:
        settings = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ExecutionOptionsError(f"Can't read the settings {path!r}: {described(error)}") from error
    if not isinstance(settings, dict):
        raise ExecutionOptionsError(f"{path!r} holds no settings: it must be a mapping of names to values.")
    return settings
