"""What a quantum graph holds: quanta, datasets and data IDs as columns of integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from uuid import UUID

import numpy as np
import numpy.typing as npt

from pipetask.butler import ArtifactRecord, DatasetType, DimensionGroup
from pipetask.graph.codes import Codes

if TYPE_CHECKING:
    import pyarrow as pa

Kind: TypeAlias = Literal[
    "input",
    "prerequisite",
    "output",
    "log",
    "metadata",
    "init_input",
    "init_output",
    "config",
    "composite_input",
    "composite_output",
]
QUANTUM_INPUTS: frozenset[Kind] = frozenset({"input", "prerequisite"})
QUANTUM_OUTPUTS: frozenset[Kind] = frozenset({"output", "log", "metadata"})
QUANTUM_COMPOSITES: frozenset[Kind] = frozenset({"composite_input", "composite_output"})
"""Kinds of connection that have edges to single quanta. Composites are no datasets of their own: their parts,
whose connections are named ``<connection>/<part>``, are among the inputs and outputs."""
WITH_EDGES = QUANTUM_INPUTS | QUANTUM_OUTPUTS | QUANTUM_COMPOSITES

Serials: TypeAlias = npt.NDArray[np.int64]
"""Identity of quanta and datasets: counter of one made by the graph, or -1 - k for the k-th existing one."""


class NewSerials:
    """Gives identities to what a graph makes, so many at a time; none is given twice."""

    def __init__(self) -> None:
        self._n = 0

    def __call__(self, n: int) -> Serials:
        """Return the next ``n``."""
        self._n += n
        return np.arange(self._n - n, self._n, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Connection:
    """What a task reads or writes under one name.

    Parameters
    ----------
    name
        Name of the connection; ``<connection>/<part>`` for a part of a composite.
    kind
        Which of the task's sets of connections it belongs to.
    dataset_type
        Name of the dataset type; of the composite if a component is read.
    component
        Name of the component, or empty.
    storage_class
        What the task wants to get, or gives.
    """

    name: str
    kind: Kind
    dataset_type: str
    component: str
    storage_class: str

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a composite, which is what the task sees."""
        return "/" in self.name


def with_edges(connections: Iterable[Connection]) -> list[Connection]:
    """Pick the connections that have edges to single quanta."""
    return [connection for connection in connections if connection.kind in WITH_EDGES]


@dataclass(frozen=True, slots=True)
class QuantaColumns:
    """Data IDs and identities of the quanta of a task: shape (n, k) and (n,)."""

    codes: Codes
    serials: Serials


class TaskQuanta:
    """The quanta of one task.

    Attributes
    ----------
    label, task_class_name, config
        Label, full name of the class, configuration as text.
    dimensions : `DimensionGroup`
        Dimensions of the quanta.
    connections : `tuple` [`Connection`]
        All that the task reads and writes.
    first, count : `int`
        The quanta have the numbers ``first``, …, ``first + count - 1``.
    """

    def __init__(
        self,
        label: str,
        task_class_name: str,
        config: str,
        dimensions: DimensionGroup,
        connections: tuple[Connection, ...],
        first: int,
        count: int,
        load: Callable[[], QuantaColumns],
    ) -> None:
        self.label = label
        self.task_class_name = task_class_name
        self.config = config
        self.dimensions = dimensions
        self.connections = connections
        self.first = first
        self.count = count
        self._load = load

    @cached_property
    def columns(self) -> QuantaColumns:
        """Data IDs and identities, read when first asked for."""
        return self._load()

    @property
    def codes(self) -> Codes:
        """Codes of the required dimensions, shape (count, k)."""
        return self.columns.codes

    def with_columns(self, columns: QuantaColumns, *, first: int | None = None) -> TaskQuanta:
        """Return the same task with other quanta, numbered from ``first`` on, or from where it had begun."""
        return TaskQuanta(
            self.label,
            self.task_class_name,
            self.config,
            self.dimensions,
            self.connections,
            self.first if first is None else first,
            len(columns.codes),
            lambda: columns,
        )


@dataclass(frozen=True)
class Locations:
    """Where the artifacts of existing datasets are.

    Parameters
    ----------
    indptr : shape (n + 1,)
        Dataset ``k`` has the records ``indptr[k]``, …, ``indptr[k + 1] - 1``.
    load
        Gives the table, once it is needed: who only decides what runs when never asks for the largest table.
    """

    indptr: npt.NDArray[np.int64]
    load: Callable[[], pa.Table]

    @cached_property
    def table(self) -> pa.Table:
        """One column for each field of `ArtifactRecord`."""
        return self.load()

    def records(self, k: int) -> list[ArtifactRecord]:
        """Make the records of the k-th existing dataset."""
        found = range(int(self.indptr[k]), int(self.indptr[k + 1]))
        return [ArtifactRecord(*[column[row].as_py() for column in self._columns]) for row in found]

    @cached_property
    def _columns(self) -> list[Any]:  # pyarrow arrays, which single values come from faster than from chunks
        return [column.chunk(0) if column.num_chunks == 1 else column for column in self.table.columns]

    def take(self, kept: npt.NDArray[np.int64]) -> Locations:
        """Keep the records of some datasets, in the given order."""
        from pipetask.graph.codes import spread

        count = np.diff(self.indptr)[kept]
        rows = spread(self.indptr[kept], count)
        table = self.table.take(rows).combine_chunks()
        return Locations(np.concatenate([[0], np.cumsum(count)]), lambda: table)


def location_table(rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    """Make the table of `Locations` from rows of an `ArtifactRecord`'s fields."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) or [()] * len(ArtifactRecord._fields)
    integers = {"offset", "size"}
    return pa.table(
        {
            name: pa.array(column, pa.int64() if name in integers else pa.string())
            for name, column in zip(ArtifactRecord._fields, columns, strict=True)
        }
    )


@dataclass(frozen=True, slots=True)
class Existing:
    """Datasets that were there before the graph: ids of shape (m, 16), the position of each one's run."""

    ids: npt.NDArray[np.uint8]
    run_index: npt.NDArray[np.int32]
    runs: tuple[str, ...]
    locations: Locations | None = None

    @classmethod
    def none(cls) -> Existing:
        """No dataset at all."""
        return cls(np.empty((0, 16), np.uint8), np.empty(0, np.int32), ())

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, kept: npt.NDArray[np.int64]) -> Existing:
        """Keep some, in the given order."""
        locations = None if self.locations is None else self.locations.take(kept)
        return Existing(self.ids[kept], self.run_index[kept], self.runs, locations)


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """The datasets of one type, in the order of their data IDs.

    Parameters
    ----------
    dataset_type
        Their type; never a component.
    codes : shape (n, k)
        Codes of the required dimensions.
    serials : shape (n,)
        Identities, see `Serials`.
    existing
        The existing ones, in the order that negative serials count in.
    """

    dataset_type: DatasetType
    codes: Codes
    serials: Serials
    existing: Existing

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, kept: npt.NDArray[np.int64]) -> DatasetTable:
        """Keep some rows, in the given order."""
        serials = self.serials[kept]
        is_existing = serials < 0
        existing = self.existing.take(-1 - serials[is_existing])
        serials[is_existing] = -1 - np.arange(np.count_nonzero(is_existing))
        return DatasetTable(self.dataset_type, self.codes[kept], serials, existing)


@dataclass(frozen=True, slots=True)
class Reused:
    """Results of earlier quanta that belong to the outputs of a graph, which does not make them.

    Parameters
    ----------
    n_quanta
        How many quanta need not run, by label; tasks without any are absent.
    ids
        Ids of the datasets, shape (n, 16), by dataset type.
    """

    n_quanta: Mapping[str, int] = field(default_factory=dict)
    ids: Mapping[str, npt.NDArray[np.uint8]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Implied:
    """What the records of an element say: codes of implied for those of required dimensions."""

    required: tuple[str, ...]
    implied: tuple[str, ...]
    keys: Codes
    values: Codes


def uuid_of(base: int, serial: int) -> UUID:
    """Make the id of something that a graph made: the graph's base with a counter in its last 40 bits."""
    return UUID(int=base + serial)


def new_base() -> int:
    """Draw the base of a graph's ids: a UUIDv7 whose last 40 bits are zero."""
    from pipetask.butler import new_id

    return new_id().int >> 40 << 40
