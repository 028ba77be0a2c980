"""How a graph is executed: the options of `pipetask run` that don't say what is done, but in what way."""

from __future__ import annotations

from dataclasses import dataclass

from pipetask.errors import ExecutionOptionsError


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
    implicit_threading : `bool`, optional
        Leave it to libraries how many threads they use in workers.
    debugger : `str`, optional
        Module with a ``post_mortem``, which is called when a task raises.
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
    implicit_threading: bool = False
    debugger: str = ""

    def __post_init__(self) -> None:
        if self.debugger and self.needs_workers:
            raise ExecutionOptionsError(
                "--pdb needs the tasks in this process: leave out -j, --timeout and --max-memory."
            )
        if self.init_only and self.skip_init_writes:
            raise ExecutionOptionsError("--init-only and --skip-init-writes together leave nothing to do.")

    @property
    def needs_workers(self) -> bool:
        """Whether quanta run in other processes."""
        return self.processes > 1 or self.timeout_s is not None or self.max_memory > 0

    @property
    def threads(self) -> int:
        """How many threads libraries may use in a worker; 0 if that is left to them."""
        return 0 if self.implicit_threading else self.cores_per_quantum
