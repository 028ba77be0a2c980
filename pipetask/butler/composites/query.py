"""Which composites there are: the data IDs for which all parts exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipetask.butler.composites.definition import Composite
from pipetask.butler.composites.errors import MissingPartError
from pipetask.butler.composites.find import PartFinder
from pipetask.butler.composites.recorded import all_recorded
from pipetask.butler.composites.ref import CompositeRef
from pipetask.errors import EmptyQueryResultError
from registry.patterns import as_names

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler
    from registry.dataset_ref import DatasetRef
    from registry.dimensions.coordinate import DataCoordinate
    from registry.query.query import Query

_PAGE = 20_000  # data IDs of which all parts are found at once
_FEW = 100


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
    find_first: bool,
    at_most: int | None,
    explain: bool,
) -> list[CompositeRef]:
    """Return the composites of one definition that a search of the collections finds.

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
    find_first : `bool`
        Whether each data ID comes once; else all of it that were put come.
    at_most : `int` or `None`
        How many are returned.
    where, data_id, bind, order_by, with_dimension_records, explain
        As of `queries.query_datasets`.
    """
    searched = [info.name for info in butler.registry.collections.resolve(collections)]
    found, reasons = composites_among(
        butler,
        query.where(where, data_id, bind=bind),
        composite,
        searched,
        order_by=order_by,
        with_dimension_records=with_dimension_records,
        find_first=find_first,
        at_most=at_most,
    )
    if explain and not found:
        raise EmptyQueryResultError(" ".join(reasons[:1]) or f"No composites {composite.name!r}.")
    return found


def composites_among(
    butler: ReadingButler,
    restricted: Query,
    composite: Composite,
    searched: Sequence[str],
    *,
    order_by: str | Iterable[str] = (),
    with_dimension_records: bool = False,
    find_first: bool = True,
    at_most: int | None = None,
) -> tuple[list[CompositeRef], list[str]]:
    """Return the composites of the data IDs that a query allows, and why others are none; see above."""
    dimensions = butler.registry.get_dataset_type(composite.name).dimensions
    put = list(restricted.datasets(composite.name, searched, find_first=find_first))
    made = _joined(butler, restricted, composite, searched).data_ids(dimensions)
    candidates = list(dict.fromkeys([*(ref.dataId for ref in put), *made]))
    if not candidates:
        return [], made.explain_no_results()
    reasons: list[str] = []
    finder = _Finder(butler, composite, searched, put if not find_first else [])
    with butler.query() as query:
        ordered = query.join_data_coordinates(candidates).data_ids(dimensions).order_by(*as_names(order_by))
        ordered = ordered.with_dimension_records() if with_dimension_records else ordered
        return list(islice(finder.complete(ordered, reasons, at_most or _PAGE), at_most)), reasons


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


class _Finder:
    """Finds the composites of data IDs; of those put that it is given, all."""

    def __init__(
        self,
        butler: ReadingButler,
        composite: Composite,
        searched: Sequence[str],
        put: Sequence[DatasetRef],
    ) -> None:
        self._finder = PartFinder(butler, searched)
        self._composite = composite
        self._dataset_type = butler.registry.get_dataset_type(composite.name)
        self._put: dict[DataCoordinate, list[CompositeRef]] = {}
        for ref in all_recorded(butler, composite, put):
            self._put.setdefault(ref.dataId, []).append(ref)

    def complete(
        self, data_ids: Iterable[DataCoordinate], reasons: list[str], wanted: int
    ) -> Iterator[CompositeRef]:
        """Yield the composites of data IDs; ``reasons`` why others are none; ``wanted`` are about enough."""
        remaining = iter(data_ids)
        while page := list(islice(remaining, min(max(wanted, _FEW), _PAGE))):
            sought = [each for each in page if each not in self._put]
            made = iter(self._finder.find_many(self._composite, self._dataset_type, sought))
            for data_id in page:
                for each in self._put.get(data_id) or (next(made),):
                    if isinstance(each, MissingPartError):
                        reasons.append(str(each))
                    else:
                        yield each.expanded(data_id) if data_id in self._put else each
