"""Lineage to look at: a tree of text, every dataset and quantum in DOT, or a page with one box per kind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pipetask.counted import counted
from pipetask.errors import GraphTooLargeError
from pipetask.pipeline.draw.content import Arrow, Content, DrawnNode, in_order
from pipetask.pipeline.draw.dot import draw_dot
from pipetask.pipeline.draw.svg import draw_svg
from pipetask.reports.page import page
from pipetask.reports.quanta_drawing import MAX_NODES
from pipetask.reports.text import duration

if TYPE_CHECKING:
    from pipetask.butler import QuantumRow
    from pipetask.reports.lineage import Lineage

MAX_ROWS = 20_000
"""Rows of each table of the page: a browser shows no more in a useful time."""
PURGED = "purged"
"""What stands for the type of datasets that are no more."""
UNKNOWN = "named by data ID"
"""What stands for the type of inputs that a dataset names by their data IDs alone."""
TEMPORARY = "temporary"
"""What is said of datasets that were not kept."""


def lineage_text(lineage: Lineage) -> str:
    """Write a tree: below each dataset or quantum what it is made from, or what is made from it."""
    return "\n".join(_tree(lineage))


def lineage_dot(lineage: Lineage) -> str:
    """Draw every dataset and quantum in DOT.

    Raises
    ------
    GraphTooLargeError
        If there are more than `MAX_NODES`.
    """
    datasets = [*lineage.datasets, *lineage.gone]
    n = len(datasets) + len(lineage.quanta)
    if n > MAX_NODES:
        raise GraphTooLargeError(
            f"A drawing of {len(lineage.quanta):,} quanta and {len(datasets):,} datasets would show "
            f"nothing: at most {MAX_NODES:,} are drawn. Go less far (--depth), or take --format html, which "
            "has one box for each task and dataset type"
        )
    nodes = {id: DrawnNode(False, *_dataset_words(lineage, id)) for id in datasets}
    nodes |= {id: DrawnNode(True, *_quantum_words(row)) for id, row in lineage.quanta.items()}
    # Boxes are told apart by what is written in them.
    unique = {id: node._replace(detail=f"{node.detail} {str(id)[-6:]}") for id, node in nodes.items()}
    arrows = [Arrow(unique[a], unique[b], is_prerequisite=False) for a, b in lineage.links()]
    return draw_dot(Content(list(unique.values()), list(dict.fromkeys(arrows))))


def lineage_page(lineage: Lineage) -> str:
    """Make a page: a box for each task and dataset type; a click lists its quanta or datasets."""
    groups = {f"task/{label}": _quantum_table(lineage, label) for label in _labels(lineage)}
    groups |= {f"dataset/{name}": _dataset_table(lineage, name) for name in _types(lineage)}
    what = "made from" if lineage.is_up else "used for"
    starts = ", ".join(" ".join(_dataset_words(lineage, id)) for id in lineage.start[:3])
    parts = {
        "TITLE": escape(f"What this was {what}"),
        "START": escape(starts + (" …" if len(lineage.start) > 3 else "")),
        "COUNTS": f"{counted(len(lineage.datasets), 'dataset')}, {counted(len(lineage.quanta), 'quantum')}",
        "DRAWING": draw_svg(_by_kind(lineage), "Lineage"),
    }
    return page("lineage.html", parts, groups)


def _tree(lineage: Lineage) -> Iterator[str]:
    below: dict[UUID, dict[UUID, None]] = {}
    for earlier, later in lineage.links():
        above, under = (later, earlier) if lineage.is_up else (earlier, later)
        below.setdefault(above, {})[under] = None
    shown: set[UUID] = set()
    stack = [(id, 0) for id in reversed(lineage.start)]
    while stack:
        id, level = stack.pop()
        is_dataset = id not in lineage.quanta
        words = _dataset_words(lineage, id) if is_dataset else _quantum_words(lineage.quanta[id])
        again = id in shown and id in below
        number = f" {id}" if is_dataset and id not in lineage.by_data_id else ""
        yield f"{'  ' * level}{' '.join(filter(None, words))}{number}{' (see above)' if again else ''}"
        if id not in shown:
            stack += [(under, level + 1) for under in reversed(below.get(id, {}))]
        shown.add(id)


def _dataset_words(lineage: Lineage, id: UUID) -> tuple[str, str]:
    if id in lineage.purged:
        return PURGED, f"read as {lineage.purged[id]}" if lineage.purged[id] else ""
    if id in lineage.by_data_id:
        values = ", ".join(f"{name}: {value!r}" for name, value in lineage.by_data_id[id].items())
        return f"{{{values}}}", f"({UNKNOWN})"
    if id in lineage.temporary:
        return f"{TEMPORARY} {lineage.temporary[id]}", ""
    ref = lineage.datasets[id]
    return f"{ref.datasetType.name} {ref.dataId}", ref.run


def _quantum_words(row: QuantumRow) -> tuple[str, str]:
    data_id = ", ".join(f"{name}: {value!r}" for name, value in json.loads(row.data_id).items())
    return f"{row.task_label} {{{data_id}}}", f"{row.status}, {duration(_wall_s(row))} on {row.host}"


def _wall_s(row: QuantumRow) -> float:
    return ((row.end_ns or 0) - (row.begin_ns or 0)) * 1e-9


def _name(lineage: Lineage, id: UUID) -> tuple[bool, str]:
    if id in lineage.quanta:
        return True, lineage.quanta[id].task_label
    if id in lineage.purged:
        return False, PURGED
    if id in lineage.by_data_id:
        return False, UNKNOWN
    if id in lineage.temporary:
        return False, f"{lineage.temporary[id]}, {TEMPORARY}"
    return False, lineage.datasets[id].datasetType.name


def _labels(lineage: Lineage) -> list[str]:
    return sorted({row.task_label for row in lineage.quanta.values()})


def _types(lineage: Lineage) -> list[str]:
    return sorted({_name(lineage, id)[1] for id in (*lineage.datasets, *lineage.gone)})


def _by_kind(lineage: Lineage) -> Content:
    """Return a box for each task and dataset type."""
    counts = Counter(_name(lineage, id) for id in (*lineage.datasets, *lineage.gone, *lineage.quanta))
    details = {key: counted(n, "quantum" if key[0] else "dataset") for key, n in counts.items()}
    return in_order(details, ((_name(lineage, a), _name(lineage, b)) for a, b in lineage.links()))


def _quantum_table(lineage: Lineage, label: str) -> dict[str, Any]:
    rows = [row for row in lineage.quanta.values() if row.task_label == label]
    return {
        "columns": ["data ID", "run", "status", "seconds", "host"],
        "count": len(rows),
        "rows": [
            [_plain(json.loads(row.data_id)), row.run, row.status, f"{_wall_s(row):.3g}", row.host]
            for row in rows[:MAX_ROWS]
        ],
    }


def _dataset_table(lineage: Lineage, name: str) -> dict[str, Any]:
    if name == PURGED:
        read = list(lineage.purged.items())
        rows = [[str(id), connection] for id, connection in read[:MAX_ROWS]]
        return {"columns": ["id", "read as"], "count": len(read), "rows": rows}
    if name == UNKNOWN:
        named = [[_plain(data_id)] for data_id in lineage.by_data_id.values()]
        return {"columns": ["data ID"], "count": len(named), "rows": named[:MAX_ROWS]}
    if name.endswith(f", {TEMPORARY}"):
        ids = [id for id in lineage.temporary if _name(lineage, id)[1] == name]
        return {"columns": ["id"], "count": len(ids), "rows": [[str(id)] for id in ids[:MAX_ROWS]]}
    ids = [id for id in lineage.datasets if _name(lineage, id)[1] == name]
    refs = [lineage.datasets[id] for id in ids[:MAX_ROWS]]
    rows = [[_plain(ref.dataId.required), ref.run, str(ref.id)] for ref in refs]
    return {"columns": ["data ID", "run", "id"], "count": len(ids), "rows": rows}


def _plain(data_id: Any) -> str:  # a mapping of dimensions to values
    return ", ".join(f"{name}={value}" for name, value in data_id.items())
