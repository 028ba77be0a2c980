"""How a run was executed, as its history tells: by which tasks, on which data, from which collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.errors import MissingCollectionError

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler
    from pipetask.butler.reading import ReadingButler

_ACTION = "execute"


@dataclass(frozen=True, slots=True)
class Executions:
    """What all executions of a run were asked for; empty if none was noted.

    Parameters
    ----------
    inputs : `tuple` of `str`
        Where the last of them searched inputs; the run itself is none.
    data_query : `str`
        Expression for the data that any of them selected; empty if all were.
    tasks : `~collections.abc.Mapping` [ `str`, `str` ]
        Name of the class of each task, by label.
    temporary : `frozenset` of `str`
        Dataset types that nobody needs after the run.
    """

    inputs: tuple[str, ...] = ()
    data_query: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)
    temporary: frozenset[str] = frozenset()


def note_execution(
    butler: Butler,
    run: str,
    *,
    inputs: Sequence[str],
    data_query: str,
    tasks: Mapping[str, str],
    temporary: Iterable[str],
) -> None:
    """Write into the history of a run that it is executed from now on."""
    butler.registry.collections.note(
        run,
        _ACTION,
        inputs=[name for name in inputs if name != run],
        data_query=data_query,
        tasks=dict(tasks),
        temporary=sorted(temporary),
    )


def executions_of(butler: ReadingButler, run: str) -> Executions:
    """Return what was noted about a run; nothing if there is no such run."""
    noted = _noted(butler, run)
    if not noted:
        return Executions()
    queries = dict.fromkeys(detail["data_query"] for detail in noted)
    return Executions(
        tuple(noted[-1]["inputs"]),
        _either(list(queries)),
        {label: name for detail in noted for label, name in detail["tasks"].items()},
        frozenset(name for detail in noted for name in detail["temporary"]),
    )


def _noted(butler: ReadingButler, run: str) -> list[Mapping[str, Any]]:
    """Return the notes since the run was registered: an earlier one may have had its name."""
    try:
        history = butler.registry.collections.history(run)
    except MissingCollectionError:
        return []
    found: list[Mapping[str, Any]] = []
    for edit in history:
        if edit.action == "register":
            found = []
        elif edit.action == _ACTION:
            found.append(edit.detail)
    return found


def _either(queries: Sequence[str]) -> str:
    if not all(queries):
        return ""
    return queries[0] if len(queries) == 1 else " OR ".join(f"({query})" for query in queries)
