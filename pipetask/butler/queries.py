"""The butler's queries: lists of refs, data IDs and records, and the reasons when nothing is found."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pipetask.butler.composites.query import query_composites
from pipetask.butler.data_ids import dataset_type_of
from pipetask.errors import EmptyQueryResultError
from registry.arguments import merged_data_id
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.record import DimensionRecord
from registry.errors import InvalidQueryError, MissingDatasetTypeError
from registry.patterns import as_names, is_glob
from registry.suggest import suggest

if TYPE_CHECKING:
    from pipetask.butler.reading import ReadingButler
    from registry.query.query import Query
    from registry.query.results import QueryResults

T = TypeVar("T")
DEFAULT_LIMIT = -20_000
_log = logging.getLogger(__name__)


@contextmanager
def query(butler: ReadingButler, *, check_values: bool = True) -> Iterator[Query]:
    """Return a context with a query of a repository, which searches what the butler searches by default."""
    governors = {
        name: value for name, value in butler.default_data_id.items() if butler.dimensions[name].governor
    }

    def collections(instrument: str | None) -> Sequence[str]:
        return butler.search_path(None, instrument)

    with butler.registry.query(
        default_collections=collections, default_data_id=governors, check_values=check_values
    ) as made:
        yield made


def query_datasets(
    butler: ReadingButler,
    dataset_type: DatasetType | str,
    collections: str | Sequence[str] | None = None,
    *,
    find_first: bool = True,
    data_id: Mapping[str, Any] | None = None,
    where: str = "",
    bind: Mapping[str, Any] | None = None,
    with_dimension_records: bool = False,
    order_by: str | Iterable[str] = (),
    limit: int | None = DEFAULT_LIMIT,
    explain: bool = True,
    **kwargs: Any,
) -> list[DatasetRef]:
    """Return the datasets of one type.

    Parameters
    ----------
    butler : `ReadingButler`
        The repository.
    dataset_type : `DatasetType` or `str`
        Their type, maybe a component.
    collections : `str` or sequence of `str`, optional
        What to search; patterns with ``*`` are expanded.
    find_first : `bool`, optional
        Whether only the first dataset of each data ID is returned.
    data_id : mapping, optional
        Values that all must have; keywords add to it.
    where : `str`, optional
        Query expression.
    bind : mapping, optional
        Values of the names that the expression writes as ``:name``.
    with_dimension_records : `bool`, optional
        Whether the data IDs carry their records.
    order_by : `str` or iterable of `str`, optional
        Dimensions or metadata to sort by; ``-`` in front for descending.
    limit : `int`, optional
        How many at most; if negative, a warning says that there are more. `None` for all.
    explain : `bool`, optional
        Whether to raise when nothing is found.

    Raises
    ------
    EmptyQueryResultError
        If nothing is found, with the reason, and ``explain`` is true.
    """
    registered, wanted = dataset_type_of(butler, dataset_type)
    composite = butler.composites.get(registered.name)
    if composite is not None:
        with query(butler) as made:
            refs = query_composites(
                butler,
                made,
                composite,
                butler.search_path(collections),
                where=where,
                data_id=merged_data_id(data_id, kwargs),
                bind=bind,
                order_by=order_by,
                with_dimension_records=with_dimension_records,
                find_first=find_first,
                at_most=None if limit is None else abs(limit) + 1,
                explain=explain,
            )
        if component := wanted.component():
            return _limited([ref.makeComponentRef(component, wanted.storageClass) for ref in refs], limit)
        return _limited(list[DatasetRef](refs), limit)
    with query(butler) as made:
        found = made.datasets(wanted, collections, find_first=find_first)
        found = found.where(where, merged_data_id(data_id, kwargs), bind=bind)
        found = found.with_dimension_records() if with_dimension_records else found
        return _listed(found, order_by, limit, explain=explain)


def query_all_datasets(
    butler: ReadingButler,
    collections: str | Sequence[str] | None = None,
    *,
    name: str | Sequence[str] = "*",
    order_by: str | Iterable[str] = (),
    limit: int | None = DEFAULT_LIMIT,
    explain: bool = False,
    **options: Any,
) -> list[DatasetRef]:
    """Return the datasets of all types that match ``name``; options as of `query_datasets`.

    Those of one type come together. They are sorted by what they have of ``order_by``: that of which none of
    the types has it is an error.
    """
    searched = butler.search_path(collections)
    components = [each for each in as_names(name) if "." in each and not is_glob(each)]
    whole = [each for each in as_names(name) if each not in components]
    for each in whole:
        if not is_glob(each) and not butler.registry.query_dataset_types(each):
            nearest = nearest_dataset_type(butler, [each])
            raise MissingDatasetTypeError(f"No dataset type {each!r} in {butler.registry.url}{nearest}")
    held = {dataset_type.name for dataset_type in butler.registry.collections.dataset_types(searched)}
    found: list[DatasetRef] = []
    reasons: dict[str, None] = {}
    dataset_types = butler.registry.query_dataset_types(whole)
    dataset_types += [dataset_type_of(butler, each)[1] for each in components]
    order = _order_by_type(dataset_types, as_names(order_by))
    for dataset_type in dataset_types:
        parent = dataset_type.nameAndComponent()[0]
        named = dataset_type.name in as_names(name) and butler.composites.get(parent) is not None
        if parent not in held and not named:
            continue  # composites are where their parts are
        remaining = None if limit is None else abs(limit) + 1 - len(found)
        try:
            found += query_datasets(
                butler,
                dataset_type,
                searched,
                explain=explain,
                limit=remaining,
                order_by=order[dataset_type.name],
                **options,
            )
        except EmptyQueryResultError as error:
            reasons[str(error)] = None
        if limit is not None and len(found) > abs(limit):
            break
    if explain and not found:
        wanted = name if isinstance(name, str) else " ".join(name)
        nothing = f"No datasets of types {wanted} in collections {', '.join(searched)}."
        raise EmptyQueryResultError(" ".join(reasons) or nothing)
    return _limited(found, limit)


def _order_by_type(dataset_types: Sequence[DatasetType], order_by: Sequence[str]) -> dict[str, list[str]]:
    """Return by dataset type those columns of some to sort by that its datasets have."""
    found: dict[str, list[str]] = {each.name: [] for each in dataset_types}
    if not order_by:
        return found
    from registry.query.names import Names
    from registry.query.select import sort_terms

    for column in order_by:
        refusal: InvalidQueryError | None = None
        is_known = False
        for each in dataset_types:
            try:
                sort_terms([column], Names(each.dimensions, [each.name], may_be_texts=False))
            except InvalidQueryError as error:
                refusal = error
            else:
                is_known = True
                found[each.name].append(column)
        if refusal is not None and not is_known:
            together = dataset_types[0].dimensions.union(each.dimensions for each in dataset_types[1:])
            names = [each.name for each in dataset_types]
            sort_terms([column], Names(together, names, may_be_texts=False))  # says what the nearest name is
            raise refusal
    return found


def nearest_dataset_type(butler: ReadingButler, names: Iterable[str]) -> str:
    """Return what a message ends with that none of some names is of a dataset type: the nearest one."""
    known = [dataset_type.name for dataset_type in butler.registry.query_dataset_types()]
    return next(filter(None, (suggest(name, known) for name in names if not is_glob(name))), "")


def query_data_ids(
    butler: ReadingButler,
    dimensions: str | Iterable[str],
    *,
    data_id: Mapping[str, Any] | None = None,
    where: str = "",
    bind: Mapping[str, Any] | None = None,
    with_dimension_records: bool = False,
    order_by: str | Iterable[str] = (),
    limit: int | None = DEFAULT_LIMIT,
    explain: bool = True,
    **kwargs: Any,
) -> list[DataCoordinate]:
    """Return the data IDs of some dimensions for which there are records; see `query_datasets`."""
    with query(butler) as made:
        found = made.data_ids(dimensions).where(where, merged_data_id(data_id, kwargs), bind=bind)
        found = found.with_dimension_records() if with_dimension_records else found
        return _listed(found, order_by, limit, explain=explain)


def query_dimension_records(
    butler: ReadingButler,
    element: str,
    *,
    data_id: Mapping[str, Any] | None = None,
    where: str = "",
    bind: Mapping[str, Any] | None = None,
    order_by: str | Iterable[str] = (),
    limit: int | None = DEFAULT_LIMIT,
    explain: bool = True,
    **kwargs: Any,
) -> list[DimensionRecord]:
    """Return the records of one dimension (or other element); see `query_datasets`."""
    with query(butler) as made:
        found = made.dimension_records(element).where(where, merged_data_id(data_id, kwargs), bind=bind)
        return _listed(found, order_by, limit, explain=explain)


def _listed(
    found: QueryResults[T], order_by: str | Iterable[str], limit: int | None, *, explain: bool
) -> list[T]:
    """Return results as a list; `EmptyQueryResultError` says why there are none, if wanted."""
    # One more than wanted where a warning depends on it.
    fetched = 1 - limit if isinstance(limit, int) and limit < 0 else limit
    rows = list(found.order_by(*as_names(order_by)).limit(fetched))
    if not rows and explain:
        raise EmptyQueryResultError(" ".join(found.explain_no_results()) or "The limit is 0.")
    return _limited(rows, limit)


def _limited(found: list[T], limit: int | None) -> list[T]:
    if limit is None or len(found) <= abs(limit):
        return found
    if limit < 0:
        _log.warning("More than %d results; only these are returned. Give a limit to choose.", -limit)
    return found[: abs(limit)]
