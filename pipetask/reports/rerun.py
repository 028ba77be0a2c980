"""The command that runs a group of failed quanta again, and no others."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipetask.execution.summary import ErrorGroup, RunSummary
    from pipetask.reports.run import RunReport


def rerun_command(group: ErrorGroup, of: RunSummary | RunReport) -> str:
    """Return a command line that runs a group of failed quanta again, as they were configured, and no others.

    In a run with temporary datasets, which nobody may have kept, what makes their inputs goes with them.

    Parameters
    ----------
    group : `ErrorGroup`
        What failed. If it is too many to name, all quanta of the task that are not done are meant.
    of : `RunSummary` or `RunReport`
        The run that they failed in.
    """
    tasks = f"..{group.label}" if of.executions.temporary else group.label
    return _command(of, f"{of.run}#{tasks}", condition(group.data_ids) or of.executions.data_query)


def rest_command(of: RunSummary | RunReport) -> str:
    """Return a command line that runs all that is not done."""
    return _command(of, of.run, of.executions.data_query)


def report_command(of: RunSummary | RunReport) -> str:
    """Return a command line that says how a run went."""
    return " ".join(map(_quoted, ["pipetask", "report", *_repository(of), of.run]))


def graph_command(of: RunReport, file: str) -> str:
    """Return a command line that runs a saved graph, which nobody has begun with."""
    return " ".join(map(_quoted, ["pipetask", "run", *_repository(of), "-g", file]))


def _command(of: RunSummary | RunReport, pipeline: str, where: str) -> str:
    """Return a command line; the chain, or the history of the run, knows where inputs are."""
    words = ["pipetask", "run", *_repository(of), "-p", pipeline]
    words += ["-o", of.output] if of.output else ["--output-run", of.run]
    return " ".join(map(_quoted, [*words, "--extend-run", *(["-d", where] if where else [])]))


def _repository(of: RunSummary | RunReport) -> list[str]:
    return ["-b", of.repository] if of.repository else []


def _quoted(word: str) -> str:
    """Quote a word for a shell, in double quotes if it has single ones of its own and nothing special."""
    is_plain = "'" in word and not set(word) & set('"$`\\!')
    return f'"{word}"' if is_plain else shlex.quote(word)


def condition(data_ids: Sequence[str]) -> str:
    """Return the expression of the query language that is true for some data IDs, which are JSON."""
    rows = [json.loads(data_id) for data_id in data_ids]
    if not rows or not rows[0]:
        return ""
    varying = [name for name in rows[0] if len({row[name] for row in rows}) > 1]
    common = [f"{name} = {rows[0][name]!r}" for name in rows[0] if name not in varying]
    if len(varying) > 1:
        each = (" AND ".join(f"{name} = {row[name]!r}" for name in varying) for row in rows)
        return " AND ".join([*common, f"({' OR '.join(f'({part})' for part in each)})"])
    several = [f"{name} IN ({', '.join(map(repr, sorted(row[name] for row in rows)))})" for name in varying]
    return " AND ".join([*common, *several])
