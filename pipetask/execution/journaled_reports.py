"""From the records of a journal to reports on the quanta of its graph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipetask.errors import JournalError
from pipetask.execution.report import Report

if TYPE_CHECKING:
    from pipetask.graph.quantum_graph import QuantumGraph


def journaled_reports(records: Iterable[bytes], graph: QuantumGraph, journal: Path) -> list[Report]:
    """Decode the records of a journal.

    Raises
    ------
    JournalError
        If they are in a form that is not known, or of the quanta of another graph.
    """
    try:
        reports = [Report.from_bytes(record) for record in records]
    except (ValueError, TypeError) as error:
        raise JournalError(
            f"The journal {journal} is in a form that this release doesn't read. Go on with the release that "
            "wrote it; or remove it, and with it all that it alone knows."
        ) from error
    if any(report.quantum >= len(graph) for report in reports) or not _is_of(graph, reports):
        raise JournalError(
            f"The journal {journal} is not of the graph of run {graph.header.output_run!r}: it tells of "
            "other quanta. Restore the one that belongs to it; or remove it, and with it all that it alone "
            "knows."
        )
    return reports


def _is_of(graph: QuantumGraph, reports: Iterable[Report]) -> bool:
    """Look at the first quantum that wrote something, which is its log at least."""
    report = next((report for report in reports if report.written), None)
    log = graph.quantum(report.quantum).log_ref if report else None
    return report is None or log is None or log.id in report.written
