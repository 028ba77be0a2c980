"""Dataset ids between their three forms: arrays of bytes, `bytes` in the database, `uuid.UUID`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from uuid import UUID

from registry.dataset_ref import Ids

AnyIds: TypeAlias = "Ids | Iterable[UUID]"


def to_bytes(ids: AnyIds) -> list[bytes]:
    """Return one `bytes` of length 16 per id."""
    import numpy as np

    if isinstance(ids, np.ndarray):
        if ids.dtype != np.uint8 or ids.ndim != 2 or ids.shape[1] != 16:
            raise ValueError(
                f"Ids are an array of shape (n, 16) and type uint8, not {ids.shape} {ids.dtype}."
            )
        values: list[bytes] = np.ascontiguousarray(ids).view("V16").ravel().tolist()
        return values
    return [id.bytes for id in ids]


def to_array(ids: Sequence[bytes]) -> Ids:
    """Return the (n, 16) array of ids, owned by the caller."""
    import numpy as np

    return np.frombuffer(b"".join(ids), dtype=np.uint8).reshape(-1, 16).copy()
