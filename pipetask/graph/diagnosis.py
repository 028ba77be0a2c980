"""Why a graph is empty, or a prerequisite missing: the cause first, then what to check."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipetask.butler import suggest
from pipetask.graph import funnel as steps
from pipetask.graph.bounds import bounds_of
from pipetask.graph.codes import Codebooks
from pipetask.graph.datasets import collections_with
from pipetask.graph.draft import DraftTask
from pipetask.graph.join import Relation, join_all
from pipetask.graph.relations import Constraint

if TYPE_CHECKING:
    from pipetask.butler import DatasetType, Registry
    from pipetask.graph.prerequisites import PrerequisiteFinder
    from pipetask.pipeline.nodes import Edge

_ORDER = ("records", "datasets", "query", "table", "overlap")
"""Empty relations are blamed in this order: what cannot exist without another one comes after it."""

_LAST_FIRST = ("datasets", "table", "query", "overlap", "records")
"""Constraints in the opposite order of the steps of graph building that they belong to."""

_HINTS = {
    "visit": "Define visits from exposures with: butler define-visits",
    "visit_definition": "Define visits from exposures with: butler define-visits",
    "visit_detector_region": "Define visits from exposures with: butler define-visits",
    "exposure": "Ingest raw images with: butler ingest-raws",
    "instrument": "Register one with: butler register-instrument",
    "detector": "Register the instrument with: butler register-instrument",
    "physical_filter": "Register the instrument with: butler register-instrument",
    "skymap": "Register one with: butler register-skymap",
    "tract": "Register a sky map with: butler register-skymap",
    "patch": "Register a sky map with: butler register-skymap",
}


def why_empty(
    constraints: Sequence[Constraint],
    codebooks: Codebooks,
    collections: Collection[str],
    registry: Registry,
) -> list[str]:
    """Find a smallest set of constraints that nothing satisfies, and say so.

    Parameters
    ----------
    constraints, codebooks
        What must hold, and how its values are encoded.
    collections
        Where inputs were searched.
    registry
        Knows what else there is.

    Returns
    -------
    sentences
        The first one names the cause.
    """
    core = _irreducible(constraints, codebooks)
    if len(core) == 1:
        return [_nothing(core[0], codebooks, collections, registry)]
    return [
        f"No data ID fits {_all_of(core, collections)} at once.",
        f"Leave out any one of them and there are some. {_mend(core, collections)}",
    ]


def why_one_is_missing(
    unit: Relation, constraints: Sequence[Constraint], codebooks: Codebooks, collections: Collection[str]
) -> tuple[str, str]:
    """Find a smallest set of constraints that one data ID does not satisfy.

    Parameters
    ----------
    unit
        The data ID.
    constraints, codebooks, collections
        As for `why_empty`.

    Returns
    -------
    step
        The step of graph building that drops it.
    sentence
        What it does not fit, and what to look at.
    """
    one = Constraint("query", "", unit)
    # What comes first in the building is tried last, so that it stays if it alone is the cause.
    in_order = sorted(constraints, key=lambda constraint: _LAST_FIRST.index(constraint.kind))
    core = [c for c in _irreducible([*in_order, one], codebooks) if c is not one]
    kinds = {constraint.kind for constraint in core}
    step = steps.JOINED
    if "datasets" in kinds:
        step = steps.INPUTS
    elif kinds & {"query", "table"}:
        step = steps.QUERIED
    return step, f"It does not fit {_all_of(core, collections)}. {_mend(core, collections)}"


def no_record(element: str, value: object) -> str:
    """Say that a data ID names something that nobody registered."""
    hint = _HINTS.get(element, "Add it with: butler.registry.insert_dimension_records")
    see = f"See all with: butler query-dimension-records {element}"
    return f"No {element} {value!r} is registered. {see}. {hint}."


def _all_of(core: Sequence[Constraint], collections: Collection[str]) -> str:
    *parts, last = [_phrase(constraint, collections) for constraint in core]
    return f"{', '.join(parts)} and {last}" if parts else last


def _mend(core: Sequence[Constraint], collections: Collection[str]) -> str:
    """Name a command that mends a contradiction, or shows what there is."""
    if any(constraint.kind == "overlap" for constraint in core):
        return "Check that the sky map covers the observations: butler register-skymap."
    for constraint in core:
        if constraint.kind == "records" and constraint.subject in _HINTS:
            return f"{_HINTS[constraint.subject]}."
    names = [constraint.subject for constraint in core if constraint.kind == "datasets"]
    if names:
        where = f" --collections {','.join(collections)}" if collections else ""
        return f"See which there are with: butler query-datasets {names[0]}{where}"
    return "Change the data query (-d)."


def _irreducible(constraints: Sequence[Constraint], codebooks: Codebooks) -> list[Constraint]:
    """Reduce constraints to some that are empty together, and are not without any one of them."""
    empty = [constraint for constraint in constraints if not constraint.relation.n_rows]
    if empty:
        return [min(empty, key=lambda constraint: _ORDER.index(constraint.kind))]
    core = list(constraints)
    for constraint in constraints:
        rest = [other for other in core if other is not constraint]
        if join_all([other.relation for other in rest], codebooks, keep=()).is_empty:
            core = rest
    return core


def _nothing(
    constraint: Constraint,
    codebooks: Codebooks,
    collections: Collection[str],
    registry: Registry,
) -> str:
    subject = constraint.subject
    if constraint.kind == "records":
        hint = _HINTS.get(subject, "Add some with: butler.registry.insert_dimension_records")
        return f"There are no {subject} records in this repository. {hint}."
    if constraint.kind == "datasets":
        elsewhere = where_else(subject, collections, registry)
        return f"There are no '{subject}' datasets in {_listed(collections)}. {elsewhere}"
    if constraint.kind == "query":
        names = [d for d in dict.fromkeys(re.findall(r"\w+", subject)) if d in codebooks]
        known = "; ".join(f"{d} {_some(sorted(codebooks[d].values))}" for d in names if len(codebooks[d]))
        there_is = f" There is {known}." if known else ""
        which = names[0] if names else "DIMENSION"
        return (
            f"Nothing in this repository matches `{subject}` in the data query.{there_is} "
            f"See all with: butler query-dimension-records {which}"
        )
    if constraint.kind == "table":
        return f"The table of data IDs '{subject}' has no rows. Name another one (--data-id-table)."
    return (
        f"No {subject} overlap on the sky. Check that the sky map covers the observations, and that visits "
        "have regions (butler define-visits)."
    )


def where_else(dataset_type: str, collections: Collection[str], registry: Registry) -> str:
    """Say which collections hold datasets of a type, and how to search there."""
    found = collections_with(registry, dataset_type)
    if found:
        shown = ", ".join(found[:5]) + (f", … ({len(found):,})" if len(found) > 5 else "")
        wanted = ",".join(dict.fromkeys([*collections, found[0]]))
        return f"There are some in {shown}: search there too, as in -i {wanted}"
    known = [kind.name for kind in registry.query_dataset_types()]
    if dataset_type in known:
        return "No collection holds any: ingest them, or run the task that makes them first."
    nearest = suggest(dataset_type, known) or "."
    return (
        f"Nobody registered a dataset type '{dataset_type}'{nearest} See all with: butler query-dataset-types"
    )


def _phrase(constraint: Constraint, collections: Collection[str]) -> str:
    if constraint.kind == "datasets":
        return f"the '{constraint.subject}' datasets in {_listed(collections)}"
    if constraint.kind == "query":
        return f"`{constraint.subject}` in the data query"
    if constraint.kind == "table":
        return f"the table of data IDs '{constraint.subject}'"
    if constraint.kind == "overlap":
        return f"the overlap of {constraint.subject.replace(' and ', ' with ')} on the sky"
    return f"the {constraint.subject} records"


def _listed(collections: Collection[str]) -> str:
    return f"collection{'s' if len(collections) != 1 else ''} {', '.join(collections)}"


def why_without_prerequisite(
    task: DraftTask,
    edge: Edge,
    row: int,
    n_missing: int,
    codebooks: Codebooks,
    collections: Collection[str],
    finder: PrerequisiteFinder,
    registry: Registry,
) -> str:
    """Say what a quantum lacks, where it was searched, and how near a match there is."""
    found = task.edges[edge.connection]
    count = int(found.count(len(task.data_ids))[row])
    others = f" (and {n_missing - 1:,} more)" if n_missing > 1 else ""
    stored = found.datasets.table.dataset_type
    existing = finder.all_of(stored)
    message = (
        f"Task '{task.node.label}' needs {edge.minimum} prerequisite '{edge.dataset_type}' for "
        f"{task.data_ids.text(row, codebooks)}{others}, found {count} in {_listed(collections)}."
    )
    if not len(existing):
        return (
            f"{message} These hold no '{edge.dataset_type}' at all. "
            f"{where_else(edge.dataset_type, collections, registry)}"
        )
    if stored.isCalibration() and edge.lookup_function is None:
        ranges = finder.validity_text(task.node.dimensions, task.data_ids, row, stored, bounds_of(task))
        if ranges:
            return f"{message} {ranges}"
    columns = existing.data_ids.columns()
    have = [
        f"{d} {_some(codebooks[d].decode(np.unique(column)))}" for d, column in columns.items() if len(column)
    ]
    return (
        f"{message} The ones that exist are for {'; '.join(have)}. {_what_else(stored)}, or search the "
        "collection that holds it, too (-i)."
    )


def _what_else(kind: DatasetType) -> str:
    return "Certify one for it" if kind.isCalibration() else "Ingest one for it"


def _some(values: list[object]) -> str:
    shown = ", ".join(map(repr, values[:5]))
    return f"{shown}, … ({len(values):,})" if len(values) > 5 else shown
