"""Why a query finds nothing: the part that is to blame, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from sqlalchemy import select

from registry.dimensions.group import DimensionGroup
from registry.query.source import Source, Spec
from registry.query.tree import FALSE, TRUE, Predicate, all_of, columns
from registry.query.where import independent


def reasons(source: Source, spec: Spec, *, execute: bool = True) -> list[str]:
    """Return sentences that say why a query has no rows; none if it has some, or nothing is known.

    Parameters
    ----------
    source : `Source`
        What is asked.
    spec : `Spec`
        The query.
    execute : `bool`, optional
        Whether to ask for rows; else only summaries are looked at.
    """
    if spec.predicate == FALSE:
        return ["The conditions contradict each other, whatever the data."]
    found = list(_absent_datasets(source, spec))
    if found or not execute or _any(source, spec):
        return found
    return (
        list(_empty_elements(source, spec))
        or list(_no_overlap(source, spec))
        or list(_false_conditions(source, spec))
        or list(_datasets_elsewhere(source, spec))
        or ["Each part of the query matches something, but no data ID fulfils all of them."]
    )


def _any(source: Source, spec: Spec) -> bool:
    plan = source.plan(spec)
    if plan is None:
        return False
    return source.any(source.select(plan, spec.dimensions, nulls=True))


def _absent_datasets(source: Source, spec: Spec) -> Iterator[str]:
    """Yield the searches that no collection can answer, by what summaries say."""
    predicate = source.constrained(spec)
    for join in spec.datasets:
        if source.candidates(join, predicate):
            continue
        names, name = source.collections(join, predicate), join.dataset_type.name
        if not names:
            yield f"There are no collections to search for datasets of type {name!r}."
            continue
        held = {other.name for other in source.registry.collections.dataset_types(names)}
        if name in held:
            yield f"No dataset {name!r} in collections {', '.join(names)} with {predicate}."
        else:
            known = ", ".join(sorted(held)) or "nothing"
            yield f"No datasets of type {name!r} in collections {', '.join(names)}, which hold {known}."


def _empty_elements(source: Source, spec: Spec) -> Iterator[str]:
    for name in spec.dimensions.required:
        if source.universe[name].skypix is None:
            table = source.schema.element_table(name)
            if not source.any(select(table.c[name])):
                yield f"There are no records of {name!r} at all."


def _no_overlap(source: Source, spec: Spec) -> Iterator[str]:
    stored = [name for name in spec.dimensions.spatial if source.universe[name].skypix is None]
    for a, b in combinations(stored, 2):
        if not source.any(select(*source.schema.overlap_table(a, b).c)):
            yield f"No region of {a!r} overlaps one of {b!r}."


def _false_conditions(source: Source, spec: Spec) -> Iterator[str]:
    """Yield the conditions that nothing fulfils, or else the first that is one too many."""
    parts = [
        (part, whole)
        for part, whole in independent(source.constrained(spec), source.universe)
        if not any(column.dataset for column in columns(part))
    ]
    alone = [part for part, whole in parts if not _any(source, _bare(source, whole))]
    for part in alone:
        yield f"Nothing matches {part}."
    for n in range(2, 1 if alone else len(parts) + 1):
        *before, last = (part for part, _ in parts[:n])
        if not _any(source, _bare(source, all_of([*before, last]), spec.dimensions)):
            yield f"Nothing matches {last} besides {all_of(before)}."
            return


def _bare(source: Source, predicate: Predicate, dimensions: DimensionGroup | None = None) -> Spec:
    return Spec(dimensions or source.universe.empty).restricted(predicate)


def _datasets_elsewhere(source: Source, spec: Spec) -> Iterator[str]:
    """Yield the searches that find nothing, alone or for the data IDs that are asked for."""
    predicate = source.constrained(spec)
    for join in spec.datasets:
        alone = Spec(join.dataset_type.dimensions, datasets=(join,))
        where = f"collections {', '.join(source.collections(join, predicate))}"
        if not _any(source, alone):
            yield f"There is no dataset {join.dataset_type.name!r} left in {where}."
        elif not _any(source, replace(spec, datasets=(join,), given=())):
            restricted = f" with {spec.predicate}" if spec.predicate != TRUE else " for these dimensions"
            yield (
                f"No dataset {join.dataset_type.name!r} in {where}{restricted}; "
                "they hold some with other data IDs."
            )
