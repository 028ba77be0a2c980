"""The command that runs a group of failed quanta again, and no others."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipetask.execution.summary import ErrorGroup


def rerun_command(group: ErrorGroup, run: str, output: str) -> str:
    """Return a command line; ``PIPELINE`` and ``INPUTS`` stand for what nothing recorded.

    A chain knows the inputs of its runs; changes of configurations are to be given again.

    Parameters
    ----------
    group : `ErrorGroup`
        What failed. If it is too many to name, all quanta of the task that are not done are meant.
    run, output : `str`
        Where they were run, and the chain that this run is the newest of.
    """
    where = condition(group.data_ids)
    words = ["pipetask", "run", "-p", f"PIPELINE#{group.label}"]
    words += ["-o", output] if output else ["-i", "INPUTS", "--output-run", run]
    return " ".join(map(_quoted, [*words, "--extend-run", *(["-d", where] if where else [])]))


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
