"""Natural joins of relations whose columns are codes of dimension values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipetask.graph.codes import Codebooks, Codes, Rows, distinct_rows, match, row_keys


@dataclass(frozen=True, slots=True)
class Relation:
    """A set of rows over some dimensions.

    Parameters
    ----------
    name
        What the relation is, in the words of a user: it appears in explanations.
    columns
        Codes for each dimension, all of the same length.
    n_rows
        That length, which a relation without columns needs to have told.
    """

    name: str
    columns: Mapping[str, Codes]
    n_rows: int

    @classmethod
    def encode(
        cls, name: str, columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]], codebooks: Codebooks
    ) -> Relation:
        """Make a relation from columns of values; rows with a missing value are left out."""
        codes = {dimension: codebooks[dimension].encode(values) for dimension, values in columns.items()}
        n_rows = len(next(iter(codes.values()), ()))
        relation = cls(name, codes, n_rows)
        is_known = np.ones(n_rows, bool)
        for column in codes.values():
            is_known &= column >= 0
        return relation if is_known.all() else relation.take(np.flatnonzero(is_known))

    def take(self, rows: Rows) -> Relation:
        """Keep the given rows, in the given order."""
        return Relation(self.name, {d: column[rows] for d, column in self.columns.items()}, rows.size)

    def only(self, dimensions: Collection[str]) -> Relation:
        """Keep the columns of the given dimensions, with repeated rows if there are."""
        kept = {d: column for d, column in self.columns.items() if d in dimensions}
        return Relation(self.name, kept, self.n_rows)

    def distinct(self, codebooks: Codebooks) -> Relation:
        """Drop repeated rows and sort what is left by value."""
        columns = [codebooks.ranked(d, column) for d, column in self.columns.items()]
        (keys,), span = row_keys([columns], codebooks.sizes(self.columns), [self.n_rows])
        return self.take(distinct_rows(keys, span))


def natural_join(left: Relation, right: Relation, codebooks: Codebooks) -> Relation:
    """Join two relations on the dimensions that both have; the product if they have none in common."""
    shared = [d for d in left.columns if d in right.columns]
    (left_keys, right_keys), span = row_keys(
        [[r.columns[d] for d in shared] for r in (left, right)],
        codebooks.sizes(shared),
        [left.n_rows, right.n_rows],
    )
    left_rows, right_rows = match(left_keys, right_keys, span)
    columns = {d: column[left_rows] for d, column in left.columns.items()}
    for d, column in right.columns.items():
        if d not in columns:
            columns[d] = column[right_rows]
    return Relation(f"{left.name} with {right.name}", columns, left_rows.size)


@dataclass(frozen=True, slots=True)
class Joined:
    """A natural join, kept as factors without shared dimensions: their product is never made as a whole."""

    factors: tuple[Relation, ...]
    codebooks: Codebooks

    @property
    def is_empty(self) -> bool:
        """Whether there is no row."""
        return any(factor.n_rows == 0 for factor in self.factors)

    def project(self, dimensions: Sequence[str]) -> Relation:
        """Find the distinct rows over some dimensions, sorted by value.

        Raises
        ------
        KeyError
            If the join does not have one of the dimensions.
        """
        missing = set(dimensions).difference(*(factor.columns for factor in self.factors))
        if missing:
            raise KeyError(*sorted(missing))
        if self.is_empty:
            return Relation("", {d: np.empty(0, np.int32) for d in dimensions}, 0)
        product = Relation("", {}, 1)
        for factor in self.factors:
            if not factor.columns.keys().isdisjoint(dimensions):
                part = factor.only(dimensions).distinct(self.codebooks)
                product = natural_join(product, part, self.codebooks)
        in_order = Relation("", {d: product.columns[d] for d in dimensions}, product.n_rows)
        return in_order.distinct(self.codebooks)


def join_all(relations: Iterable[Relation], codebooks: Codebooks, *, keep: Collection[str]) -> Joined:
    """Join relations in an order that keeps the intermediate ones small.

    Parameters
    ----------
    relations
        What to join. Without any, the result is one row over no dimension.
    codebooks
        The codebooks that the relations were encoded with.
    keep
        The dimensions that the caller will project on; others are dropped as soon as nothing joins on them.
    """
    factors = []
    waiting = sorted(relations, key=lambda relation: relation.n_rows)
    while waiting:
        current = waiting.pop(0)
        while (best := _cheapest(current, waiting, codebooks)) is not None:
            current = natural_join(current, waiting.pop(best), codebooks)
            current = current.only({*keep, *(d for relation in waiting for d in relation.columns)})
        factors.append(current)
    return Joined(tuple(factors), codebooks)


def _cheapest(current: Relation, waiting: Sequence[Relation], codebooks: Codebooks) -> int | None:
    """Choose the relation by which the fewest rows come for each row present; `None` if none is connected."""
    best, least = None, (np.inf, 0)
    for position, relation in enumerate(waiting):
        shared = [d for d in relation.columns if d in current.columns]
        if not shared:
            continue
        if len(shared) == len(relation.columns):
            return position
        (keys,), span = row_keys(
            [[relation.columns[d] for d in shared]], codebooks.sizes(shared), [relation.n_rows]
        )
        cost = (relation.n_rows / max(distinct_rows(keys, span).size, 1), relation.n_rows)
        if cost < least:
            best, least = position, cost
    return best
