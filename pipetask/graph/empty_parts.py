"""The parts of a pipeline that have nothing to run, and why each has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipetask.graph.funnel import MAX_EXAMPLES, TO_RUN

if TYPE_CHECKING:
    from pipetask.graph.codes import Codebooks
    from pipetask.graph.draft import DraftTask
    from pipetask.graph.funnel import Funnel
    from pipetask.graph.parts import Part


@dataclass(frozen=True, slots=True)
class EmptyPart:
    """A part of a pipeline without quanta to run.

    Parameters
    ----------
    labels
        Its tasks.
    is_done
        Whether there are none because all were done before.
    sentences
        Why; the first one names the cause.
    """

    labels: tuple[str, ...]
    is_done: bool
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.labels)}: {' '.join(self.sentences)}"


def empty_parts(
    parts: Sequence[Part],
    no_data: Mapping[Part, Sequence[str]],
    drafts: Mapping[str, DraftTask],
    funnel: Funnel,
    codebooks: Codebooks,
) -> Iterator[EmptyPart]:
    """Find the parts that have no quantum to run.

    Parameters
    ----------
    parts
        All parts of the pipeline.
    no_data
        Why there are no data IDs at all, for the parts that have none.
    drafts
        What is left of the tasks, by label.
    funnel, codebooks
        What each step dropped; how values are encoded.
    """
    for part in parts:
        labels = tuple(task.label for task in part.tasks)
        tasks = [drafts[label] for label in labels]
        if part in no_data:
            yield EmptyPart(labels, False, tuple(no_data[part]))
        elif not any(task.is_kept.any() for task in tasks):
            yield _nothing_left(labels, tasks, funnel, codebooks)


def causes(parts: Sequence[EmptyPart]) -> list[str]:
    """Say why parts are empty: the sentences of one cause, or a text for each of several."""
    tasks_of: dict[tuple[str, ...], list[str]] = {}
    for part in parts:
        tasks_of.setdefault(part.sentences, []).extend(part.labels)
    if len(tasks_of) == 1:
        return list(parts[0].sentences)
    return [f"{', '.join(labels)}: {' '.join(sentences)}" for sentences, labels in tasks_of.items()]


def told(parts: Sequence[EmptyPart]) -> str:
    """Say why parts are empty, one line for each cause."""
    one_cause = len({part.sentences for part in parts}) == 1
    return (" " if one_cause else "\n").join(causes(parts))


def _nothing_left(
    labels: tuple[str, ...], tasks: Sequence[DraftTask], funnel: Funnel, codebooks: Codebooks
) -> EmptyPart:
    """Say which step dropped the last quanta of tasks that had some."""
    n_done = sum(int(np.count_nonzero(task.is_skipped)) for task in tasks)
    first = next((task for task in tasks if len(task.data_ids) > np.count_nonzero(task.is_skipped)), None)
    if first is None:
        return EmptyPart(labels, True, (f"Nothing is left to do: all {n_done:,} quanta were done before.",))
    label = first.node.label
    step = next(step for step in funnel.tasks[label] if step.dropped and step.name != TO_RUN)
    row = int(np.flatnonzero(~first.is_skipped)[0])
    values = zip(first.data_ids.dimensions, first.data_ids.codes[row].tolist(), strict=True)
    data_id = ", ".join(f"{d}={codebooks[d].values[code]}" for d, code in values)
    examples = "; ".join(step.examples[:MAX_EXAMPLES])
    done = f", {np.count_nonzero(first.is_skipped):,} done before" if first.is_skipped.any() else ""
    dropped = f"{step.dropped:,} {'was' if step.dropped == 1 else 'were'} dropped ({examples}){done}"
    cause = f"No quantum of task '{label}' is left {step.name}: {dropped}."
    return EmptyPart(labels, False, (cause, f"Ask about one of them with: --why {label} '{data_id}'"))
