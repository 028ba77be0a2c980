"""QuantumGraph: the quanta of a pipeline, the datasets they read and write, and who waits for whom."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.butler import ArtifactRecord, DataCoordinate, DatasetRef, check_name
from pipetask.graph.header import Header
from pipetask.graph.project import CSR
from pipetask.graph.records import RecordTable
from pipetask.graph.refs import DataIdDecoder, RefMaker
from pipetask.graph.successors import successors
from pipetask.graph.tables import (
    QUANTUM_INPUTS,
    DatasetTable,
    Implied,
    Reused,
    TaskQuanta,
    new_base,
    uuid_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    import networkx as nx

    from pipetask.graph.funnel import Funnel
    from pipetask.graph.plan import Plan
    from pipetask.graph.quantum_maker import QuantumMaker
    from pipetask.task.quantum import Quantum

NOTHING_REUSED = Reused()
_PARTS = ["header", "tasks", "datasets", "edges", "values", "implied", "funnel", "records", "reused", "plan"]
PACKAGES = "packages"
"""Dataset type of the versions of all packages in use, one per run."""


class QuantumGraph:
    """Quanta, datasets and the edges between them, in columns; objects are made when asked for.

    Attributes
    ----------
    header : `Header`
        What holds for the graph as a whole.
    tasks : `tuple` [`TaskQuanta`]
        The quanta by task, in an order in which no task needs what a later one makes.
    datasets : `~collections.abc.Mapping` [`str`, `DatasetTable`]
        The datasets by type.
    edges : `~collections.abc.Mapping` [`tuple`, `CSR`]
        For each (label, connection) the rows of the dataset table by quantum of the task.
    values : `~collections.abc.Mapping` [`str`, `list`]
        The values that codes stand for, by dimension.
    implied : `~collections.abc.Mapping` [`str`, `Implied`]
        The implied dimensions, by element.
    funnel : `Funnel`
        How many data IDs each step of the building kept.
    records : `~collections.abc.Mapping` [`str`, `RecordTable`]
        The dimension records that data IDs offer, by element.
    reused : `Reused`
        Results of earlier quanta that are taken as they are.
    plan : `Plan` or `None`
        What becomes of each quantum, and why; only of a graph that was built just now.
    """

    def __init__(
        self,
        header: Header,
        tasks: tuple[TaskQuanta, ...],
        datasets: Mapping[str, DatasetTable],
        edges: Mapping[tuple[str, str], CSR],
        values: Mapping[str, list[Any]],
        implied: Mapping[str, Implied],
        funnel: Funnel,
        records: Mapping[str, RecordTable],
        reused: Reused = NOTHING_REUSED,
        plan: Plan | None = None,
    ) -> None:
        self.header = header
        self.tasks = tasks
        self.datasets = datasets
        self.edges = edges
        self.values = values
        self.implied = implied
        self.funnel = funnel
        self.records = records
        self.reused = reused
        self.plan = plan
        self.n_quanta = sum(task.count for task in tasks)
        self._firsts = [task.first for task in tasks]
        self._by_label = {task.label: task for task in tasks}
        self._decoder = DataIdDecoder(values, implied, records)
        self._maker = RefMaker(self._decoder, header.id_base, header.output_run)

    def __len__(self) -> int:
        return self.n_quanta

    def task_of(self, i: int) -> TaskQuanta:
        """Return the task of a quantum."""
        if not 0 <= i < self.n_quanta:
            raise IndexError(f"No quantum {i} in a graph of {self.n_quanta}")
        # Tasks without quanta share their start with the next one, which is the one meant.
        return self.tasks[bisect_right(self._firsts, i) - 1]

    def label_of(self, i: int) -> str:
        """Return the label of the task of a quantum."""
        return self.task_of(i).label

    def quantum_id(self, i: int) -> UUID:
        """Return the identity of a quantum."""
        task = self.task_of(i)
        return uuid_of(self.header.id_base, int(task.columns.serials[i - task.first]))

    def data_id(self, i: int) -> DataCoordinate:
        """Return the data ID of a quantum."""
        task = self.task_of(i)
        return self._decoder.decode(task.dimensions, tuple(task.codes[i - task.first].tolist()))

    def dataset_ref(self, dataset_type: str, row: int) -> DatasetRef:
        """Return the ref of a row of a dataset table."""
        return self._maker.ref(self.datasets[dataset_type], row)

    def quantum(self, i: int) -> Quantum:
        """Make the i-th quantum."""
        return self._quantum_maker.quantum(i)

    @cached_property
    def _quantum_maker(self) -> QuantumMaker:
        from pipetask.graph.quantum_maker import QuantumMaker

        return QuantumMaker(self, self._maker)

    def quanta(self, label: str) -> Iterator[Quantum]:
        """Make the quanta of a task one after the other."""
        task = self._by_label[label]
        return map(self.quantum, range(task.first, task.first + task.count))

    def _init_refs(self, kind: str) -> dict[str, dict[str, DatasetRef]]:
        found: dict[str, dict[str, DatasetRef]] = {}
        for task in self.tasks:
            for connection in task.connections:
                if connection.kind == kind:
                    (ref,) = self._maker.refs(connection, self.datasets[connection.dataset_type], [0])
                    found.setdefault(task.label, {})[connection.name] = ref
        return found

    @cached_property
    def init_inputs(self) -> dict[str, dict[str, DatasetRef]]:
        """What the tasks' constructors are given, by label and connection."""
        return self._init_refs("init_input")

    @cached_property
    def init_outputs(self) -> dict[str, dict[str, DatasetRef]]:
        """What the tasks' constructors make, by label and connection."""
        return self._init_refs("init_output")

    @cached_property
    def config_refs(self) -> dict[str, DatasetRef]:
        """The dataset that each task's configuration is stored as, by label."""
        return {label: next(iter(refs.values())) for label, refs in self._init_refs("config").items()}

    @cached_property
    def packages_ref(self) -> DatasetRef:
        """The dataset that tells the versions of all packages."""
        return self._maker.ref(self.datasets[PACKAGES], 0)

    @cached_property
    def _successors(self) -> CSR:
        return successors(self)

    def successors(self) -> CSR:
        """Return, for each quantum, those that read what it makes."""
        return self._successors

    @cached_property
    def in_degree(self) -> npt.NDArray[np.int64]:
        """How many quanta each quantum waits for."""
        return np.bincount(self._successors.indices, minlength=self.n_quanta)

    def input_records(self, i: int) -> dict[UUID, list[ArtifactRecord]]:
        """Return where the artifacts are that a quantum needs and that were there before the graph."""
        task = self.task_of(i)
        found: dict[UUID, list[ArtifactRecord]] = {}
        for connection in task.connections:
            if connection.kind in QUANTUM_INPUTS:
                rows = self.edges[task.label, connection.name][i - task.first].tolist()
            elif connection.kind == "init_input":
                rows = [0]
            else:
                continue
            table = self.datasets[connection.dataset_type]
            for serial in table.serials[rows].tolist():
                if serial < 0 and table.existing.locations is not None:
                    known = UUID(bytes=table.existing.ids[-1 - serial].tobytes())
                    found[known] = table.existing.locations.records(-1 - serial)
        return found

    def subset(self, is_kept: npt.NDArray[np.bool_]) -> QuantumGraph:
        """Keep some quanta, with all that these read and write; ids stay as they are.

        Parameters
        ----------
        is_kept : `numpy.ndarray`, shape (n_quanta,), bool
            True for the quanta to keep.
        """
        from pipetask.graph.subset import subset

        return subset(self, is_kept)

    def select(
        self,
        *,
        tasks: Collection[str] | None = None,
        data_id: Mapping[str, Any] | None = None,
        ids: Iterable[UUID | str] | None = None,
    ) -> QuantumGraph:
        """Keep the quanta that satisfy all that is given, with all that these read and write.

        Parameters
        ----------
        tasks : collection of `str`, optional
            Labels of tasks.
        data_id : mapping, optional
            Values of dimensions, which the data IDs must have.
        ids : iterable of `uuid.UUID` or `str`, optional
            Ids of quanta.

        Raises
        ------
        UnknownQuantumError
            If there is no such task or id.
        """
        from pipetask.graph.selection import selected

        return self.subset(selected(self, tasks=tasks, data_id=data_id, ids=ids))

    def to_networkx(self, *, datasets: bool = False) -> nx.DiGraph:
        """Return the graph as one of networkx.

        Quanta are nodes by number, with attributes ``label``, ``data_id``, ``id``; an edge leads to each that
        reads what one makes.

        Parameters
        ----------
        datasets : `bool`, optional
            Put datasets between quanta: nodes by id, with attributes ``dataset_type``, ``data_id``, ``run``;
            edges have the attribute ``connection``.
        """
        from pipetask.graph.networks import to_networkx

        return to_networkx(self, datasets=datasets)

    def with_run(self, output_run: str, output: str) -> QuantumGraph:
        """Send the outputs to another run and collection, with new ids.

        Raises
        ------
        InvalidNameError
            If no run can have this name.
        """
        check_name(output_run)
        header = replace(self.header, output_run=output_run, output=output, id_base=new_base())
        return self.with_parts(header=header)

    def with_parts(self, **parts: Any) -> QuantumGraph:  # by name, of the types that the constructor takes
        """Make another graph that differs in some of the arguments of the constructor."""
        return QuantumGraph(**{name: getattr(self, name) for name in _PARTS} | parts)

    def save(self, path: str | Path) -> None:
        """Write the graph to one file."""
        from pipetask.graph.graph_file import save

        save(self, path)

    @staticmethod
    def load(path: str | Path) -> QuantumGraph:
        """Open a file; what it holds is read when it is needed."""
        from pipetask.graph.graph_file import load

        return load(path)
