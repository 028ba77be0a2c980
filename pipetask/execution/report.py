"""How one quantum went: the small record that travels from a worker to the journal and to the registry."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from pipetask.butler import ArtifactRecord
from pipetask.errors import InvalidQuantumError, RepeatableQuantumError, headline, text_of

_encoder = json.JSONEncoder(separators=(",", ":"))


class Status(StrEnum):
    """What became of a quantum; the values are those of the registry's ``quantum.status``."""

    SUCCEEDED = "succeeded"
    NO_WORK = "no_work"
    """There was nothing to do: a success without outputs."""
    FAILED = "failed"
    LOST = "lost"
    """It failed because its worker ended, or was ended since memory was short."""
    BLOCKED = "blocked"
    """Never begun, because something that it needs failed."""
    NOT_ATTEMPTED = "not_attempted"
    """Never begun, because the run was stopped before, or is not so far."""


DONE = frozenset({Status.SUCCEEDED, Status.NO_WORK})
RAN = frozenset({*DONE, Status.FAILED, Status.LOST})
"""Status of quanta that were begun, and so have durations."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a quantum failed, or found nothing to do.

    Parameters
    ----------
    kind : `str`
        Name of the exception's type, or what happened to the worker (``"LostWorker"``, ``"Timeout"``).
    message : `str`
        The exception's text.
    traceback : `str`
        Where it was raised; empty if the worker could not say.
    is_repeatable : `bool`
        Whether the task said that it would fail in the same way again.
    """

    kind: str
    message: str
    traceback: str = ""
    is_repeatable: bool = False

    @classmethod
    def from_exception(cls, error: BaseException) -> Failure:
        """Describe an exception, with its causes in the traceback."""
        text = "".join(traceback.format_exception(error))
        is_repeatable = isinstance(error, (RepeatableQuantumError, InvalidQuantumError))
        return cls(type(error).__name__, text_of(error), text, is_repeatable)

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @property
    def headline(self) -> str:
        """The beginning of it, in one line; "…" where there is more."""
        return headline(str(self))


@dataclass(frozen=True, slots=True)
class Report:
    """How one quantum went.

    Parameters
    ----------
    quantum : `int`
        Its number in the graph.
    status : `Status`
        One of `RAN`: the others are never reported, since nobody ran them.
    begin_ns, end_ns : `int`
        Wall-clock times [ns since 1970, UTC].
    cpu_s : `float`
        Processor time, of user and system [s].
    peak_memory : `int`
        Largest resident set while it ran [byte]; 0 where the system doesn't tell.
    host, pid
        Who ran it.
    written : `~collections.abc.Mapping` [ `uuid.UUID`, `~collections.abc.Sequence` [ `ArtifactRecord` ] ]
        Where the bytes of each output are.
    read : `~collections.abc.Mapping` [ `str`, `~collections.abc.Sequence` [ `uuid.UUID` ] ]
        Inputs whose bytes were really read, by connection name.
    named : `~collections.abc.Mapping` [ `uuid.UUID`, `~collections.abc.Sequence` [ `dict` ] ]
        What outputs say of themselves that they were made from: values by column.
    failure : `Failure`, optional
        Why it failed, or why there was no work; none if it succeeded.
    attempts : `int`
        How often it was tried, this time included.
    code : `str`
        Version of the task's code; empty if it can't be told.
    inputs : `~collections.abc.Mapping` [ `str`, `str` ]
        For each connection a digest of the datasets that were given.
    is_partial : `bool`
        Whether the task said that it made only a part of its outputs.
    temporary : `~collections.abc.Mapping` [ `uuid.UUID`, `~collections.abc.Sequence` [ `ArtifactRecord` ] ]
        Outputs that nobody needs after the run: where their bytes are until then, or nothing if they were
        handed on in memory. Of one that failed: what it was handed, written so that it can be tried again.
    """

    quantum: int
    status: Status
    begin_ns: int = 0
    end_ns: int = 0
    cpu_s: float = 0.0
    peak_memory: int = 0
    host: str = ""
    pid: int = 0
    written: Mapping[UUID, Sequence[ArtifactRecord]] = field(default_factory=dict)
    read: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    named: Mapping[UUID, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    failure: Failure | None = None
    attempts: int = 1
    code: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    is_partial: bool = False
    temporary: Mapping[UUID, Sequence[ArtifactRecord]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the quanta that wait for this one may run."""
        return self.status in DONE

    @property
    def can_be_reused(self) -> bool:
        """Whether a later run may take the outputs for its own."""
        return self.ok and not self.is_partial

    def to_bytes(self) -> bytes:
        """Encode as JSON: the form in the journal."""
        failure = self.failure and astuple(self.failure)
        fields = (
            self.quantum,
            self.status,
            self.begin_ns,
            self.end_ns,
            self.cpu_s,
            self.peak_memory,
            self.host,
            self.pid,
            {id.hex: records for id, records in self.written.items()},
            {name: [id.hex for id in ids] for name, ids in self.read.items()},
            failure,
            self.attempts,
            self.code,
            self.inputs,
            self.is_partial,
            {id.hex: rows for id, rows in self.named.items()},
            {id.hex: records for id, records in self.temporary.items()},
        )
        return _encoder.encode(fields).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Report:
        """Decode what `to_bytes` made."""
        quantum, status, begin_ns, end_ns, cpu_s, peak, host, pid, *more = json.loads(data)
        written, read, failure, attempts, code, inputs, is_partial, named, temporary = more
        return cls(
            quantum,
            Status(status),
            begin_ns=begin_ns,
            end_ns=end_ns,
            cpu_s=cpu_s,
            peak_memory=peak,
            host=host,
            pid=pid,
            written=_records_by_id(written),
            read={name: [UUID(hex=id) for id in ids] for name, ids in read.items()},
            named={UUID(hex=id): rows for id, rows in named.items()},
            failure=failure and Failure(*failure),
            attempts=attempts,
            code=code,
            inputs=inputs,
            is_partial=is_partial,
            temporary=_records_by_id(temporary),
        )


def _records_by_id(plain: Mapping[str, Sequence[Sequence[Any]]]) -> dict[UUID, list[ArtifactRecord]]:
    return {UUID(hex=id): [ArtifactRecord(*record) for record in records] for id, records in plain.items()}
