"""Which composites there are: the data IDs for which all parts exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipetask.butler.composites.definition import Composite
from pipetask.butler.composites.errors import MissingPartError
from pipetask.butler.composites.find import PartFinder
from pipetask.butler.composites.ref import CompositeRef
from pipetask.errors import EmptyQueryResultError

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler
    from registry.query.query import Query


def query_composites(
    butler: ReadingButler,
    query: Query,
    composite: Composite,
    collections: str | Sequence[str],
    *,
    where: str,
    data_id: Mapping[str, Any],
    bind: Mapping[str, Any] | None,
    order_by: str | Iterable[str],
    with_dimension_records: bool,
    at_most: int | None,
    explain: bool,
) -> list[CompositeRef]:
    """Return the composites of one definition that a search of the collections finds, each data ID once.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    query : `Query`
        A query of it.
    composite : `Composite`
        The definition.
    collections : `str` or sequence of `str`
        What is searched, in order; patterns are expanded.
    at_most : `int` or `None`
        How many are returned.
    where, data_id, bind, order_by, with_dimension_records, explain
        As of `queries.query_datasets`.
    """
    searched = [info.name for info in butler.registry.collections.resolve(collections)]
    dimensions = butler.registry.get_dataset_type(composite.name).dimensions
    restricted = query.where(where, data_id, bind=bind)
    put = restricted.datasets(composite.name, searched)
    made = _joined(butler, restricted, composite, searched).data_ids(dimensions)
    candidates = list(dict.fromkeys([*(ref.dataId for ref in put), *made]))
    reasons = [] if candidates else made.explain_no_results()
    found: list[CompositeRef] = []
    if candidates:
        order = [order_by] if isinstance(order_by, str) else order_by
        ordered = query.join_data_coordinates(candidates).data_ids(dimensions).order_by(*order)
        ordered = ordered.with_dimension_records() if with_dimension_records else ordered
        found = list(islice(_complete(butler, composite, searched, ordered, reasons), at_most))
    if explain and not found:
        raise EmptyQueryResultError(" ".join(reasons[:1]) or f"No composites {composite.name!r}.")
    return found


def _joined(butler: ReadingButler, query: Query, composite: Composite, searched: Sequence[str]) -> Query:
    """Return the query for the data IDs that all single parts exist for."""
    joined = set()
    for part in composite.parts:
        name = part.dataset_type.partition(".")[0]
        if part.many or part.data_id or name in joined or butler.composites.get(name) is not None:
            continue
        if butler.registry.get_dataset_type(name).isCalibration():
            continue  # which of them is valid, depends on the time of the data ID
        joined.add(name)
        query = query.join_dataset_search(name, part.collections or searched)
    return query


def _complete(
    butler: ReadingButler,
    composite: Composite,
    searched: Sequence[str],
    data_ids: Iterable[Any],
    reasons: list[str],
) -> Iterator[CompositeRef]:
    """Yield the composites of data IDs; why others are none goes to ``reasons``."""
    finder = PartFinder(butler, searched)
    dataset_type = butler.registry.get_dataset_type(composite.name)
    for data_id in data_ids:
        try:
            yield finder.find(composite, dataset_type, data_id)
        except MissingPartError as error:
            reasons.append(str(error))
