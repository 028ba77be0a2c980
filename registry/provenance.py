"""Provenance: which quanta ran, and what each of them really read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select

from registry.collections.facade import Collections
from registry.database import Database
from registry.datasets.ids import to_bytes
from registry.keyed_rows import rows_by_keys
from registry.schema.schema import Schema

AnyId = UUID | bytes


class QuantumRow(NamedTuple):
    """What is kept about one quantum; times in ns since 1970 by the worker's clock, memory in bytes."""

    id: UUID
    run: str
    task_label: str
    task_class: str
    data_id: str
    """JSON."""
    status: str
    host: str | None = None
    pid: int | None = None
    begin_ns: int | None = None
    end_ns: int | None = None
    cpu_s: float | None = None
    peak_memory: int | None = None
    exception: str | None = None
    attempts: int = 1


class RunRow(NamedTuple):
    """When and where a run was executed; times in ns since 1970, `None` if it was not, or hasn't ended."""

    begin_ns: int | None
    end_ns: int | None
    host: str | None
    journal: str | None


class TaskHistory(NamedTuple):
    """What the quanta of a task took that have succeeded so far."""

    n_quanta: int
    wall_s: float
    """Mean [s]."""
    cpu_s: float
    """Mean [s]."""
    peak_memory: int
    """Largest [byte]."""
    output_bytes: float
    """Mean of what one wrote."""


class QuantumVersion(NamedTuple):
    """What the results of a quantum that succeeded depend on."""

    quantum_id: AnyId
    code: str
    """Version of the task's code; empty if it could not be told."""
    config: str
    """Digest of the configuration."""
    inputs: str
    """JSON: a digest of the datasets of each connection."""
    n_outputs: int
    """How many datasets it made, log and metadata included."""


class Provenance:
    """Writes and reads provenance.

    Parameters
    ----------
    db, schema, collections
        The parts of the registry that it asks.
    """

    def __init__(self, db: Database, schema: Schema, collections: Collections) -> None:
        self._db = db
        self._schema = schema
        self._collections = collections

    def begin_run(self, run: str, begin_ns: int, host: str, journal: str) -> None:
        """Note that a run is executed from now on; when it was begun at first stays."""
        r = self._schema.run
        values = {"begin_ns": func.coalesce(r.c.begin_ns, begin_ns), "end_ns": None}
        self._update_run(run, values | {"host": host, "journal": journal})

    def end_run(self, run: str, end_ns: int) -> None:
        """Note that the execution of a run has ended."""
        self._update_run(run, {"end_ns": end_ns, "journal": None})

    def _update_run(self, run: str, values: Mapping[str, Any]) -> None:
        r = self._schema.run
        id = self._collections.get_info(run).id
        with self._db.transaction():
            self._db.execute(r.update().where(r.c.collection_id == id).values(**values))

    def run(self, run: str) -> RunRow:
        """Return when and where a run was executed."""
        r = self._schema.run
        columns = [r.c[name] for name in RunRow._fields]
        id = self._collections.get_info(run).id
        return RunRow(*self._db.fetch(select(*columns).where(r.c.collection_id == id))[0])

    def history(self, tasks: Mapping[str, str]) -> dict[str, TaskHistory]:
        """Return what earlier quanta of tasks took, by label; tasks that never ran are left out.

        Parameters
        ----------
        tasks : `~collections.abc.Mapping` [ `str`, `str` ]
            Name of the class by label: both must be the same.
        """
        q, d, location = self._schema.quantum, self._schema.dataset, self._schema.dataset_location
        ran = q.c.status == "succeeded"
        wanted = q.c.task_label.in_(list(tasks))
        key = q.c.task_label, q.c.task_class
        figures = (
            func.count(),
            func.avg(q.c.end_ns - q.c.begin_ns),
            func.avg(q.c.cpu_s),
            func.max(q.c.peak_memory),
        )
        rows = self._db.fetch(select(*key, *figures).where(ran, wanted).group_by(*key))
        sizes = self._db.fetch(
            select(*key, func.sum(location.c.size))
            .join_from(q, d, d.c.quantum_id == q.c.id)
            .join(location, location.c.dataset_id == d.c.id)
            .where(ran, wanted)
            .group_by(*key)
        )
        size = {(label, name): float(total or 0) for label, name, total in sizes}
        return {
            label: TaskHistory(
                int(n),
                float(wall or 0) * 1e-9,
                float(cpu or 0),
                int(peak or 0),
                size.get((label, name), 0.0) / int(n),
            )
            for label, name, n, wall, cpu, peak in rows
            if tasks[label] == name
        }

    def flow(self, run: str) -> list[tuple[str, str, str, int]]:
        """Return (task label, dataset type, ``"read"`` or ``"made"``, number of datasets) of a run."""
        q, d, t = self._schema.quantum, self._schema.dataset, self._schema.dataset_type
        i = self._schema.quantum_input
        ours = q.c.run_id == self._collections.get_info(run).id
        key = q.c.task_label, t.c.name
        made = select(*key, func.count()).join_from(q, d, d.c.quantum_id == q.c.id)
        read = select(*key, func.count()).join_from(q, i, i.c.quantum_id == q.c.id)
        return [
            (label, name, what, n)
            for what, query in (("read", read.join(d, d.c.id == i.c.dataset_id)), ("made", made))
            for label, name, n in self._db.fetch(
                query.join(t, t.c.id == d.c.dataset_type_id).where(ours).group_by(*key)
            )
        ]

    def insert_quanta(self, rows: Iterable[QuantumRow | tuple[Any, ...]]) -> int:
        """Store quanta, tuples in the order of `QuantumRow`; one that ran again replaces what it was."""
        quanta = [QuantumRow(*row) for row in rows]
        run_ids = {run: self._collections.get_info(run).id for run in {q.run for q in quanta}}
        names = ("id", "run_id", *QuantumRow._fields[2:])
        plain = [(*_bytes(q.id), run_ids[q.run], *q[2:]) for q in quanta]
        with self._db.transaction():
            return self._db.insert(self._schema.quantum, names, plain, "replace")

    def insert_quantum_inputs(self, rows: Iterable[tuple[AnyId, AnyId, str]]) -> int:
        """Store (quantum id, dataset id, connection) of datasets that were really read."""
        plain = [(*_bytes(quantum, dataset), connection) for quantum, dataset, connection in rows]
        with self._db.transaction():
            return self._db.insert(
                self._schema.quantum_input, ("quantum_id", "dataset_id", "connection"), plain, "skip"
            )

    def insert_temporary(self, rows: Iterable[tuple[AnyId, str, AnyId]]) -> int:
        """Store (dataset id, dataset type, quantum id) of what quanta made that is not kept."""
        plain = [(*_bytes(dataset), name, *_bytes(quantum)) for dataset, name, quantum in rows]
        with self._db.transaction():
            return self._db.insert(
                self._schema.temporary_dataset, ("dataset_id", "dataset_type", "quantum_id"), plain, "replace"
            )

    def temporary(self, dataset_ids: Iterable[UUID]) -> dict[UUID, tuple[str, UUID]]:
        """Return dataset type and producing quantum of what was not kept, by id of the dataset."""
        t = self._schema.temporary_dataset
        return self._read_temporary(t.c.dataset_id, dataset_ids)

    def temporary_products(self, quantum_ids: Iterable[UUID]) -> dict[UUID, tuple[str, UUID]]:
        """Return the same of what quanta made."""
        t = self._schema.temporary_dataset
        return self._read_temporary(t.c.quantum_id, quantum_ids)

    def _read_temporary(self, key: Any, ids: Iterable[UUID]) -> dict[UUID, tuple[str, UUID]]:
        t = self._schema.temporary_dataset
        columns = [t.c.dataset_id, t.c.dataset_type, t.c.quantum_id]
        rows = rows_by_keys(self._db, columns, [key], [(id,) for id in to_bytes(ids)])
        return {UUID(bytes=dataset): (name, UUID(bytes=quantum)) for dataset, name, quantum in rows}

    def insert_versions(self, rows: Iterable[QuantumVersion | tuple[Any, ...]]) -> int:
        """Store versions of quanta, tuples in the order of `QuantumVersion`."""
        plain = [(*_bytes(id), *rest) for id, *rest in rows]
        with self._db.transaction():
            return self._db.insert(self._schema.quantum_version, QuantumVersion._fields, plain, "replace")

    def versions(self, run: str, label: str) -> list[tuple[QuantumRow, QuantumVersion]]:
        """Return the quanta of a task in a run whose results may be used again."""
        q, v = self._schema.quantum, self._schema.quantum_version
        columns = [q.c[name] for name in QuantumRow._fields[2:]]
        query = (
            select(q.c.id, *columns, *(v.c[name] for name in QuantumVersion._fields[1:]))
            .join_from(q, v, q.c.id == v.c.quantum_id)
            .where(q.c.run_id == self._collections.get_info(run).id, q.c.task_label == label)
        )
        n = len(columns)
        return [
            (QuantumRow(UUID(bytes=id), run, *rest[:n]), QuantumVersion(UUID(bytes=id), *rest[n:]))
            for id, *rest in self._db.fetch(query)
        ]

    def set_producers(self, rows: Iterable[tuple[UUID, UUID]]) -> None:
        """Store (dataset id, id of the quantum that made it)."""
        d = self._schema.dataset
        statement = d.update().where(d.c.id == bindparam("dataset")).values(quantum_id=bindparam("quantum"))
        with self._db.transaction():
            self._db.execute(statement, [{"dataset": a.bytes, "quantum": b.bytes} for a, b in rows])

    def quanta(self, run: str) -> list[QuantumRow]:
        """Return the quanta of a run, in the order in which they began."""
        q = self._schema.quantum
        columns = [q.c[name] for name in QuantumRow._fields[2:]]
        query = select(q.c.id, *columns).where(q.c.run_id == self._collections.get_info(run).id)
        rows = self._db.fetch(query.order_by(q.c.begin_ns, q.c.id))
        return [QuantumRow(UUID(bytes=id), run, *rest) for id, *rest in rows]

    def quantum_rows(self, quantum_ids: Iterable[UUID]) -> dict[UUID, QuantumRow]:
        """Return quanta by id, of whatever run; those that are not known are left out."""
        q = self._schema.quantum
        columns = [q.c[name] for name in QuantumRow._fields[2:]]
        keys = [(id,) for id in to_bytes(quantum_ids)]
        rows = rows_by_keys(self._db, [q.c.id, q.c.run_id, *columns], [q.c.id], keys)
        c = self._schema.collection
        runs = dict(
            rows_by_keys(self._db, [c.c.id, c.c.name], [c.c.id], [(id,) for id in {r[1] for r in rows}])
        )
        return {UUID(bytes=id): QuantumRow(UUID(bytes=id), runs[run], *rest) for id, run, *rest in rows}

    def inputs(self, quantum_ids: Iterable[UUID]) -> list[tuple[UUID, UUID, str]]:
        """Return (quantum id, dataset id, connection) of what quanta read."""
        i = self._schema.quantum_input
        return self._read_inputs(i.c.quantum_id, quantum_ids)

    def consumers(self, dataset_ids: Iterable[UUID]) -> list[tuple[UUID, UUID, str]]:
        """Return (quantum id, dataset id, connection) of the quanta that read datasets."""
        i = self._schema.quantum_input
        return self._read_inputs(i.c.dataset_id, dataset_ids)

    def _read_inputs(self, key: Any, ids: Iterable[UUID]) -> list[tuple[UUID, UUID, str]]:
        i = self._schema.quantum_input
        rows = rows_by_keys(
            self._db, [i.c.quantum_id, i.c.dataset_id, i.c.connection], [key], [(id,) for id in to_bytes(ids)]
        )
        return [
            (UUID(bytes=quantum), UUID(bytes=dataset), connection) for quantum, dataset, connection in rows
        ]

    def producers(self, dataset_ids: Iterable[UUID]) -> dict[UUID, UUID]:
        """Return the producing quantum of each dataset that has one."""
        d = self._schema.dataset
        keys = [(id,) for id in to_bytes(dataset_ids)]
        rows = rows_by_keys(self._db, [d.c.id, d.c.quantum_id], [d.c.id], keys, d.c.quantum_id.is_not(None))
        return {UUID(bytes=id): UUID(bytes=quantum) for id, quantum in rows}

    def products(self, quantum_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
        """Return (quantum id, dataset id) of what quanta made."""
        d = self._schema.dataset
        keys = [(id,) for id in to_bytes(quantum_ids)]
        rows = rows_by_keys(self._db, [d.c.quantum_id, d.c.id], [d.c.quantum_id], keys)
        return [(UUID(bytes=quantum), UUID(bytes=id)) for quantum, id in rows]


def _bytes(*ids: AnyId) -> tuple[bytes, ...]:
    return tuple([id.bytes if isinstance(id, UUID) else bytes(id) for id in ids])
