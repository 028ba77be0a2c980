"""Keeping only the values in use, numbered in their order, and what dimension records say about these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipetask.graph.codes import Codebooks, Codes
from pipetask.graph.tables import Implied


class Compaction:
    """New codes for the values that a finished graph uses.

    Parameters
    ----------
    codebooks
        All values met while building.
    implied
        What dimension records say, by element.
    tables
        Dimensions and codes of all that the graph keeps.
    """

    def __init__(
        self,
        codebooks: Codebooks,
        implied: Mapping[str, Implied],
        tables: Sequence[tuple[Sequence[str], Codes]],
    ) -> None:
        used = {d: np.zeros(len(book), bool) for d, book in codebooks.items()}
        for dimensions, codes in tables:
            for d, column in zip(dimensions, codes.T, strict=True):
                used[d][column] = True
        kept: dict[str, Implied] = {}
        n_before = -1  # what is implied may be a part of other keys, hence more than one pass
        while (n_used := sum(map(np.count_nonzero, used.values()))) != n_before:
            n_before = n_used
            for name, table in implied.items():
                is_used = np.ones(len(table.keys), bool)
                for d, column in zip(table.required, table.keys.T, strict=True):
                    is_used &= used[d][column]
                kept[name] = Implied(
                    table.required, table.implied, table.keys[is_used], table.values[is_used]
                )
                for d, column in zip(table.implied, kept[name].values.T, strict=True):
                    used[d][column] = True
        self.values: dict[str, list[Any]] = {}  # strings or integers, as the dimension has
        self._new: dict[str, Codes] = {}
        for d, mask in used.items():
            if mask.any():
                in_order = sorted(np.flatnonzero(mask).tolist(), key=codebooks[d].values.__getitem__)
                self._new[d] = np.full(mask.size, -1, np.int32)
                self._new[d][in_order] = np.arange(len(in_order))
                self.values[d] = [codebooks[d].values[code] for code in in_order]
        self.implied = {
            name: Implied(
                table.required,
                table.implied,
                self.recode(table.required, table.keys),
                self.recode(table.implied, table.values),
            )
            for name, table in kept.items()
            if len(table.keys)
        }

    def recode(self, dimensions: Sequence[str], codes: Codes) -> Codes:
        """Replace old codes by new ones."""
        new = np.empty(codes.shape, np.int32, order="F")
        if len(codes):
            for position, d in enumerate(dimensions):
                new[:, position] = self._new[d][codes[:, position]]
        return new
