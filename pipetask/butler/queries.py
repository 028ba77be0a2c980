"""The butler's queries: lists of refs, data IDs and records, and the reasons when nothing is found."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pipetask.butler.data_ids import dataset_type_of
from pipetask.errors import EmptyQueryResultError
from registry.dataset_ref import DatasetRef
from registry.dataset_type import DatasetType
from registry.dimensions.coordinate import DataCoordinate
from registry.dimensions.record import DimensionRecord

if TYPE_CHECKING:
    from pipetask.butler.butler import Butler

T = TypeVar("T")
DEFAULT_LIMIT = -20_000
_log = logging.getLogger(__name__)


def query_datasets(
    butler: Butler,
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
    butler : `Butler`
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
    data_id = {**(data_id or {}), **kwargs}
    searched = butler.search_path(collections, data_id.get("instrument"))
    found = butler.registry.query_datasets(
        registered,
        searched,
        find_first=find_first,
        where=where,
        bind=bind,
        data_id=data_id,
        order_by=_names(order_by),
        limit=_fetched(limit),
        with_records=with_dimension_records,
    )
    if not found and explain:
        raise EmptyQueryResultError(_why_no_datasets(butler, registered, searched, where, data_id))
    found = _limited(found, limit)
    if wanted.isComponent():
        component = str(wanted.component())
        return [ref.makeComponentRef(component, wanted.storageClass) for ref in found]
    return [ref.overrideStorageClass(wanted.storageClass) for ref in found]


def query_all_datasets(
    butler: Butler,
    collections: str | Sequence[str] | None = None,
    *,
    name: str | Sequence[str] = "*",
    limit: int | None = DEFAULT_LIMIT,
    **options: Any,
) -> list[DatasetRef]:
    """Return the datasets of all types that match ``name``; options as of `query_datasets`."""
    searched = butler.search_path(collections)
    held = {dataset_type.name for dataset_type in butler.registry.collections.dataset_types(searched)}
    found: list[DatasetRef] = []
    for dataset_type in butler.registry.query_dataset_types(name):
        if dataset_type.name in held:
            remaining = None if limit is None else abs(limit) + 1 - len(found)
            found += query_datasets(butler, dataset_type, searched, explain=False, limit=remaining, **options)
            if limit is not None and len(found) > abs(limit):
                break
    return _limited(found, limit)


def query_data_ids(
    butler: Butler,
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
    data_id, names = {**(data_id or {}), **kwargs}, _names(dimensions)
    found = butler.registry.query_data_ids(
        butler.dimensions.conform(names),
        where=where,
        bind=bind,
        data_id=data_id,
        order_by=_names(order_by),
        limit=_fetched(limit),
        with_records=with_dimension_records,
    )
    if not found and explain:
        raise EmptyQueryResultError(f"No data IDs of {', '.join(names)}{_restricted(where, data_id)}.")
    return _limited(found, limit)


def query_dimension_records(
    butler: Butler,
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
    name = butler.dimensions[element].name
    data_id = {**(data_id or {}), **kwargs}
    found = butler.registry.query_dimension_records(
        name,
        where=where,
        bind=bind,
        data_id=data_id,
        order_by=_names(order_by),
        limit=_fetched(limit),
    )
    if not found and explain:
        raise EmptyQueryResultError(f"No records of {name!r}{_restricted(where, data_id)}.")
    return _limited(found, limit)


def _names(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _fetched(limit: int | None) -> int | None:
    """Return how many rows to ask for: one more than wanted where a warning depends on it."""
    return limit if limit is None or limit >= 0 else 1 - limit


def _limited(found: list[T], limit: int | None) -> list[T]:
    if limit is None or len(found) <= abs(limit):
        return found
    if limit < 0:
        _log.warning("More than %d results; only these are returned. Give a limit to choose.", -limit)
    return found[: abs(limit)]


def _restricted(where: str, data_id: Mapping[str, Any]) -> str:
    limits = [f"{name}={value!r}" for name, value in data_id.items()] + ([where] if where else [])
    return f" with {' and '.join(limits)}" if limits else ""


def _why_no_datasets(
    butler: Butler, dataset_type: DatasetType, searched: Sequence[str], where: str, data_id: Mapping[str, Any]
) -> str:
    names = ", ".join(searched)
    held = butler.registry.collections.dataset_types(searched)
    if dataset_type not in held:
        known = ", ".join(sorted({other.name for other in held})) or "nothing"
        return f"No datasets of type {dataset_type.name!r} in collections {names}, which hold {known}."
    return (
        f"No dataset {dataset_type.name!r} in collections {names}{_restricted(where, data_id)}; "
        "they hold some with other data IDs."
    )
